"""Container files as bytes: what fastavro writes is read here, and the other way round."""

from __future__ import annotations

import io
import itertools

import fastavro
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bspump_like.avro.container import (
    CODECS,
    Header,
    IncompleteError,
    compress,
    decompress,
    encode_block,
    find_block,
    read_header,
)
from bspump_like.avro.schema import RecordEncoder
from bspump_like.avro.source import AvroSplitter
from bspump_like.errors import ProcessingError

SCHEMA = fastavro.parse_schema(
    {"type": "record", "name": "R", "fields": [
        {"name": "id", "type": "long"}, {"name": "text", "type": ["null", "string"], "default": None},
    ]}
)  # fmt: skip
records = st.lists(
    st.fixed_dictionaries({"id": st.integers(-(2**63), 2**63 - 1), "text": st.none() | st.text(max_size=5)}),
    max_size=12,
)


def written(events, codec="null", block=10):
    encoder = RecordEncoder(SCHEMA, strict=True)
    header = Header(SCHEMA, codec, b"0123456789abcdef", 0)
    lines = [encoder.encode(event) for event in events]
    blocks = [encode_block(lines[at : at + block], header) for at in range(0, len(lines), block)]
    return header.encode() + b"".join(blocks)


PEER = sorted(set(CODECS) - {"zstandard"})  # for that one fastavro wants another package than ours


@pytest.mark.parametrize("codec", PEER)
def test_what_is_written_here_is_read_by_fastavro(codec):
    events = [{"id": number, "text": "x" * number} for number in range(25)]
    assert list(fastavro.reader(io.BytesIO(written(events, codec)))) == events


@pytest.mark.parametrize("codec", PEER)
def test_what_fastavro_writes_is_read_here(codec):
    events = [{"id": number, "text": None} for number in range(1000)]
    file = io.BytesIO()
    fastavro.writer(file, SCHEMA, events, codec=codec, sync_interval=100)
    assert split([file.getvalue()]) == events


@pytest.mark.parametrize("codec", sorted(CODECS))
def test_every_codec_goes_both_ways(codec):
    events = [{"id": number, "text": "x" * number} for number in range(100)]
    assert split([written(events, codec)]) == events


def split(pieces):
    chunks, failure = chunks_of(pieces)
    if failure is not None:
        raise failure
    assert all(one.offset < two.offset for one, two in itertools.pairwise(chunks))
    return [event for chunk in chunks for event in chunk.events]


def chunks_of(pieces):
    splitter = AvroSplitter("f", 1 << 20, None)
    return [chunk for piece in pieces for chunk in splitter.feed(piece)] + splitter.finish(), splitter.failure


@given(records, st.integers(1, 12), st.data())
def test_a_file_cut_into_any_pieces_gives_its_records(events, block, data):
    whole = written(events, block=block)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=8)))
    pieces = [whole[a:b] for a, b in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    assert split(pieces) == events


@given(records.filter(bool), st.data())
def test_a_file_that_ends_too_early_fails_unless_it_ends_behind_a_block(events, data):
    whole = written(events, block=3)
    cut = data.draw(st.integers(0, len(whole) - 1))
    ends = {0, len(written([])), *(chunk.offset for chunk in chunks_of([whole])[0])}
    chunks, failure = chunks_of([whole[:cut]])
    assert [event for chunk in chunks for event in chunk.events] == events[: 3 * len(chunks)]
    assert (failure is None) == (cut in ends)
    assert failure is None or "ends within a block" in str(failure)


def test_what_is_damaged_is_said():
    whole = bytearray(written([{"id": 1, "text": "x"}]))
    with pytest.raises(ProcessingError, match="no Avro container file"):
        split([b"PAR1" + bytes(whole)])
    whole[-1] ^= 1
    with pytest.raises(ProcessingError, match="sync marker"):
        split([bytes(whole)])


@pytest.mark.parametrize("codec", sorted(set(CODECS) - {"null"}))
def test_a_bomb_is_not_unpacked(codec):
    bomb = compress(codec, bytes(10_000_000))
    with pytest.raises(ProcessingError, match="more than 1000 bytes"):
        decompress(codec, bomb, "f", 1000)


@pytest.mark.parametrize("codec", sorted(set(CODECS) - {"null"}))
def test_what_is_not_compressed_so_is_said(codec):
    with pytest.raises(ProcessingError, match=f"no {codec}"):
        decompress(codec, b"garbage, more or less", "f", 1000)


def test_a_header_is_incomplete_until_its_last_byte():
    header = Header(SCHEMA, "null", bytes(16), 0).encode()
    for length in range(len(header)):
        with pytest.raises(IncompleteError):
            read_header(header[:length], "f")
    assert read_header(header, "f").length == len(header)


def test_a_block_of_an_absurd_size_is_not_waited_for():
    header = read_header(Header(SCHEMA, "null", bytes(16), 0).encode(), "f")
    with pytest.raises(ProcessingError, match="max_block_length"):
        find_block(b"\x02" + b"\xff\xff\xff\xff\x0f" + bytes(100), 0, header, "f", 1000)

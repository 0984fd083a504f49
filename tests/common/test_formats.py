"""Bytes of one event: Base64, compression, MessagePack, hexadecimal digits."""

from __future__ import annotations

import base64
import bz2
import datetime
import gzip
import lzma
import zlib

import msgpack
import pytest
import zstandard

from bspump_like import ProcessingError
from bspump_like.common import (
    Base64DecodeProcessor,
    Base64EncodeProcessor,
    CompressProcessor,
    DecompressProcessor,
    MsgPackDumperProcessor,
    MsgPackParserProcessor,
    UnhexlifyProcessor,
)

FORMATS = {"gzip": gzip, "zlib": zlib, "bz2": bz2, "xz": lzma, "zstd": zstandard}
DATA = bytes(range(256)) * 20


def test_base64_both_ways(make):
    encoded = make(Base64EncodeProcessor).process({}, DATA)
    assert encoded == base64.b64encode(DATA)
    assert make(Base64DecodeProcessor).process({}, encoded) == DATA
    assert make(Base64DecodeProcessor).process({}, base64.encodebytes(DATA).decode()) == DATA
    assert make(Base64EncodeProcessor, {"url": "yes"}).process({}, b"\xff\xef") == b"_-8="
    assert make(Base64DecodeProcessor, {"url": "yes"}).process({}, "_-8=") == b"\xff\xef"


@pytest.mark.parametrize("event", ["a", "****", "_-8=", 5, None])
def test_what_is_no_base64_fails(make, event):
    with pytest.raises(ProcessingError, match="not Base64|expected bytes or text"):
        make(Base64DecodeProcessor).process({}, event)


@pytest.mark.parametrize("name", FORMATS)
def test_what_is_compressed_is_what_others_read_and_the_other_way_round(make, name):
    compressed = make(CompressProcessor, {"format": name}).process({}, DATA)
    assert FORMATS[name].decompress(compressed) == DATA
    assert len(compressed) < len(DATA)
    assert make(DecompressProcessor, {"format": name}).process({}, FORMATS[name].compress(DATA)) == DATA


@pytest.mark.parametrize("name", FORMATS)
def test_what_is_damaged_cut_short_or_too_large_fails(make, name):
    part = make(DecompressProcessor, {"format": name, "max_size": 10_000})
    assert part.process({}, FORMATS[name].compress(bytes(10_000))) == bytes(10_000)
    for data in (b"", b"nothing of that kind", FORMATS[name].compress(DATA)[:-3]):
        with pytest.raises(ProcessingError, match=f"not {name}, or cut short"):
            part.process({}, data)
    for size in (10_001, 50_000_000):
        with pytest.raises(ProcessingError, match="more than 10000 bytes, decompressed"):
            part.process({}, FORMATS[name].compress(bytes(size)))


def test_messagepack_both_ways(make):
    event = {"a": [1, b"\x00", None], 5: "x", "t": datetime.datetime(2026, 11, 21, 12, 30, tzinfo=datetime.UTC)}
    assert make(MsgPackParserProcessor).process({}, make(MsgPackDumperProcessor).process({}, event)) == event


@pytest.mark.parametrize("event", [b"", b"\xc1", msgpack.packb(1) * 2, b"\x91" * 5000, "text", None])
def test_what_is_no_messagepack_fails(make, event):
    with pytest.raises(ProcessingError):
        make(MsgPackParserProcessor).process({}, event)


@pytest.mark.parametrize("event", [object(), datetime.datetime(2026, 1, 1), 2**70])
def test_what_messagepack_cannot_say_fails(make, event):
    with pytest.raises(ProcessingError, match="MessagePack cannot say the event"):
        make(MsgPackDumperProcessor).process({}, event)


def test_hexadecimal_digits_become_bytes(make):
    assert make(UnhexlifyProcessor).process({}, "00fF") == make(UnhexlifyProcessor).process({}, b"00fF") == b"\x00\xff"
    for event in ("0", "zz", 5):
        with pytest.raises(ProcessingError, match="not hexadecimal digits"):
            make(UnhexlifyProcessor).process({}, event)

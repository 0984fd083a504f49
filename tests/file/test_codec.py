"""Compressed files: every format, members one after another, damage, resuming."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from bspump_like.errors import ConfigError, ProcessingError
from bspump_like.file.codec import InputStream, codec_of, compress, durable_prefix, members_of, require

CODECS = ["none", "gzip", "bz2", "xz", "zstd"]
TEXT = b"".join(b"line %d\n" % number for number in range(20_000))


def read(path: Path, codec: str, member: str | None = None, begin: int = 0) -> bytes:
    with open(path, "rb", buffering=0) as raw, InputStream(raw, str(path), codec, member) as stream:
        stream.skip_to(begin)
        parts = []
        while block := stream.read_block(10_000):
            parts.append(block)
        return b"".join(parts)


@pytest.mark.parametrize("codec", CODECS)
def test_members_one_after_another_are_read_as_one(tmp_path: Path, codec: str) -> None:
    path = tmp_path / "f"
    path.write_bytes(compress(codec, TEXT[:5000]) + compress(codec, TEXT[5000:]))
    assert read(path, codec) == TEXT
    assert read(path, codec, begin=5001) == TEXT[5001:]


@pytest.mark.parametrize("codec", CODECS[1:])
def test_a_file_cut_short_is_an_error_that_names_it(tmp_path: Path, codec: str) -> None:
    path = tmp_path / "f"
    path.write_bytes(compress(codec, TEXT)[:-20])
    with pytest.raises(ProcessingError, match=str(path)):
        read(path, codec)


@pytest.mark.parametrize("codec", [*CODECS[1:], "zip"])
def test_what_is_not_compressed_is_an_error(tmp_path: Path, codec: str) -> None:
    path = tmp_path / "f"
    path.write_bytes(TEXT)
    with open(path, "rb", buffering=0) as raw, pytest.raises(ProcessingError):
        members_of(raw, str(path), codec) if codec == "zip" else read(path, codec)


@pytest.mark.parametrize("codec", CODECS[1:])
def test_durable_prefix_ends_behind_the_last_complete_member(tmp_path: Path, codec: str) -> None:
    path = tmp_path / "f"
    whole = compress(codec, TEXT[:70]) + compress(codec, TEXT)
    path.write_bytes(whole + compress(codec, TEXT)[:30])
    assert durable_prefix(str(path), codec) == len(whole)


def test_zip_members_come_in_order_and_by_pattern(tmp_path: Path) -> None:
    path = tmp_path / "f.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("b.csv", "1")
        archive.writestr("dir/", "")
        archive.writestr("a.txt", "2")
    with open(path, "rb", buffering=0) as raw:
        assert list(members_of(raw, "f.zip", "zip")) == ["b.csv", "a.txt"]
        assert list(members_of(raw, "f.zip", "zip", "*.txt")) == ["a.txt"]
    assert read(path, "zip", "a.txt") == b"2"


def test_the_ending_says_the_codec_unless_the_option_does() -> None:
    assert [codec_of(f"f{e}") for e in (".gz", ".bz2", ".xz", ".lzma", ".zst", ".zip", ".csv")] == [
        "gzip", "bz2", "xz", "xz", "zstd", "zip", "none",
    ]  # fmt: skip
    assert codec_of("f.gz", "none") == "none"


def test_a_zip_file_cannot_be_written() -> None:
    with pytest.raises(ConfigError, match="zip"):
        require("zip", writing=True)


def test_a_small_file_that_stands_for_a_large_one_is_read_in_bounded_blocks(tmp_path: Path) -> None:
    path = tmp_path / "bomb"
    path.write_bytes(compress("zstd", bytes(50 << 20)))
    with open(path, "rb", buffering=0) as raw, InputStream(raw, str(path), "zstd") as stream:
        assert len(stream.read_block(1000)) == 1000

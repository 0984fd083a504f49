"""Avro's object container files: the header, blocks of records, and their compression.

Format: Apache Avro specification 1.12, "Object Container Files". A header (magic, metadata, 16 bytes of sync marker), then
blocks: the number of records, the number of bytes, the records (compressed together), the sync marker. So a file may end behind
any block.
"""

from __future__ import annotations

import bz2
import io
import lzma
import zlib
from collections.abc import Callable
from typing import Any, NamedTuple

import orjson

from ..errors import ProcessingError, needs
from .schema import fastavro

MAGIC = b"Obj\x01"
SYNC_LENGTH = 16
_LONGEST_LONG = 10  # bytes of a 64-bit integer as Avro writes it

_HEADER_SCHEMA = {
    "type": "record", "name": "org.apache.avro.file.Header", "fields": [
        {"name": "magic", "type": {"type": "fixed", "name": "magic", "size": len(MAGIC)}},
        {"name": "meta", "type": {"type": "map", "values": "bytes"}},
        {"name": "sync", "type": {"type": "fixed", "name": "sync", "size": SYNC_LENGTH}},
    ],
}  # fmt: skip


class IncompleteError(Exception):
    """The bytes end within a header or a block."""


class Header(NamedTuple):
    """What a file begins with.

    Attributes:
        schema: Of its records, parsed.
        codec: How its blocks are compressed.
        sync: What stands behind each block.
        length: Bytes of the header.
    """

    schema: Any
    codec: str
    sync: bytes
    length: int

    def encode(self) -> bytes:
        """Return it as bytes."""
        buffer = io.BytesIO()
        meta = {"avro.schema": orjson.dumps(_plain(self.schema)), "avro.codec": self.codec.encode()}
        fastavro().schemaless_writer(buffer, _HEADER_SCHEMA, {"magic": MAGIC, "meta": meta, "sync": self.sync})
        return buffer.getvalue()

    def same_schema(self, schema: Any) -> bool:
        """Tell whether records of `schema` may be appended to the file."""
        return bool(_plain(schema) == _plain(self.schema))


def _plain(schema: Any) -> Any:
    """Return a parsed schema without what fastavro notes in it for itself."""
    if isinstance(schema, dict):
        return {key: _plain(value) for key, value in schema.items() if not key.startswith("__")}
    return [_plain(one) for one in schema] if isinstance(schema, list) else schema


def read_header(data: bytes, name: str) -> Header:
    """Return the header that `data` begins with.

    Raises:
        IncompleteError: It ends within the header.
        ProcessingError: It is no Avro container file, or one of a codec that is not known.
    """
    if not MAGIC.startswith(data[: len(MAGIC)]):
        raise ProcessingError(f"{name} is no Avro container file", detail=f"it begins with {data[:4]!r}, not {MAGIC!r}")
    buffer = io.BytesIO(data)
    try:
        header = fastavro().schemaless_reader(buffer, _HEADER_SCHEMA, None)
    except (EOFError, IndexError, MemoryError) as error:
        raise IncompleteError from error
    if buffer.tell() > len(data) or len(header["sync"]) < SYNC_LENGTH:
        raise IncompleteError
    codec = header["meta"].get("avro.codec", b"null").decode()
    if codec not in CODECS:
        raise ProcessingError(f"{name} is compressed by '{codec}'", hint=f"known: {', '.join(CODECS)}")
    schema = fastavro().parse_schema(orjson.loads(header["meta"]["avro.schema"]))
    return Header(schema, codec, header["sync"], buffer.tell())


def encode_block(records: list[bytes], header: Header) -> bytes:
    """Return a block of records."""
    data = compress(header.codec, b"".join(records))
    return b"".join((_long(len(records)), _long(len(data)), data, header.sync))


class Block(NamedTuple):
    """Where a block lies in a piece of a file: its number of records, and the bytes of its data and of its end."""

    records: int
    begin: int
    end: int
    next: int


def find_block(data: bytes, at: int, header: Header, name: str, most: int) -> Block:
    """Return the block that begins at byte `at` of `data`.

    Raises:
        IncompleteError: It does not end in `data`.
        ProcessingError: There is no block, or one of more than `most` bytes.
    """
    records, at = _read_long(data, at)
    size, at = _read_long(data, at)
    if records < 0 or not 0 <= size <= most:
        raise ProcessingError(
            f"{name} has a block of {records} records in {size} bytes",
            hint="it is damaged; or raise 'max_block_length'",
        )
    if len(data) < at + size + SYNC_LENGTH:
        raise IncompleteError
    if data[at + size : at + size + SYNC_LENGTH] != header.sync:
        raise ProcessingError(f"{name} is damaged: a block does not end with the sync marker")
    return Block(records, at, at + size, at + size + SYNC_LENGTH)


def _long(number: int) -> bytes:
    """Return a number as Avro writes it: zigzag, seven bits a byte, the lowest first."""
    number = (number << 1) ^ (number >> 63)
    parts = bytearray()
    while number > 0x7F:
        parts.append(number & 0x7F | 0x80)
        number >>= 7
    parts.append(number)
    return bytes(parts)


def _read_long(data: bytes, at: int) -> tuple[int, int]:
    number = shift = 0
    for place in range(at, at + _LONGEST_LONG):
        if place >= len(data):
            raise IncompleteError
        number |= (data[place] & 0x7F) << shift
        shift += 7
        if data[place] < 0x80:
            return (number >> 1) ^ -(number & 1), place + 1
    raise ProcessingError("an Avro file is damaged: a number has more than ten bytes")


# Codecs. Reading is bounded: a few bytes can stand for gigabytes.


def compress(codec: str, data: bytes) -> bytes:
    """Return the data of a block, compressed."""
    return CODECS[codec][0](data)


def decompress(codec: str, data: bytes, name: str, most: int) -> bytes:
    """Return the records of a block.

    Raises:
        ProcessingError: It cannot be decompressed, or is larger than `most` bytes.
        MissingDependency: The package for the codec is not installed.
    """
    malformed = _malformed(codec)
    try:
        plain = CODECS[codec][1](data, most)
    except malformed as error:
        raise ProcessingError(f"{name} has a block that is no {codec}", detail=str(error)) from error
    if len(plain) > most:
        raise ProcessingError(
            f"{name} has a block of more than {most} bytes", hint="raise 'max_block_length' if that is good"
        )
    return plain


def _malformed(codec: str) -> tuple[type[Exception], ...]:
    """Return what the library of a codec raises for data that is none of it."""
    if codec == "zstandard":
        return (_zstandard().ZstdError,)
    if codec == "snappy":
        return (_cramjam().DecompressionError, ValueError)
    return zlib.error, lzma.LZMAError, OSError, EOFError, ValueError


def _deflate(data: bytes) -> bytes:
    deflating = zlib.compressobj(wbits=-15)
    return deflating.compress(data) + deflating.flush()


def _snappy(data: bytes) -> bytes:
    return bytes(_cramjam().snappy.compress_raw(data)) + zlib.crc32(data).to_bytes(4, "big")


def _unsnappy(data: bytes, most: int) -> bytes:
    snappy = _cramjam().snappy
    length: int = snappy.decompress_raw_len(data[:-4])
    if length > most:
        return bytes(most + 1)  # too large is all that the caller asks of it
    plain = bytes(snappy.decompress_raw(data[:-4]))
    if zlib.crc32(plain).to_bytes(4, "big") != data[-4:]:
        raise ValueError("its checksum is wrong")
    return plain


def _unzstandard(data: bytes, most: int) -> bytes:
    plain: bytes = _zstandard().ZstdDecompressor().stream_reader(data).read(most + 1)
    return plain


def _zstandard() -> Any:
    with needs("zstd"):
        import zstandard
    return zstandard


def _cramjam() -> Any:
    with needs("avro"):
        import cramjam
    return cramjam


CODECS: dict[str, tuple[Callable[[bytes], bytes], Callable[[bytes, int], bytes]]] = {
    "null": (lambda data: data, lambda data, most: data),
    "deflate": (_deflate, lambda data, most: zlib.decompressobj(wbits=-15).decompress(data, most + 1)),
    "snappy": (_snappy, _unsnappy),
    "zstandard": (lambda data: _zstandard().ZstdCompressor().compress(data), _unzstandard),
    "bzip2": (bz2.compress, lambda data, most: bz2.BZ2Decompressor().decompress(data, most + 1)),
    "xz": (lzma.compress, lambda data, most: lzma.LZMADecompressor().decompress(data, most + 1)),
}
"""Name in a file's header -> how to compress, and how to decompress up to a little more than so many bytes."""

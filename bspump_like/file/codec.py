"""Compressed files as streams of bytes: which codec a path has, reading it bounded, writing it in whole members.

Formats: gzip (RFC 1952), bzip2, xz and lzma, Zstandard (RFC 8878), zip (reading only). Each of them but zip allows
several members (frames, streams) one after another; a sink writes one per chunk, so any durable prefix can be read.
"""

from __future__ import annotations

import bz2
import fnmatch
import gzip
import io
import lzma
import os
import zipfile
import zlib
from collections.abc import Callable, Sequence
from typing import Any, BinaryIO, Literal

from ..errors import ConfigError, ProcessingError, needs

Compression = Literal["auto", "none", "gzip", "bz2", "xz", "zstd", "zip"]

BLOCK = 1 << 20
"""Bytes asked for at a time; what a reader holds of a file is a small multiple of it."""

_ENDINGS = {".gz": "gzip", ".bz2": "bz2", ".xz": "xz", ".lzma": "xz", ".zst": "zstd", ".zip": "zip"}

# One kilobyte of Zstandard can stand for 32 MB (run-length blocks): feeding it no faster bounds what one call returns.
_ZSTD_FEED = 1024


def codec_of(path: str, compression: str = "auto") -> str:
    """Return the codec of `path`: `compression`, or what the ending says when that is `auto`; `none` for plain files."""
    if compression != "auto":
        return compression
    return _ENDINGS.get(os.path.splitext(path)[1].lower(), "none")


def require(codec: str, *, writing: bool) -> None:
    """Check at construction that `codec` can be used.

    Raises:
        MissingDependency: The package is not installed.
        ConfigError: zip cannot be written.
    """
    if codec == "zip" and writing:
        raise ConfigError("zip files can be read but not written", hint="use gzip, bz2, xz or zstd")
    if codec == "zstd":
        _zstandard()


def compress(codec: str, data: bytes) -> bytes:
    """Return `data` as one complete member of `codec`; `none` returns it as it is."""
    if codec == "gzip":
        return gzip.compress(data, 6, mtime=0)
    if codec == "bz2":
        return bz2.compress(data)
    if codec == "xz":
        return lzma.compress(data, preset=3)
    if codec == "zstd":
        compressed: bytes = _zstandard().ZstdCompressor().compress(data)
        return compressed
    return data


def durable_prefix(path: str, codec: str) -> int:
    """Return how many bytes at the beginning of `path` are complete members; reads the file once.

    A process killed while it appended leaves half a member, and whatever is appended behind that could never be read.
    """
    with open(path, "rb") as file:
        if codec == "none":
            return file.seek(0, os.SEEK_END)
        return _complete_members(file, _decompressors(codec), _ZSTD_FEED if codec == "zstd" else 1 << 16)


def _complete_members(file: BinaryIO, new: Callable[[], Any], feed: int) -> int:
    good = taken = 0
    member = new()
    while block := file.read(feed):
        taken += len(block)
        while block:
            try:
                member.decompress(block)
            except (OSError, zlib.error, lzma.LZMAError, EOFError, _zstd_error()):
                return good
            if not member.eof:
                break
            block = member.unused_data
            good = taken - len(block)
            member = new()
    return good


def _decompressors(codec: str) -> Callable[[], Any]:
    if codec == "gzip":
        return lambda: zlib.decompressobj(31)
    if codec == "bz2":
        return bz2.BZ2Decompressor
    if codec == "xz":
        return lzma.LZMADecompressor
    decompressor = _zstandard().ZstdDecompressor()
    return lambda: decompressor.decompressobj()


def members_of(raw: BinaryIO, path: str, codec: str, pattern: str = "") -> Sequence[str | None]:
    """Return the members to read, in their order: `[None]` but for zip files, where `pattern` is a glob on their names.

    Raises:
        ProcessingError: The archive cannot be read.
    """
    if codec != "zip":
        return [None]
    try:
        with zipfile.ZipFile(raw) as archive:
            names = [info.filename for info in archive.infolist() if not info.is_dir()]
    except zipfile.BadZipFile as error:
        raise ProcessingError(f"cannot read {path} as a zip file", detail=str(error)) from error
    return [name for name in names if not pattern or fnmatch.fnmatch(name, pattern)]


class InputStream(io.RawIOBase):
    """Decompressed bytes of one file (or one member of a zip file), with the offset of the next byte.

    Wrapped by the standard buffered and text readers where a user's `read(filename, f)` wants them.

    Args:
        raw: The file, opened unbuffered; the caller closes it, after this stream.
        path: Its name in messages.
        codec: What `codec_of` returned.
        member: Name within a zip file.
    """

    def __init__(self, raw: BinaryIO, path: str, codec: str, member: str | None = None) -> None:
        """Open the decompressor; reads nothing yet, but for the directory of a zip file."""
        super().__init__()
        self.path, self.codec, self.member, self.offset = path, codec, member, 0
        self._raw = raw
        self._archive: zipfile.ZipFile | None = None
        self._file: Any = self._open()

    def _open(self) -> Any:
        self._raw.seek(0)
        if self.codec == "gzip":
            return gzip.GzipFile(fileobj=self._raw, mode="rb")
        if self.codec == "bz2":
            return bz2.BZ2File(self._raw)
        if self.codec == "xz":
            return lzma.LZMAFile(self._raw)
        if self.codec == "zstd":
            return _ZstdReader(self._raw)
        if self.codec == "zip":
            self._archive = zipfile.ZipFile(self._raw)
            return self._archive.open(self.member or "")
        return self._raw

    def read_block(self, size: int = BLOCK) -> bytes:
        """Return up to `size` decompressed bytes, empty at the end; blocks, so call it in a thread.

        Raises:
            ProcessingError: The content is not what the codec expects, or ends too early.
            OSError: The file cannot be read.
        """
        try:
            block: bytes = self._file.read(size)
        except OSError as error:
            if error.errno is not None:
                raise
            raise self._broken(error) from error  # bz2 and gzip report bad data as an OSError without a number
        except (EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, NotImplementedError, _zstd_error()) as error:
            raise self._broken(error) from error
        self.offset += len(block)
        return block

    def _broken(self, error: BaseException) -> ProcessingError:
        name = self.path if self.member is None else f"{self.path} ({self.member})"
        return ProcessingError(
            f"cannot decompress {name} as {self.codec} behind byte {self.offset} of its content", detail=str(error),
            hint="the file is damaged or was cut short; or set 'compression'",
        )  # fmt: skip

    def skip_to(self, offset: int) -> None:
        """Go to byte `offset` of the content: a seek in a plain file, decompress and throw away in any other."""
        if offset == self.offset:
            return
        if self.codec == "none":
            self.offset = self._raw.seek(offset)
            return
        if offset < self.offset:
            self._file.close()
            self._file, self.offset = self._open(), 0
        while self.offset < offset and self.read_block(min(BLOCK, offset - self.offset)):
            pass

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True for plain files and wherever the decompressor can start again."""
        return self.codec != "zip"

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a place in the content; from the end only in plain files."""
        if whence == os.SEEK_CUR:
            offset += self.offset
        elif whence == os.SEEK_END:
            if self.codec != "none":
                raise io.UnsupportedOperation(f"cannot seek from the end of {self.path}: it is compressed")
            offset += self._raw.seek(0, os.SEEK_END)
        self.skip_to(offset)
        return self.offset

    def tell(self) -> int:
        """Return the offset of the next byte of the content."""
        return self.offset

    def readinto(self, buffer: Any) -> int:
        """Fill `buffer`, for the standard readers; returns the number of bytes."""
        block = self.read_block(len(buffer))
        buffer[: len(block)] = block
        return len(block)

    def close(self) -> None:
        """Close the decompressor; the file under it stays open, since it holds the lock."""
        if not self.closed:
            if self._file is not self._raw:
                self._file.close()
            if self._archive is not None:
                self._archive.close()
        super().close()


class _ZstdReader:
    """Reads Zstandard frames one after another; unlike the package's own reader it notices a frame cut short."""

    def __init__(self, raw: BinaryIO) -> None:
        self._raw = raw
        self._new = _decompressors("zstd")
        self._frame = self._new()
        self._begun = False
        self._input = memoryview(b"")
        self._output = memoryview(b"")

    def read(self, size: int) -> bytes:
        parts, missing = [], size
        while missing:
            if not self._output and not self._fill():
                break
            part = self._output[:missing]
            self._output = self._output[len(part) :]
            missing -= len(part)
            parts.append(part)
        return b"".join(parts)

    def _fill(self) -> bool:
        while not self._output:
            if not self._input:
                self._input = memoryview(self._raw.read(1 << 17) or b"")
            if not self._input:
                if self._begun:
                    raise EOFError("the last frame is not complete")
                return False
            feed = self._input[:_ZSTD_FEED]
            self._output = memoryview(self._frame.decompress(feed))
            self._begun = True
            unused = 0
            if self._frame.eof:
                unused = len(self._frame.unused_data)
                self._frame, self._begun = self._new(), False
            self._input = self._input[len(feed) - unused :]
        return True

    def close(self) -> None:
        self._output = self._input = memoryview(b"")


def _zstandard() -> Any:
    with needs("zstd"):
        import zstandard
    return zstandard


def _zstd_error() -> type[Exception]:
    # Evaluated only when something was raised; without the package nothing can have raised its error.
    try:
        import zstandard
    except ImportError:
        return EOFError
    error: type[Exception] = zstandard.ZstdError
    return error

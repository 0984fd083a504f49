"""CompressProcessor and DecompressProcessor: the bytes of one event. Files are compressed by the file sinks themselves."""

from __future__ import annotations

import bz2
import gzip
import lzma
import zlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Literal

from ..abc import Context, Event, Processor
from ..abc.processor import ConcurrencyOptions
from ..config import Size, option
from ..errors import ProcessingError, needs

if TYPE_CHECKING:
    from ..application import BSPumpApplication
    from ..pipeline import Pipeline


def _zstandard() -> Any:
    with needs("zstd"):
        import zstandard
    return zstandard


def _compressor(format: str) -> Callable[[bytes], bytes]:
    if format == "zstd":
        compress: Callable[[bytes], bytes] = _zstandard().ZstdCompressor().compress
        return compress
    if format == "gzip":
        return lambda data: gzip.compress(data, 6, mtime=0)  # the same event gives the same bytes
    others: dict[str, Callable[[bytes], bytes]] = {"zlib": zlib.compress, "bz2": bz2.compress, "xz": lzma.compress}
    return others[format]


class CompressOptions(ConcurrencyOptions):
    """Which format."""

    format: Literal["gzip", "zlib", "bz2", "xz", "zstd"] = option("gzip", "format of the compressed bytes")


class CompressProcessor(Processor):
    """Compress the bytes of each event.

    In: bytes, or text (as UTF-8). Out: bytes, complete by themselves. Raises: ProcessingError for anything else.

    Example:
        pipelines:
          - id: Example
            sources:
              - {class: IteratorSource, args: {iterator: [hello hello hello hello hello]}}
            processors:
              - {class: CompressProcessor, config: {format: zlib}}
              - {class: DecompressProcessor, config: {format: zlib}}
            sink: {class: PrintSink}
    """

    class Options(CompressOptions):
        """Which format."""

    def __init__(
        self, app: BSPumpApplication, pipeline: Pipeline, id: str | None = None, config: Mapping[str, Any] | None = None
    ) -> None:
        """See `Processor`.

        Raises:
            MissingDependency: The package for zstd is not installed.
        """
        super().__init__(app, pipeline, id, config)
        self._compress = _compressor(self.options.format)

    def process(self, context: Context, event: Event) -> Event:
        """Return the event, compressed."""
        try:
            return self._compress(event.encode() if isinstance(event, str) else event)
        except TypeError as error:
            raise ProcessingError(f"expected bytes or text to compress, got {type(event).__name__}") from error


class DecompressOptions(CompressOptions):
    """Which format, and how much."""

    max_size: Size = option(64 << 20, "most bytes that an event may have, decompressed", gt=0)


class DecompressProcessor(Processor):
    """Decompress the bytes of each event.

    In: bytes. Out: bytes. Raises: ProcessingError, if they are not in that format, are cut short, or become more than `max_size`.

    Example:
        pipelines:
          - id: Example
            sources:
              - {class: IteratorSource, args: {iterator: [hello hello hello hello hello]}}
            processors:
              - {class: CompressProcessor}
              - {class: DecompressProcessor}
            sink: {class: PrintSink}
    """

    class Options(DecompressOptions):
        """Which format, and how much."""

    def __init__(
        self, app: BSPumpApplication, pipeline: Pipeline, id: str | None = None, config: Mapping[str, Any] | None = None
    ) -> None:
        """See `Processor`.

        Raises:
            MissingDependency: The package for zstd is not installed.
        """
        super().__init__(app, pipeline, id, config)
        self._format: str = self.options.format
        self._most: int = self.options.max_size
        self._errors: tuple[type[Exception], ...] = (zlib.error, lzma.LZMAError, OSError, EOFError, ValueError)
        if self._format == "zstd":
            self._errors += (_zstandard().ZstdError,)

    def process(self, context: Context, event: Event) -> Event:
        """Return the event, decompressed."""
        if not isinstance(event, bytes | bytearray | memoryview):
            raise ProcessingError(f"expected bytes to decompress, got {type(event).__name__}")
        try:
            plain = self._plain(bytes(event))
        except self._errors as error:
            raise ProcessingError(f"not {self._format}, or cut short", detail=str(error)) from error
        if len(plain) > self._most:
            raise ProcessingError(
                f"the event has more than {self._most} bytes, decompressed", hint="raise 'max_size' if that is good"
            )
        return plain

    def _plain(self, data: bytes) -> bytes:
        most = self._most + 1
        if self._format in ("gzip", "zlib"):
            inflating = zlib.decompressobj(31 if self._format == "gzip" else 15)
            return _whole(inflating, inflating.decompress(data, most), most)
        if self._format == "zstd":
            # It gives out all that one call makes of its input, so the input is handed over in small pieces.
            frame, parts, length = _zstandard().ZstdDecompressor().decompressobj(), [], 0
            for at in range(0, len(data), 1024):
                parts.append(frame.decompress(data[at : at + 1024]))
                length += len(parts[-1])
                if length >= most or frame.eof:
                    break
            return _whole(frame, b"".join(parts), most)
        other: Any = bz2.BZ2Decompressor() if self._format == "bz2" else lzma.LZMADecompressor()
        return _whole(other, other.decompress(data, most), most)


def _whole(decompressor: Any, plain: bytes, most: int) -> bytes:
    if not decompressor.eof and len(plain) < most:
        raise EOFError("the end is missing")
    return plain

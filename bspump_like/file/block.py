"""Whole files: FileBlockSource, one event per file, and FileBlockSink, one file per event."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..abc import Context, Event, ProcessorOptions, Sink
from ..config import Size, option
from ..errors import ConfigError, DeliveryError, ProcessingError
from .naming import path_for
from .opened import FileStream, stream_of
from .source import FileABCSource, FileSourceOptions
from .threads import in_thread

if TYPE_CHECKING:
    from ..application import BSPumpApplication
    from ..pipeline import Pipeline

_WAITING = 64 << 20  # bytes that wait for a barrier before the sources are stopped


def read_whole(stream: FileStream, most: int) -> bytes:
    """Return the content of a file; blocks.

    Raises:
        ProcessingError: It has more than `most` bytes, decompressed.
    """
    parts, length = [], 0
    while block := stream.read_block():
        parts.append(block)
        length += len(block)
        if length > most:
            raise ProcessingError(f"{stream.path} has more than {most} bytes", hint="raise 'max_size' if that is good")
    return b"".join(parts)


class FileBlockSource(FileABCSource):
    """Read each file as one event.

    Out: bytes (`mode: rb`) or text (`mode: r`); contexts carry `filename`.

    Example:
        pipelines:
          - id: Example
            sources:
              - {class: FileBlockSource, config: {path: "in/*", post: noop}}
            sink: {class: PrintSink}
    """

    class Options(FileSourceOptions):
        """Options of file sources, and the largest size."""

        max_size: Size = option(256 << 20, "largest file, decompressed, in bytes", gt=0)

    async def read(self, filename: str, f: Any) -> None:
        """Read the file and hand it over.

        Raises:
            ProcessingError: It is too large or not text in that encoding.
        """
        content: Any = await in_thread(read_whole, stream_of(f), self.options.max_size)
        if self.options.mode != "rb":
            content = content.decode(self.options.encoding or "utf-8")
        await self.process(content)


class FileBlockSink(Sink):
    """Write each event to a file of its own.

    In: bytes or text; the file is the option `path`, or `context['path']`, or what `get_file_name` returns.

    A file appears whole (`mode: wb`) or grows by the event (`ab`). With `O_EXCL` in `flags` an event whose file exists with
    another content fails; with the same content it has been written before a crash, and passes.
    Raises: ProcessingError for other events and for `O_EXCL`; DeliveryError (from `flush`) when a file cannot be written.

    Example:
        pipelines:
          - id: Example
            sources:
              - {class: IteratorSource, args: {iterator: [the whole content of the file]}}
            sink: {class: FileBlockSink, config: {path: out.txt}}
    """

    class Options(ProcessorOptions):
        """Where and how to write."""

        path: str = option("", "file to write; empty: context['path']")
        mode: str = option("wb", "wb: a new file, ab: append", choices=("wb", "w", "ab", "a"))
        flags: str = option("O_CREAT", "O_CREAT: make the file; O_EXCL: it must not exist; joined by '|' or ','")
        fsync: bool = option(True, "wait until the disk has it")

    def __init__(
        self, app: BSPumpApplication, pipeline: Pipeline, id: str | None = None, config: Mapping[str, Any] | None = None
    ) -> None:
        """Read the configuration.

        Raises:
            ConfigError: A flag is unknown.
        """
        super().__init__(app, pipeline, id, config)
        flags = set(filter(None, re.split(r"[|,\s]+", self.options.flags)))
        unknown = flags - {"O_CREAT", "O_EXCL"}
        if unknown:
            raise ConfigError(f"option 'flags' has {', '.join(sorted(unknown))}", hint="use O_CREAT and O_EXCL")
        self._create, self._exclusive = "O_CREAT" in flags or "O_EXCL" in flags, "O_EXCL" in flags
        self._append = self.options.mode.startswith("a")
        self._blocks: list[tuple[str, bytes]] = []
        self._exclusive_paths: set[str] = set()
        self._size = 0

    def get_file_name(self, context: Context, event: Event) -> str:
        """Return the file for an event.

        Raises:
            ProcessingError: There is no path.
        """
        return path_for(self, context)

    def process(self, context: Context, event: Event) -> None:
        """Take one block."""
        if not isinstance(event, bytes | bytearray | memoryview | str):
            raise ProcessingError(f"expected bytes or text to write, got {type(event).__name__}")
        path = self.get_file_name(context, event)
        block = event.encode() if isinstance(event, str) else bytes(event)
        if self._exclusive:
            if path in self._exclusive_paths or _differs(path, block):
                raise ProcessingError(f"{path} exists already", hint="remove it, or O_EXCL from 'flags'")
            self._exclusive_paths.add(path)
        self._blocks.append((path, block))
        self._size += len(block)
        if self._size > _WAITING:
            self.Pipeline.throttle(self)

    async def flush(self) -> None:
        """Return when every block handed over before this call is on disk.

        Raises:
            DeliveryError: One cannot be written; it and those behind it are kept.
        """
        blocks, self._blocks = self._blocks, []
        self._size = 0
        try:
            await in_thread(self._write_all, blocks)
        except OSError as error:
            raise DeliveryError(
                f"cannot write {blocks[0][0]}", detail=error.strerror or str(error),
                hint="make its directory, free space or give the right to write; it is tried again",
            ) from error  # fmt: skip
        finally:
            self._blocks[:0] = blocks
            self._size = sum(len(block) for _, block in self._blocks)
            self._exclusive_paths = {path for path, _ in self._blocks}
            if self._size <= _WAITING:
                self.Pipeline.throttle(self, False)

    def _write_all(self, blocks: list[tuple[str, bytes]]) -> None:
        """Write blocks; what is written is taken off the list."""
        written = 0
        try:
            for path, block in blocks:
                if not self._create and not os.path.exists(path):
                    raise FileNotFoundError(2, "it does not exist, and 'flags' has no O_CREAT", path)
                if self._append:
                    self._append_block(path, block)
                else:
                    self._replace(path, block)
                written += 1
        finally:
            del blocks[:written]

    def _append_block(self, path: str, block: bytes) -> None:
        with open(path, "ab") as file:
            size = file.tell()
            try:
                file.write(block)
                file.flush()
                if self.options.fsync:
                    os.fsync(file.fileno())
            except OSError:
                os.ftruncate(file.fileno(), size)
                raise

    def _replace(self, path: str, block: bytes) -> None:
        directory = os.path.dirname(path) or "."
        file, temporary = tempfile.mkstemp(prefix=".", suffix=".part", dir=directory)
        try:
            with open(file, "wb") as part:
                os.fchmod(file, 0o666 & ~_UMASK)
                part.write(block)
                part.flush()
                if self.options.fsync:
                    os.fsync(file)
            os.rename(temporary, path)
        except BaseException:
            os.unlink(temporary)
            raise


def _differs(path: str, block: bytes) -> bool:
    try:
        with open(path, "rb") as file:
            return os.fstat(file.fileno()).st_size != len(block) or file.read() != block
    except FileNotFoundError:
        return False


def _umask() -> int:
    mask = os.umask(0o022)  # it can only be read by setting it
    os.umask(mask)
    return mask


_UMASK = _umask()

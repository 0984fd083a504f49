"""The base of sinks that append to files: `process` only remembers, `flush` makes durable, `mark` tells what is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Literal

from ..abc import Context, Event, ProcessorOptions, Sink
from ..config import Seconds, Size, option
from ..errors import ConfigError, DeliveryError
from .codec import codec_of, require
from .naming import Naming, path_for
from .output import SPILL, Layout, Output
from .threads import in_thread

if TYPE_CHECKING:
    from ..application import BSPumpApplication
    from ..pipeline import Pipeline


class OutputOptions(ProcessorOptions):
    """Options of sinks that write files, whatever their format."""

    path: str = option(
        "",
        "file to write; {index}: number of the file when it rotates, {worker}: number of the process",
        example="out.csv",
    )
    mode: Literal["append", "overwrite"] = option("append", "what a fresh start does with a file that is there")
    atomic: bool = option(False, "write to PATH.part, and rename it to PATH when it is complete")
    rotate_size: Size = option(0, "begin a new file before this one gets larger, in bytes; 0: never", ge=0)
    rotate_lines: int = option(0, "begin a new file after so many lines; 0: never", ge=0)
    rotate_period: Seconds = option(0.0, "begin a new file after so many seconds; 0: never", ge=0)
    fsync: bool = option(True, "wait until the disk has it; no: a power failure may lose what was committed")
    max_open_files: int = option(100, "files kept open when events name their own (context['path'])", ge=1)


class AppendingSinkOptions(OutputOptions):
    """Options of sinks that append to files, which may be compressed as a whole."""

    compression: Literal["auto", "none", "gzip", "bz2", "xz", "zstd"] = option(
        "auto", "auto: by the ending of the name"
    )


class AppendingSink(Sink):
    """Append what `encode` makes of each event to a file; override `encode`, and `get_file_name` to choose the file.

    In: whatever `encode` takes; the file is `context['path']` where there is no option `path`.

    At least once: after a crash the file is cut back to what the last barrier covered, so that nothing stands in it twice as
    long as all parts before the sink are synchronous. Compressed, every flush ends a member (frame, stream).
    Raises: DeliveryError from `flush` when a file cannot be written; everything is kept and written when it can.
    """

    class Options(AppendingSinkOptions):
        """The options of appending sinks."""

    def __init__(
        self, app: BSPumpApplication, pipeline: Pipeline, id: str | None = None, config: Mapping[str, Any] | None = None
    ) -> None:
        """Read the configuration; open nothing yet.

        Raises:
            ConfigError: The file cannot be written in that compression.
            MissingDependency: The package for it is not installed.
        """
        super().__init__(app, pipeline, id, config)
        self.worker = (0, 1)
        """(k, n): this process is number k of n; the pump sets it before the start."""
        self.output: Output | None = None
        """The one file, when all events go to the same."""
        self._outputs: dict[str, Output] = {}
        self._marks: dict[str, Any] = {}
        self._timer: asyncio.TimerHandle | None = None
        require(self.codec_at(self.options.path), writing=True)

    # What subclasses override

    def codec_at(self, path: str) -> str:
        """Return how the whole file at `path` is compressed; see `codec_of`."""
        return codec_of(path, self.options.compression)

    def encode(self, event: Event) -> bytes:
        """Return an event as bytes, with the line end.

        Raises:
            ProcessingError: It cannot be; the `on_error` policy decides.
        """
        raise NotImplementedError(f"{type(self).__name__} defines no encode(event)")

    def header(self, path: str) -> bytes:
        """Return what a new file begins with; called in a thread when the first line is written."""
        return b""

    def rotation(self) -> tuple[int, float]:
        """Return after how many lines, and after how many seconds, a new file begins; 0: never."""
        return self.options.rotate_lines, self.options.rotate_period

    def new_output(self, path: str, naming: Naming, layout: Layout, throttle: Callable[[bool], None]) -> Output:
        """Return the output for `path`; override it for a format that is more than lines one after another."""
        return Output(naming, layout, lambda: self.header(path), throttle)

    def get_file_name(self, context: Context, event: Event) -> str:
        """Return the file for an event: the option `path`, else `context['path']`.

        Raises:
            ProcessingError: There is neither.
        """
        return path_for(self, context)

    # The event path

    def process(self, context: Context, event: Event) -> None:
        """Take one event."""
        output = self.output if self.output is not None else self.output_for(context, event)
        line = self.encode(event)
        output.lines.append(line)
        output.size += len(line)
        if output.size >= SPILL:
            output.spill()

    def output_for(self, context: Context, event: Event) -> Output:
        """Return the file that an event goes to."""
        return self.output_at(self.get_file_name(context, event))

    def output_at(self, path: str) -> Output:
        """Return the file at `path`, made when it is not there yet; nothing is opened."""
        output = self._outputs.get(path)
        if output is None:
            output = self._outputs[path] = self._new_output(path)
        return output

    def _new_output(self, path: str) -> Output:
        o = self.options
        lines, period = self.rotation()
        rotates = bool(o.rotate_size or lines or period)
        layout = Layout(self.codec_at(path), o.mode == "overwrite", o.atomic, o.fsync, o.rotate_size, lines)
        output = self.new_output(
            path, Naming(path, rotates=rotates, worker=self.worker[0]), layout,
            lambda wait: self.Pipeline.throttle(output, wait),
        )  # fmt: skip
        if path in self._marks:
            output.restore(self._marks.pop(path))
        return output

    # Delivery

    async def flush(self) -> None:
        """Return when everything handed over before this call is on disk.

        Raises:
            DeliveryError: It is not; it is kept, in order, and the barrier is tried again.
        """
        # All files are cut at once, before anything waits: what arrives meanwhile belongs to the next barrier.
        cuts = [(output, output.cut()) for output in self._outputs.values()]
        for output, last in cuts:
            await output.flush(last)
        self._close_idle()

    def _close_idle(self) -> None:
        for path in list(self._outputs):
            if len(self._outputs) <= self.options.max_open_files:
                return
            output = self._outputs[path]
            if output is self.output or not output.is_idle():
                continue
            self._outputs.pop(path).close()
            if output.mark() is not None:
                self._marks[path] = output.mark()

    def mark(self) -> dict[str, Any] | None:
        """Return the durable size of each file."""
        return self._marks | {
            path: mark for path, output in self._outputs.items() if (mark := output.mark()) is not None
        }

    def restore(self, state: Any) -> None:
        """Take back `mark`: files are cut back to it at the start."""
        self._marks = dict(state)

    def rotate(self) -> None:
        """Close the files behind what was handed over so far; the next event opens the next ones."""
        if self.options.atomic:
            for path, mark in list(self._marks.items()):
                if mark["inode"]:
                    self.output_at(path)  # closed when too many were open, and not complete
        for output in self._outputs.values():
            output.rotate()
        self._spill()

    def _spill(self) -> None:
        for output in self._outputs.values():
            output.spill()

    # Lifecycle

    async def on_start(self) -> None:
        """Open the file and cut off what a crash left behind the last barrier.

        Raises:
            ConfigError: It cannot be written, or another pump writes it.
        """
        for path, mark in list(self._marks.items()):
            if mark["inode"]:  # else the file before it is complete, and the next one is opened by its first line
                await self._open(path)
        if self.options.path and type(self).get_file_name is AppendingSink.get_file_name:
            self.output = await self._open(self.options.path)
        self._wind_up()

    async def _open(self, path: str) -> Output:
        output = self.output_at(path)
        try:
            await in_thread(output.open)
        except DeliveryError as error:
            raise ConfigError(f"{self.locate_address()}: {error}") from error
        return output

    def _wind_up(self) -> None:
        period = self.rotation()[1]
        if period:
            self._timer = self.Loop.call_later(period, self._on_period)

    def _on_period(self) -> None:
        self.rotate()
        self._wind_up()

    async def on_end_of_input(self) -> None:
        """Complete the files: with `atomic` they get their names with the last barrier."""
        if self.options.atomic:
            self.rotate()

    async def on_stop(self) -> None:
        """Close the files."""
        if self._timer is not None:
            self._timer.cancel()
        for output in self._outputs.values():
            await output.spilled()
            output.close()

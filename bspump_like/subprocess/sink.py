"""SubProcessSink: events into a command, one run for each barrier."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..abc import Context, Event, ProcessorOptions, Sink
from ..config import Seconds, Size, option
from ..errors import DeliveryError
from .child import Child, CommandFailed, CommandOptions, Guard
from .command import as_bytes

if TYPE_CHECKING:
    from ..application import BSPumpApplication
    from ..pipeline import Pipeline


class SubProcessSinkOptions(CommandOptions, ProcessorOptions):
    """Options of the sink."""

    timeout: Seconds = option(60.0, "seconds that one run of the command may take", gt=0)
    max_waiting: Size = option(16 << 20, "bytes that may wait for a barrier before the sources are stopped", gt=0)


class SubProcessSink(Sink):
    """Write events as lines to a command; each barrier is one run of it, and its exit code tells whether they have arrived.

    In: bytes or text; a line end is added where there is none. What the command prints is thrown away.

    At least once: the events between two barriers are written to the command's standard input, which is then closed; they count
    as delivered when it ends with one of `ok_return_codes`. If it fails they are kept and the next try writes all of them again,
    so the command should do all or nothing, or bear repetition. A pipeline's `commit_interval` says how often it runs.
    Raises: ProcessingError, if an event is no text; DeliveryError (from `flush`), if the command fails.

    Example:
        pipelines:
          - id: Example
            sources:
              - {class: IteratorSource, args: {iterator: [one, two, three]}}
            sink: {class: SubProcessSink, config: {command: "gzip -c >> lines.gz"}}
    """

    class Options(SubProcessSinkOptions):
        """The command and its limits."""

    def __init__(
        self, app: BSPumpApplication, pipeline: Pipeline, id: str | None = None, config: Mapping[str, Any] | None = None
    ) -> None:
        """See `Sink`.

        Raises:
            ConfigError: There is no such program or directory, or commands are forbidden.
        """
        super().__init__(app, pipeline, id, config)
        self._guard = Guard(self.options, self.locate_address())
        self._lines: list[bytes] = []
        self._size = 0

    def process(self, context: Context, event: Event) -> None:
        """Take one line."""
        line = event if event.__class__ is bytes else as_bytes(event)
        if not line.endswith(b"\n"):
            line += b"\n"
        self._lines.append(line)
        self._size += len(line)
        if self._size > self.options.max_waiting:
            self.Pipeline.throttle(self)

    async def flush(self) -> None:
        """Return when the command has taken every line handed over before this call, and ended well.

        Raises:
            DeliveryError: It has not; the lines are kept.
        """
        lines, self._lines = self._lines, []
        if not lines:
            return
        try:
            await self._run(b"".join(lines))
        except BaseException as error:
            self._lines[:0] = lines
            if isinstance(error, CommandFailed | OSError):
                raise DeliveryError(str(error), hint="nothing is lost: it is tried again") from error
            raise
        self._size -= sum(map(len, lines))
        if self._size <= self.options.max_waiting:
            self.Pipeline.throttle(self, False)

    async def _run(self, data: bytes) -> None:
        child = await self._guard.spawn()
        try:
            async with asyncio.timeout(self.options.timeout):
                await self._communicate(child, data)
        except TimeoutError:
            raise CommandFailed(
                f"the command '{self._guard}' took more than {self.options.timeout:g} s", hint="raise 'timeout'"
            ) from None
        finally:
            await child.end(patience=0)

    async def _communicate(self, child: Child, data: bytes) -> None:
        async with child.writing(data):
            while await child.stdout.read(1 << 16):
                pass
        await child.finish()

    async def on_stop(self) -> None:
        """End the guard."""
        await self._guard.close()

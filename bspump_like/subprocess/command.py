"""CommandProcessor: a command for each event."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..abc import Context, Event, Processor
from ..abc.processor import ConcurrencyOptions
from ..config import Seconds, Size, option
from ..errors import ProcessingError
from .child import Child, CommandFailed, CommandOptions, Guard

if TYPE_CHECKING:
    from ..application import BSPumpApplication
    from ..pipeline import Pipeline


class CommandProcessorOptions(CommandOptions, ConcurrencyOptions):
    """Options of the processor."""

    concurrency: int = option(4, "commands that run at the same time", ge=1, le=256)
    timeout: Seconds = option(10.0, "seconds that the command may take for one event", gt=0)
    max_output: Size = option(16 << 20, "most bytes that it may print for one event", gt=0)


def as_bytes(event: Any) -> bytes:
    """Return an event as what is written to a command; ProcessingError if it is no text."""
    if isinstance(event, str):
        return event.encode()
    if isinstance(event, bytes | bytearray | memoryview):
        return bytes(event)
    raise ProcessingError(
        f"expected bytes or text to write, got {type(event).__name__}", hint="put a JSONDumperProcessor before"
    )


class CommandProcessor(Processor):
    r"""Run a command for each event: it reads the event from standard input, and what it prints is the next event.

    In: bytes or text. Out: bytes, all that it printed. Events leave in the order in which they came.
    Raises: ProcessingError, if the command fails, takes longer than `timeout` or prints more than `max_output`; with what it
    wrote to standard error last. A process costs milliseconds: for many events see `SubProcessProcessor`.

    Example:
        pipelines:
          - id: Example
            sources:
              - {class: IteratorSource, args: {iterator: ["beta\nalpha\n", "2\n1\n"]}}
            processors:
              - {class: CommandProcessor, config: {command: [sort]}}
            sink: {class: PrintSink}
    """

    class Options(CommandProcessorOptions):
        """The command and its limits."""

    def __init__(
        self, app: BSPumpApplication, pipeline: Pipeline, id: str | None = None, config: Mapping[str, Any] | None = None
    ) -> None:
        """See `Processor`.

        Raises:
            ConfigError: There is no such program or directory, or commands are forbidden.
        """
        super().__init__(app, pipeline, id, config)
        self._guard = Guard(self.options, self.locate_address())

    async def process(self, context: Context, event: Event) -> Event:
        """Return what the command prints."""
        data = as_bytes(event)
        child = await self._guard.spawn()
        try:
            async with asyncio.timeout(self.options.timeout):
                return await self._run(child, data)
        except TimeoutError:
            raise ProcessingError(
                f"the command '{self._guard}' took more than {self.options.timeout:g} s", detail=child.said(),
                hint="raise 'timeout' if that is good",
            ) from None  # fmt: skip
        except CommandFailed as error:
            raise ProcessingError(str(error)) from error
        finally:
            await child.end(patience=0)

    async def _run(self, child: Child, data: bytes) -> bytes:
        async with child.writing(data):
            output = await self._output(child)
        await child.finish()
        return output

    async def _output(self, child: Child) -> bytes:
        parts, missing = [], self.options.max_output
        while piece := await child.stdout.read(1 << 16):
            missing -= len(piece)
            if missing < 0:
                raise CommandFailed(
                    f"the command '{self._guard}' printed more than {self.options.max_output} bytes",
                    hint="raise 'max_output' if that is good",
                )
            parts.append(piece)
        return b"".join(parts)

    async def on_stop(self) -> None:
        """End the guard."""
        await self._guard.close()

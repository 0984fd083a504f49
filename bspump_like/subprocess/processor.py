"""SubProcessProcessor: events through one running command, line by line."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..abc import Context, Event, Processor
from ..abc.processor import ConcurrencyOptions
from ..config import Seconds, option
from ..errors import ProcessingError
from .child import Child, CommandFailed, CommandOptions, Guard, too_long
from .command import as_bytes

if TYPE_CHECKING:
    from ..application import BSPumpApplication
    from ..pipeline import Pipeline

_PIECE = 1 << 16


class SubProcessProcessorOptions(CommandOptions, ConcurrencyOptions):
    """Options of the processor."""

    timeout: Seconds = option(10.0, "seconds in which the command must answer an event", gt=0)


class _Run:
    """One life of the command: what was asked and is not answered, and the task that reads the answers."""

    def __init__(self, child: Child, guard: Guard, options: Any) -> None:
        self.child = child
        self._guard, self._options = guard, options
        self._asked: deque[asyncio.Future[bytes]] = deque()
        self.reading = asyncio.get_running_loop().create_task(self._read())

    def is_over(self) -> bool:
        """Tell whether nothing more can be asked."""
        return self.reading.done() or self.reading.cancelling() > 0 or self.child.has_ended()

    def ask(self, line: bytes) -> asyncio.Future[bytes]:
        """Send a line; return the answer to come."""
        answer = asyncio.get_running_loop().create_future()
        self._asked.append(answer)
        self.child.stdin.write(line)
        return answer

    async def wait(self, answer: asyncio.Future[bytes]) -> bytes:
        """Return the answer.

        Raises:
            ProcessingError: The command has failed, or does not answer in time; it is ended then.
        """
        try:
            async with asyncio.timeout(self._options.timeout):
                return await asyncio.shield(answer)
        except TimeoutError:
            # An answer that comes late would be taken for that to the next event: nothing more may be asked of this run.
            self.reading.cancel()
            raise ProcessingError(
                f"the command '{self._guard}' did not answer within {self._options.timeout:g} s", hint="raise 'timeout'"
            ) from None

    async def _read(self) -> None:
        error = CommandFailed(f"the command '{self._guard}' was ended")
        try:
            await self._answers()
            await self.child.finish()
            error = CommandFailed(f"the command '{self._guard}' ended without an answer", detail=self.child.said())
        except CommandFailed as failure:
            error = failure
        finally:
            await self.child.end()
            for answer in self._asked:
                if not answer.done():
                    answer.set_exception(ProcessingError(str(error)))
                    answer.exception()  # it may be that nobody waits any more

    async def _answers(self) -> None:
        rest, most = b"", self._options.line_len_limit
        while piece := await self.child.stdout.read(_PIECE):
            *lines, rest = (rest + piece).split(b"\n")
            if len(rest) > most or any(len(line) > most for line in lines):
                raise too_long(self._guard, self._options)
            for line in lines:
                if not self._asked:
                    raise CommandFailed(
                        f"the command '{self._guard}' printed a line that nobody asked for", detail=repr(line[:80])
                    )
                answer = self._asked.popleft()
                if not answer.done():
                    answer.set_result(line)


class SubProcessProcessor(Processor):
    """Send events through a command that keeps running: a line in, a line out.

    In: bytes or text without a line end within. Out: bytes, the line that the command answered, without its end. Up to
    `concurrency` events are with the command at a time; they leave in the order in which they came.

    The command must answer each line with exactly one line, in order, and must not keep it in a buffer: `sed -u`,
    `jq --unbuffered`, `python -u`, `stdbuf -oL`. When it ends, fails or does not answer within `timeout`, the events that it has
    not answered fail, and the next event starts it anew.
    Raises: ProcessingError, if the command does not answer, or the event holds a line end.

    Example:
        pipelines:
          - id: Example
            sources:
              - {class: IteratorSource, args: {iterator: [one, two, three]}}
            processors:
              - {class: SubProcessProcessor, config: {command: [sed, -u, "s/o/0/"]}}
              - {class: BytesToStringParser}
            sink: {class: PrintSink}
    """

    class Options(SubProcessProcessorOptions):
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
        self._run: _Run | None = None
        self._starting = asyncio.Lock()

    async def process(self, context: Context, event: Event) -> Event:
        """Return the line that the command answers."""
        line = as_bytes(event)
        line = line.removesuffix(b"\n")
        if b"\n" in line:
            raise ProcessingError("an event with a line end within cannot be sent to a command", detail=repr(line[:80]))
        async with self._starting:  # fair: whoever comes first writes first
            run = self._run
            if run is None or run.is_over():
                if run is not None:
                    await asyncio.wait([run.reading])
                run = self._run = _Run(await self._guard.spawn(), self._guard, self.options)
            answer = run.ask(line + b"\n")
        return await run.wait(answer)

    async def on_stop(self) -> None:
        """End the command and the guard."""
        if self._run is not None:
            self._run.reading.cancel()
            await asyncio.wait([self._run.reading])
            await self._run.child.end()
        await self._guard.close()

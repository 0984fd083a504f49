"""SubProcessSource: the lines that a command prints."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from ..abc import Backoff, SourceOptions, TriggerSource
from ..config import option
from .child import Child, CommandFailed, CommandOptions, Guard, too_long

if TYPE_CHECKING:
    from ..application import BSPumpApplication
    from ..pipeline import Pipeline

_PIECE = 1 << 16


class SubProcessSourceOptions(CommandOptions, SourceOptions):
    """Options of the source."""

    strip: bool = option(False, "drop the line end")
    restart: Literal["never", "on_failure", "always"] = option(
        "never", "whether to start the command again, with backoff, when it has failed, or whenever it has ended"
    )


class SubProcessSource(TriggerSource):
    """Run a command and send on each line that it prints.

    Out: bytes, with the line end (without, if `strip`). What it writes to standard error is kept for messages. With a trigger the
    command runs at each firing, without one once.

    The exit code decides: one that is not in `ok_return_codes` is a failure, whatever was printed before. Then the command is
    started again if `restart` says so; else the source has finished, with an error in the log and exit code 1 of the pump.
    There is no position: a command that is started again prints what it prints. While the pipeline takes nothing the command
    waits, as its pipe is full. It is ended with the pump, by SIGTERM and after `stop_timeout` by SIGKILL, together with all that
    it started; also if the pump itself is killed.

    A definition may run commands only where it is trusted: `pump run --allow bspump_like.subprocess`, or `allow` in the section
    `[pumpbuilder]`. And `[subprocess] enabled=no` in the configuration file forbids them altogether.

    Example:
        pipelines:
          - id: Example
            sources:
              - {class: SubProcessSource, config: {command: "ls -l / | tail -n +2", strip: true}}
            processors:
              - {class: BytesToStringParser}
            sink: {class: PrintSink}
    """

    class Options(SubProcessSourceOptions):
        """The command, and when it is started again."""

    def __init__(
        self, app: BSPumpApplication, pipeline: Pipeline, id: str | None = None, config: Mapping[str, Any] | None = None
    ) -> None:
        """See `TriggerSource`.

        Raises:
            ConfigError: There is no such program or directory, or commands are forbidden.
        """
        super().__init__(app, pipeline, id, config)
        self._guard = Guard(self.options, self.locate_address())

    def is_finite(self) -> bool:
        """Tell whether it ends by itself."""
        return super().is_finite() and self.options.restart != "always"

    async def cycle(self, *args: Any, **kwargs: Any) -> None:
        """Run the command until it need not be started again."""
        o = self.options
        backoff = Backoff(o.reconnect_delay, o.reconnect_delay_max)
        while True:
            began = self.Loop.time()
            try:
                await self._run()
            except (CommandFailed, OSError) as error:
                if o.restart == "never":
                    self.App.set_exit_code(1)  # the run goes on; whoever started it must learn that not all was read
                    self.Pipeline.L.error("%s: %s", self.locate_address(), error)
                    return
                if self.Pipeline.report_unavailable(self, error):
                    self.Pipeline.L.warning("%s: %s; starting it again", self.locate_address(), error)
            else:
                self.Pipeline.report_available(self)
                if o.restart != "always":
                    return
            if self.Loop.time() - began > o.reconnect_delay_max:
                backoff.reset()
            await asyncio.sleep(backoff.next())

    async def _run(self) -> None:
        child = await self._guard.spawn()
        try:
            child.stdin.close()
            await self._read(child)
            await child.finish()
        finally:
            await child.end()

    async def _read(self, child: Child) -> None:
        rest, most = b"", self.options.line_len_limit
        while piece := await child.stdout.read(_PIECE):
            lines = io.BytesIO(rest + piece).readlines()  # cuts at \n alone, at the speed of C
            rest = lines.pop() if not lines[-1].endswith(b"\n") else b""
            if len(rest) > most or any(len(line) > most for line in lines):
                raise too_long(self._guard, self.options)
            await self._send(lines)
        if rest:
            await self._send([rest])

    async def _send(self, lines: list[bytes]) -> None:
        if self.options.strip:
            lines = [line.rstrip(b"\r\n") for line in lines]
        if lines:
            await self.deliver(lines)

    async def on_stop(self) -> None:
        """End the guard."""
        await super().on_stop()
        await self._guard.close()

"""Parts of the pumps that the fault tests start: `pump run ... --allow tests.faults.parts`."""

from __future__ import annotations

import asyncio
import os
import pathlib
import time
from typing import Any

from bspump_like import Generator, Processor, Sink, option
from bspump_like.abc import ProcessorOptions
from bspump_like.file.threads import in_thread


class Halves(Generator):
    """One event becomes two, in a task of its own, so that order is not kept."""

    async def generate(self, context: Any, event: Any, depth: int) -> None:
        for part in (0, 1):
            if event["id"] % 16 == 0:
                await asyncio.sleep(0)  # now and then the loop turns between the halves
            self.Pipeline.inject(context, {**event, "part": part}, depth)


class Square(Processor):
    """Plain work on the event path."""

    def process(self, context: Any, event: Any) -> Any:
        event["square"] = event["id"] * event["id"]
        return event


class Ordered(Processor):
    """Waits for a different number of turns for each event; leaves in order all the same."""

    async def process(self, context: Any, event: Any) -> Any:
        for _ in range(event["id"] % 4):
            await asyncio.sleep(0)
        return event


class Strip(Processor):
    """Takes line ends away."""

    def process(self, context: Any, event: bytes) -> bytes:
        return event.rstrip()


_PLACES = ("thread", "loop", "file")


async def _on_loop(wait: Any) -> None:
    await asyncio.Event().wait()


class GatedOptions(ProcessorOptions):
    path: str = option(help="file to append to at each flush")
    gate: str = option(
        "", "flush waits until this file exists, and says so by the file 'stuck'; empty: it does not wait"
    )
    waits_in: str = option(
        "thread", "where: a thread, the loop, or a thread that is not left, as file sinks use", choices=_PLACES
    )
    delay: float = option(0.0, "seconds that one flush takes", ge=0)


class GatedSink(Sink):
    """A slow or stuck sink: `flush` takes `delay` seconds, or waits for a file.

    At each flush it notes how many events the committer holds in flight.
    """

    class Options(GatedOptions):
        """How slow."""

    def __init__(self, app: Any, pipeline: Any, id: Any = None, config: Any = None) -> None:
        super().__init__(app, pipeline, id, config)
        self._lines: list[bytes] = []

    def process(self, context: Any, event: bytes) -> None:
        self._lines.append(event + b"\n")

    async def flush(self) -> None:
        if self.options.gate and not os.path.exists(self.options.gate):
            pathlib.Path("stuck").touch()
            await {"thread": asyncio.to_thread, "file": in_thread, "loop": _on_loop}[self.options.waits_in](self._wait)
        await asyncio.sleep(self.options.delay)
        lines, self._lines = self._lines, []
        with open(self.options.path, "ab") as file:
            file.write(b"".join(lines))
        with open(self.options.path + ".in_flight", "a") as file:
            file.write(f"{self.Pipeline.committer.in_flight}\n")

    def _wait(self) -> None:
        while not os.path.exists(self.options.gate):
            time.sleep(0.01)

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


class BrakeOptions(ProcessorOptions):
    file: str = option("brake", "while this file exists, the pump stands still at the lines or ids from the one it names")
    input: str = option("in.ndjson", "the input, whose lines are told apart by what they hold")


class Brake(Processor):
    """Keeps a pump from coming to its end before the test says so, however slow the test is: it throttles the source."""

    class Options(BrakeOptions):
        """From where on."""

    def __init__(self, app: Any, pipeline: Any, id: Any = None, config: Any = None) -> None:
        super().__init__(app, pipeline, id, config)
        self._file = pathlib.Path(self.options.file)
        self._from = int(self._file.read_text()) if self._file.exists() else None
        self._lines: frozenset[bytes] = frozenset()
        self._waiting: asyncio.Task[None] | None = None

    async def on_start(self) -> None:
        for path in (pathlib.Path(self.options.input), pathlib.Path(f"{self.options.input}-locked")):
            if self._from is not None and path.exists() and path.read_bytes()[:1] == b"{":
                self._lines = frozenset(path.read_bytes().splitlines(keepends=True)[self._from :])

    def process(self, context: Any, event: Any) -> Any:
        if self._from is not None and self._waiting is None and self._is_behind(event, self._from):
            self.Pipeline.throttle(self)
            self._waiting = asyncio.get_running_loop().create_task(self._wait())
        return event

    def _is_behind(self, event: Any, line: int) -> bool:
        return event in self._lines if isinstance(event, bytes) else event["id"] >= line

    async def _wait(self) -> None:
        while self._file.exists():  # noqa: ASYNC110 - the test is another process
            await asyncio.sleep(0.01)
        self._from = None
        self.Pipeline.throttle(self, False)

    async def on_stop(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()


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

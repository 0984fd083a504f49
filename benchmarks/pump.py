"""The five steps as pumps of this project, one function per row of the table.

Each repetition is a fresh application with a real SQLite store in a file. The clock runs from the first event to the end of
the last barrier: counters, barriers, positions and the store's thread are in it; starting and stopping the application are not.
"""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from bspump_like import Generator, Outcome, Pipeline, Processor, Sink, Source
from bspump_like.common import DirectSource, InternalSink, InternalSource
from bspump_like.testing import run_pump

from . import chain
from .chain import Keep, new_keep
from .measure import Row, Taken, Workload

BATCH = 1000
_numbers = itertools.count()


class Clock:
    """CPU time from the first event to the last barrier."""

    def __init__(self) -> None:
        self.began = self.ended = 0.0

    def start(self) -> None:
        """Note the beginning."""
        self.began = time.process_time()

    def lap(self) -> None:
        """Note the end of a barrier; the last one counts."""
        self.ended = time.process_time()

    @property
    def seconds(self) -> float:
        """What lies between."""
        return self.ended - self.began


class Parse(chain.Parse, Processor):
    """Step 1."""


class Filter(chain.Filter, Processor):
    """Step 2."""


class Enrich(chain.Enrich, Processor):
    """Step 3."""


class Derive(chain.Derive, Processor):
    """Step 4."""


class Dump(chain.Dump, Processor):
    """Step 5."""


class End(chain.End, Sink):
    """The end; durable at once, like a sink without a buffer."""

    clock: Clock

    async def flush(self) -> None:
        """Note the time of the barrier."""
        self.clock.lap()


class Batches(Source):
    """Hands the lines over in batches of 1000, with a position behind each."""

    lines: Sequence[bytes]
    clock: Clock

    async def main(self) -> None:
        """Hand over all of them."""
        self.clock.start()
        for end in range(BATCH, len(self.lines) + BATCH, BATCH):
            await self.deliver(self.lines[end - BATCH : end], {"lines": end})

    async def commit(self, position: Mapping[str, Any]) -> None:
        """Note the time: the store has the position."""
        self.clock.lap()


class Singles(Batches):
    """Hands the lines over one by one; there is no position."""

    async def main(self) -> None:
        """Hand over all of them."""
        self.clock.start()
        for line in self.lines:
            await self.process(line)


class WithContexts(Batches):
    """Hands over a context with each line, as Kafka's source does with keys."""

    async def main(self) -> None:
        """Hand over all of them."""
        self.clock.start()
        for end in range(BATCH, len(self.lines) + BATCH, BATCH):
            lines = self.lines[end - BATCH : end]
            await self.deliver(lines, {"lines": end}, [{"key": None} for _ in lines])


class Settled(Batches):
    """Asks how each event ended."""

    settles: ClassVar[bool] = True

    async def settle(self, context: dict[str, Any], outcome: Outcome, result: Any, error: BaseException | None) -> None:
        """Take it; a real source acknowledges here."""


class Onwards(Generator):
    """A generator that runs inline and makes one event of one."""

    def generate(self, context: Any, event: Any, depth: int) -> None:
        """Pass the event on."""
        self.Pipeline.inject(context, event, depth)


Build = Callable[[Any, Workload, Keep, Clock], Sequence[Pipeline]]


def run(build: Build, workload: Workload, count: int | None = None, timeout: float = 120.0) -> Taken:
    """Run one pump to its end.

    Args:
        build: Returns the pipelines.
        workload: What to run through them.
        count: How many events the first pipeline must have taken, when it is not one for each line.
        timeout: Seconds; a pump that takes longer hangs, and the run ends with what it was doing.
    """
    keep, clock = new_keep(), Clock()
    expected = len(workload.lines) if count is None else count

    def add(app: Any) -> None:
        app.pump_service.add_pipelines(*build(app, workload, keep, clock))

    store = os.path.join(workload.folder, f"store-{next(_numbers)}.db")
    app = run_pump(add, store=store, timeout=timeout)
    counters = [pipeline.counters for pipeline in app.pump_service.Pipelines.values()]
    assert counters[0].events_in == expected, counters[0].as_dict()
    ended = counters[-1].events_out + sum(one.dropped for one in counters)
    assert ended == expected, [one.as_dict() for one in counters]
    assert sum(one.errors for one in counters) == 0, [one.as_dict() for one in counters]
    return Taken(clock.seconds, keep)


def part(cls: type[Any], app: Any, pipeline: Pipeline, id: str | None = None, config: Any = None, **given: Any) -> Any:
    """Return a part with attributes set on it."""
    made = cls(app, pipeline, id, config)
    for name, value in given.items():
        setattr(made, name, value)
    return made


def usual_chain(
    source: type[Batches], between: Sequence[type[Any]] = (), config: Mapping[str, Any] | None = None
) -> Build:
    """Return what builds the usual pipeline; `between` stands behind the third step."""

    def build(app: Any, workload: Workload, keep: Keep, clock: Clock) -> Sequence[Pipeline]:
        pipeline = Pipeline(app, "Chain", config)
        pipeline.build(
            part(source, app, pipeline, lines=workload.lines, clock=clock),
            Parse(app, pipeline),
            Filter(app, pipeline),
            part(Enrich, app, pipeline, users=workload.users),
            *(cls(app, pipeline) for cls in between),
            Derive(app, pipeline),
            Dump(app, pipeline),
            part(End, app, pipeline, keep=keep, clock=clock),
        )
        return [pipeline]

    return build


def _linked(entry: type[Source]) -> Build:
    """Return what builds two pipelines, the second with this source."""

    def build(app: Any, workload: Workload, keep: Keep, clock: Clock) -> Sequence[Pipeline]:
        first, second = Pipeline(app, "First"), Pipeline(app, "Second")
        first.build(
            part(Batches, app, first, lines=workload.lines, clock=clock),
            Parse(app, first),
            Filter(app, first),
            part(Enrich, app, first, users=workload.users),
            InternalSink(app, first, config={"target": "Second"}),
        )
        second.build(
            entry(app, second),
            Derive(app, second),
            Dump(app, second),
            part(End, app, second, keep=keep, clock=clock),
        )
        return [first, second]

    return build


def _row(key: str, title: str, build: Build, plain: str = "plain", target: float = 0.0) -> Row:
    return Row(key, title, lambda workload: run(build, workload), plain=plain, target=target)


def rows() -> list[Row]:
    """Return the rows of this project that need no files."""
    return [
        _row(
            "plain", "this project, batches of 1000, counters, barriers, SQLite store", usual_chain(Batches), "", 0.85
        ),
        _row("single", "  event by event, `await source.process(event)`", usual_chain(Singles), target=0.5),
        _row(
            "profile",
            "  profiler samples one event in 1000 (default: 10000)",
            usual_chain(Batches, (), {"profile_every": 1000}),
        ),
        _row("contexts", "  with a context for each event", usual_chain(WithContexts)),
        _row("settled", "  settled source: told how each event ended", usual_chain(Settled)),
        _row("linked", "  two pipelines, linked by a queue", _linked(InternalSource)),
        _row("direct", "  two pipelines, linked without a queue", _linked(DirectSource)),
        _row("generator", "  with an inline generator", usual_chain(Batches, (Onwards,))),
    ]

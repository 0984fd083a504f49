"""Sources and sinks for tests, and a pipeline around the parts that are to be tested."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from ..abc import Batch, Context, Event, ReaderSource, Sink, Source, SourceOptions
from ..application import BSPumpApplication
from ..config import option
from ..errors import EndOfInput
from ..pipeline import Pipeline

Part = type[Any] | tuple[type[Any], Mapping[str, Any]] | Callable[[Any, Any], Any]
"""How a test gives a part: its class, the class with its options, or a function of application and pipeline that makes it."""


class ListSourceOptions(SourceOptions):
    """Options of `ListSource`."""

    batch_size: int = option(10, "events handed over at a time", ge=1)


class ListSource(ReaderSource):
    """A finite source over a list, which resumes after the last event committed, like a real one.

    Out: the items of `events`. Its position is `{"list": index}`; `committed` is the last one it was told.
    """

    class Options(ListSourceOptions):
        """The size of the batches."""

    def __init__(
        self,
        app: Any,
        pipeline: Any,
        events: Iterable[Event],
        id: str | None = None,
        config: Mapping[str, Any] | None = None,
    ) -> None:
        """Take the events; see `Source` for the rest."""
        super().__init__(app, pipeline, id, config)
        self.events = list(events)
        self.committed = 0
        self._next = 0

    def is_finite(self) -> bool:
        """Return True: the list has an end."""
        return True

    async def connect(self) -> None:
        """Resume at the position."""
        self._next = self.position.get("list", 0)

    async def read(self) -> Batch:
        """Return the next events."""
        batch = self.events[self._next : self._next + self.options.batch_size]
        if not batch:
            raise EndOfInput
        self._next += len(batch)
        return Batch(batch, {"list": self._next})

    async def commit(self, position: Mapping[str, Any]) -> None:
        """Remember what was committed."""
        self.committed = position["list"]


class CollectSink(Sink):
    """A sink that keeps events in `events` and their contexts in `contexts`; `durable` counts those flushed."""

    def __init__(self, app: Any, pipeline: Any, id: str | None = None, config: Mapping[str, Any] | None = None) -> None:
        """See `ProcessorBase`."""
        super().__init__(app, pipeline, id, config)
        self.events: list[Event] = []
        self.contexts: list[Context] = []
        self.durable = 0

    def process(self, context: Context, event: Event) -> None:
        """Keep one event."""
        self.events.append(event)
        self.contexts.append(context)

    async def flush(self) -> None:
        """Count what was kept so far as durable."""
        self.durable = len(self.events)

    def since(self, index: int) -> Sequence[Event]:
        """Return the events from `index` on."""
        return self.events[index:]


def pipeline_of(
    *parts: Part, id: str = "P", config: Mapping[str, Any] | None = None
) -> Callable[[BSPumpApplication], None]:
    """Return what adds a pipeline of these parts to an application; for `Trial` and `run_pump`.

        trial = pump(pipeline_of(Parse, (Scale, {"factor": 3})))
        trial.feed("P", b"1")
        assert trial.run().outputs("P") == [3]

    Args:
        *parts: In order. Without a source at their beginning they get an empty one, for `feed`; without a sink at their end, one
            that collects.
        id: Of the pipeline.
        config: Options of the pipeline.
    """

    def build(app: BSPumpApplication) -> None:
        pipeline = Pipeline(app, id, config)
        made = [
            part[0](app, pipeline, config=part[1]) if isinstance(part, tuple) else part(app, pipeline) for part in parts
        ]
        sources = [part for part in made if isinstance(part, Source)]
        rest = made[len(sources) :]
        if not rest or not isinstance(rest[-1], Sink):
            rest.append(CollectSink(app, pipeline))
        pipeline.build(sources or [ListSource(app, pipeline, [])], *rest)
        app.pump_service.add_pipeline(pipeline)

    return build

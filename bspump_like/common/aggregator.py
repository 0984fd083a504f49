"""Aggregator: gathers events and sends them on together."""

from __future__ import annotations

import abc
import asyncio
import copy
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Literal

from ..abc import Context, Event, Generator, Outcome, ProcessorOptions, Snapshot
from ..config import Seconds, option
from ..errors import ConfigError, Problem, ProcessingError
from ..settlement import KEY, note

if TYPE_CHECKING:
    from ..application import BSPumpApplication
    from ..pipeline import Pipeline


class AggregationStrategy(abc.ABC):
    """What an aggregator makes of the events it gathers."""

    @abc.abstractmethod
    def append(self, context: Context, event: Event) -> None:
        """Take one event."""

    @abc.abstractmethod
    def flush(self) -> Event:
        """Return the aggregated event and begin anew."""

    @abc.abstractmethod
    def is_empty(self) -> bool:
        """Tell whether there is nothing since the last `flush`."""


class ListAggregationStrategy(AggregationStrategy):
    """Gathers a list of (context, event) tuples."""

    def __init__(self) -> None:
        """Begin with none."""
        self.AggregatedEvent: list[Any] = []

    def append(self, context: Context, event: Event) -> None:
        """Append the pair."""
        self.AggregatedEvent.append((context, event))

    def flush(self) -> Event:
        """Return the list."""
        aggregated, self.AggregatedEvent = self.AggregatedEvent, []
        return aggregated

    def is_empty(self) -> bool:
        """Tell whether the list is empty."""
        return not self.AggregatedEvent


class ListEventAggregationStrategy(ListAggregationStrategy):
    """Gathers a list of events."""

    def append(self, context: Context, event: Event) -> None:
        """Append the event."""
        self.AggregatedEvent.append(event)


class StringAggregationStrategy(ListAggregationStrategy):
    """Joins events of text (str or bytes) with a delimiter.

    Args:
        delimiter: Text between two events.
    """

    def __init__(self, delimiter: str = "\n") -> None:
        """Begin with no text."""
        super().__init__()
        self.Delimiter = delimiter

    def append(self, context: Context, event: Event) -> None:
        """Append the text; ProcessingError if it is none, or bytes among str."""
        expected = type(self.AggregatedEvent[0]) if self.AggregatedEvent else (str, bytes)
        if not isinstance(event, expected):
            kind = "str or bytes" if isinstance(expected, tuple) else expected.__name__
            raise ProcessingError(f"expected {kind} to join, got {type(event).__name__}", detail=repr(event)[:80])
        self.AggregatedEvent.append(event)

    def flush(self) -> Event:
        """Return the joined text, of the type of the first event."""
        parts = super().flush()
        if parts and isinstance(parts[0], bytes):
            return self.Delimiter.encode().join(parts)
        return self.Delimiter.join(parts)


_STRATEGIES: dict[str, Callable[[str], AggregationStrategy]] = {
    "pairs": lambda delimiter: ListAggregationStrategy(),
    "events": lambda delimiter: ListEventAggregationStrategy(),
    "text": StringAggregationStrategy,
}
"""Name in a definition -> takes the delimiter and returns the strategy."""


class Aggregator(Generator):
    """Gather events, and send them on as one when there are enough or the time has come.

    In: any event that the store can keep (no open files and the like). Out: what the strategy makes of them; the context is
    empty.
    Raises: ProcessingError, if the strategy cannot take an event.

    What is gathered is stored with each barrier and comes back after a crash or a stop; it is sent on at the end of the input.
    BSPump calls the method that sends on `flush`; here that name belongs to the barrier, and it is `complete`.

    Example:
        pipelines:
          - id: Example
            sources:
              - {class: RandomSource, config: {number: 7}}
            processors:
              - {class: Aggregator, config: {strategy: events, completion_size: 3}}
            sink: {class: PrintSink}
    """

    class Options(ProcessorOptions):
        """When a gathering is complete, whichever comes first, and what becomes of it."""

        strategy: Literal["pairs", "events", "text"] = option(
            "pairs",
            "what is sent on: a list of (context, event), a list of events, or text joined; unless one is given in code",
        )
        delimiter: str = option("\n", "for 'strategy: text', what stands between two events")
        completion_size: int = option(10, "events that make it complete", ge=1)
        completion_timeout: Seconds = option(0.0, "seconds after its first event; 0: never", ge=0)
        completion_interval: Seconds = option(
            0.0, "seconds between two by the clock; 0: never; excludes the timeout", ge=0
        )

    def __init__(
        self, app: BSPumpApplication, pipeline: Pipeline, aggregation_strategy: AggregationStrategy | None = None,
        id: str | None = None, config: Mapping[str, Any] | None = None,
    ) -> None:  # fmt: skip
        """See `Generator`.

        Args:
            app: The application.
            pipeline: The pipeline.
            aggregation_strategy: What to make of the events; as the option `strategy` says when left out.
            id: Name within the pipeline.
            config: Options.

        Raises:
            ConfigError: Both a timeout and an interval are set, or the strategy is text.
        """
        super().__init__(app, pipeline, id, config)
        if self.options.completion_timeout and self.options.completion_interval:
            problem = "'completion_timeout' and 'completion_interval' exclude each other"
            where = f"pipeline {pipeline.Id}, {self.Id}"
            raise ConfigError([Problem(problem, ("completion_interval",), where, "set one of them to 0")])
        given: Any = aggregation_strategy
        if isinstance(given, str):  # from a definition
            problem = f"'aggregation_strategy' is {given!r}, and takes an object, in Python"
            raise ConfigError([Problem(problem, ("args", "aggregation_strategy"), hint="set 'strategy' in 'config'")])
        # A copy of its own: one strategy object given to two aggregators must not mix their events.
        self.AggregationStrategy: AggregationStrategy = copy.deepcopy(aggregation_strategy) or _STRATEGIES[
            self.options.strategy
        ](self.options.delimiter)
        self._size: int = self.options.completion_size
        self._timeout: float = self.options.completion_timeout
        self._gathered: list[tuple[Context, Event]] = []
        self._timer: asyncio.TimerHandle | None = None

    def process(self, context: Context, event: Event) -> None:
        """Gather one event."""
        if KEY in context:
            note(context, Outcome.PROCESSED)  # the next snapshot holds it
        if self._timeout and not self._gathered:
            self._timer = self.Loop.call_later(self._timeout, self.complete)
        self.AggregationStrategy.append(context, event)
        self._gathered.append((context, event))
        if len(self._gathered) >= self._size:
            self.complete()

    def complete(self) -> None:
        """Send on what has been gathered, if there is something."""
        if self._timeout and self._timer is not None:
            self._timer.cancel()
        if self.AggregationStrategy.is_empty():
            return
        aggregated = self.AggregationStrategy.flush()
        self._gathered = []
        super().process({}, aggregated)
        self.Pipeline.committer.touch()  # a timer brings no position with it, and still a barrier must follow

    def generate(self, context: Context, event: Event, depth: int) -> None:
        """Send on one aggregated event; override it to send on something else."""
        self.Pipeline.inject(context, event, depth)

    async def on_start(self) -> None:
        """Start the clock, and the timeout of what came back from the store."""
        if self.options.completion_interval:
            self._tick()
        elif self._timeout and self._gathered:
            self._timer = self.Loop.call_later(self._timeout, self.complete)

    def _tick(self) -> None:
        self.complete()
        self._timer = self.Loop.call_later(self.options.completion_interval, self._tick)

    async def on_end_of_input(self) -> None:
        """Send on what is left."""
        self.complete()

    async def on_stop(self) -> None:
        """Stop the clock; what is left stays in the store."""
        if self._timer is not None:
            self._timer.cancel()

    def snapshot(self) -> Snapshot:
        """Return the gathered events with the entries of their contexts that are plain."""
        return [
            [
                {
                    key: value
                    for key, value in context.items()
                    if isinstance(value, None | bool | int | float | str | bytes)
                },
                event,
            ]
            for context, event in self._gathered
        ]

    def restore(self, state: Snapshot) -> None:
        """Gather the stored events again."""
        for context, event in state:
            self.AggregationStrategy.append(context, event)
            self._gathered.append((context, event))

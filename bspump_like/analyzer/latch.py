"""LatchAnalyzer: the last events that match a query."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from ..abc import Context, Event, Snapshot
from ..config import option
from ..errors import ConfigError, Problem
from ..query import compile_query
from .analyzer import Analyzer, AnalyzerOptions

if TYPE_CHECKING:
    from ..application import BSPumpApplication
    from ..pipeline import Pipeline


class LatchAnalyzerOptions(AnalyzerOptions):
    """Options of the latch."""

    latch_max_size: int = option(50, "events kept, the newest; 0: all of them, in memory without a bound", ge=0)


class LatchAnalyzer(Analyzer):
    """Keep the last events that match, in `self.Latch`; the web API shows them.

    The query is True (every event), False (none) or one in MongoDB's language, `{status: {$gte: 500}}`. `inclusive: true` turns
    it round: events that do not match are kept. The latch is stored with each barrier.

    In: any event, of what JSON and MessagePack can hold if the latch is to outlive a crash. Out: the same, unchanged.

    Example:
        pipelines:
          - id: Example
            sources:
              - {class: IteratorSource, args: {iterator: [{status: 200}, {status: 503}]}}
            processors:
              - id: Failures
                class: LatchAnalyzer
                args: {query: {status: {$gte: 500}}}
                config: {latch_max_size: 10}
            sink: {class: PPrintSink}
    """

    class Options(LatchAnalyzerOptions):
        """How many are kept."""

    def __init__(
        self,
        app: BSPumpApplication,
        pipeline: Pipeline,
        query: bool | Mapping[str, Any] = True,
        analyze_on_clock: bool = False,
        inclusive: bool = False,
        id: str | None = None,
        config: Mapping[str, Any] | None = None,
    ) -> None:
        """See `Analyzer`.

        Args:
            app: The application.
            pipeline: The pipeline.
            query: Which events are kept.
            analyze_on_clock: Call `analyze` every `analyze_period` seconds.
            inclusive: Keep those that do not match.
            id: Name within the pipeline.
            config: Options.

        Raises:
            ConfigError: It is no query.
        """
        super().__init__(app, pipeline, analyze_on_clock, id, config)
        self.Query = query
        self.Inclusive = inclusive
        self.Latch: deque[Event] = deque(maxlen=self.options.latch_max_size or None)
        self._matches: Callable[[Any], bool]
        try:
            self._matches = (lambda event: bool(query)) if isinstance(query, bool) else compile_query(query)
        except ValueError as error:
            raise ConfigError([Problem(str(error), ("args", "query"))]) from None

    def predicate(self, context: Context, event: Event) -> bool:
        """Tell whether the event matches, or with `inclusive` does not."""
        return bool(self._matches(event)) != self.Inclusive

    def evaluate(self, context: Context, event: Event) -> None:
        """Keep the event."""
        self.Latch.append(event)

    def snapshot(self) -> Snapshot:
        """Return what is kept."""
        return list(self.Latch)

    def restore(self, state: Snapshot) -> None:
        """Take it back; of more than `latch_max_size` the newest."""
        self.Latch.extend(state or ())

    def rest_get(self) -> dict[str, Any]:
        """Return what the web API shows of this part, with the events."""
        return {**super().rest_get(), "Latch": list(self.Latch)}

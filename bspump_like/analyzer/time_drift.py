"""TimeDriftAnalyzer: how old events are when they come."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ..abc import Context, Event
from ..config import Seconds, option
from ..event_time import seconds_of
from .analyzer import Analyzer, AnalyzerOptions

if TYPE_CHECKING:
    from ..application import BSPumpApplication
    from ..pipeline import Pipeline


class TimeDriftAnalyzerOptions(AnalyzerOptions):
    """Options of the drift."""

    analyze_period: Seconds = option(300.0, "seconds from one look at what was gathered to the next", gt=0)
    history_size: int = option(100, "events whose age is kept, the newest", ge=1)
    sparse_count: int = option(1, "one event in so many is looked at", ge=1)
    timestamp_attr: str = option("@timestamp", "field with the time: UNIX seconds, a datetime, or ISO 8601 text")


class TimeDriftAnalyzer(Analyzer):
    """Watch how many seconds old events are when they come; the gauge `timedrift` has avg, median, stddev, min and max.

    Negative figures are events from the future: a clock is wrong somewhere. Events without the field are passed over.

    In: dict. Out: the same, unchanged. Raises: ProcessingError, if the field holds no time.

    Example:
        pipelines:
          - id: Example
            sources:
              - {class: IteratorSource, args: {iterator: [{"@timestamp": "2026-11-21T10:00:00Z"}]}}
            processors:
              - {class: TimeDriftAnalyzer, config: {analyze_period: 1m}}
            sink: {class: PPrintSink}
    """

    class Options(TimeDriftAnalyzerOptions):
        """The field, and how much is kept."""

    def __init__(
        self, app: BSPumpApplication, pipeline: Pipeline, id: str | None = None, config: Mapping[str, Any] | None = None
    ) -> None:
        """See `Analyzer`; it looks on the clock, always."""
        super().__init__(app, pipeline, True, id, config)
        self._field: str = self.options.timestamp_attr
        self._every: int = self.options.sparse_count
        self._left = 1
        self.History: deque[float] = deque(maxlen=self.options.history_size)
        self.figures: dict[str, float] = dict.fromkeys(("avg", "median", "stddev", "min", "max"), 0.0)
        """The drift in seconds as it was when `analyze` looked last."""
        self._gauge: Any = None
        service = app.get_service("asab.MetricsService")
        if service is not None:
            tags = {"pipeline": pipeline.Id, "analyzer": self.Id}
            self._gauge = service.create_gauge("timedrift", tags=tags, init_values=dict(self.figures))

    def predicate(self, context: Context, event: Event) -> bool:
        """Choose one event in `sparse_count`, of those that have a time."""
        if not isinstance(event, Mapping) or self._field not in event:
            return False
        self._left -= 1
        if self._left:
            return False
        self._left = self._every
        return True

    def get_diff(self, event_timestamp: Any) -> float:
        """Return how many seconds ago a time was.

        Raises:
            ProcessingError: It is none.
        """
        return self.time() - seconds_of(self._field, event_timestamp)

    def evaluate(self, context: Context, event: Event) -> None:
        """Keep the age of the event."""
        self.History.append(self.get_diff(event[self._field]))

    def analyze(self) -> None:
        """Set the gauge."""
        if not self.History:
            return
        ages = np.fromiter(self.History, np.float64, len(self.History))
        figures = (ages.mean(), np.median(ages), ages.std(), ages.min(), ages.max())
        self.figures = dict(zip(self.figures, map(float, figures), strict=True))
        if self._gauge is not None:
            for name, value in self.figures.items():
                self._gauge.set(name, value)

    def rest_get(self) -> dict[str, Any]:
        """Return what the web API shows of this part, with the figures in seconds."""
        return {**super().rest_get(), "TimeDrift": self.figures}

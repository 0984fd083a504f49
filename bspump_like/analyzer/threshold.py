"""ThresholdAnalyzer: who leaves the bounds often enough."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ..abc import Context, Event
from ..config import Seconds, option
from ..errors import ConfigError, Problem, ProcessingError
from ..event_time import seconds_of
from .analyzer import AnalyzerOptions
from .time_window import TimeWindowAnalyzer

if TYPE_CHECKING:
    from ..application import BSPumpApplication
    from ..pipeline import Pipeline

L = logging.getLogger(__name__)


class ThresholdAnalyzerOptions(AnalyzerOptions):
    """What is watched, and its bounds."""

    event_attribute: str = option(help="field that names who is watched", example="server")
    event_value: str = option("", "field of the value that is watched; empty: events are counted", example="latency")
    timestamp_attr: str = option(
        "@timestamp", "field with the time of the event: UNIX seconds, a datetime, or ISO 8601 text"
    )
    figure: str = option(
        "last", "what stands for a piece of time with several values", choices=("last", "sum", "min", "max")
    )
    lower_bound: float = option(-math.inf, "a value below it is an anomaly")
    upper_bound: float = option(math.inf, "a value above it is an anomaly")
    anomaly_occurrence: int = option(1, "anomalies in the window that make an alarm", ge=1)
    analyze_period: Seconds = option(300.0, "seconds from one look at what was gathered to the next", gt=0)
    resolution: Seconds = option(60.0, "seconds of one piece of time", gt=0)
    columns: int = option(15, "pieces of time in the window", ge=1)


class ThresholdAnalyzer(TimeWindowAnalyzer):
    """Raise an alarm for everybody whose value was out of bounds often enough within the window.

    Each piece of time has one value by name: the last one, or the sum, the least, the largest; without `event_value` the number
    of events. Pieces of time without events are no anomaly. Every `analyze_period` seconds, and when the input has ended,
    `alarm(name, kind, occurrences)` is called for each with `anomaly_occurrence` anomalies or more; kind is `above`, `below` or
    `outside`, when it was both. It sends `{"analyzer", "name", "kind", "occurrences", "lower_bound", "upper_bound"}` to `alarms`,
    and logs a line when somebody is new; override it for anything else.

    In: dict. Out: the same, unchanged. Events that come too late for the window, or without the name, are passed over.
    Raises: ProcessingError, if there is no time, or no number in `event_value`.

    Example:
        pipelines:
          - id: Watch
            sources:
              - class: IteratorSource
                args:
                  iterator:
                    - {"@timestamp": 1000, server: a, latency: 20}
                    - {"@timestamp": 1060, server: a, latency: 900}
                    - {"@timestamp": 1061, server: b, latency: 30}
            processors:
              - class: ThresholdAnalyzer
                config: {event_attribute: server, event_value: latency, upper_bound: 500, alarms: Alarms}
            sink: {class: NullSink}
          - id: Alarms
            sources: [{class: InternalSource}]
            sink: {class: PPrintSink}
    """

    class Options(ThresholdAnalyzerOptions):
        """What is watched, and its bounds."""

    def __init__(
        self, app: BSPumpApplication, pipeline: Pipeline, id: str | None = None, config: Mapping[str, Any] | None = None
    ) -> None:
        """See `Analyzer`; it looks on the clock, always.

        Raises:
            ConfigError: The bounds leave nothing between them.
        """
        dtype = [("value", "f8"), ("count", "i8")]
        super().__init__(
            app, pipeline, dtype=dtype, analyze_on_clock=True, start_time="first event", id=id, config=config
        )
        options = self.options
        if options.lower_bound > options.upper_bound:
            raise ConfigError(
                [
                    Problem(
                        f"lower_bound {options.lower_bound} is above upper_bound {options.upper_bound}",
                        ("lower_bound",),
                    )
                ]
            )
        self._name: str = options.event_attribute
        self._value: str = options.event_value
        self._figure: str = options.figure if options.event_value else "sum"
        self._quiet = (math.inf, -math.inf, -1)  # from, until, the window's moves when that was so
        self._alarming: set[Any] = set()

    def _window(self, columns: int, resolution: float) -> tuple[int, float]:
        return self.options.columns, self.options.resolution

    def predicate(self, context: Context, event: Event) -> bool:
        """Choose events that have the name."""
        return self._name in event

    def evaluate(self, context: Context, event: Event) -> None:
        """Put the value into its piece of time."""
        window = self.TimeWindow
        try:
            time = seconds_of(self.options.timestamp_attr, event[self.options.timestamp_attr])
            value = float(event[self._value]) if self._value else 1.0
        except KeyError as error:
            raise ProcessingError(f"the event has no field {error}", detail=repr(event)[:200]) from error
        except (TypeError, ValueError) as error:
            raise ProcessingError(f"field '{self._value}' has {event[self._value]!r}, expected a number") from error
        since, until, moves = self._quiet
        if not since < time < until or moves != window.moves:
            if not window.accept(time):
                return
            self._quiet = (*window.quiet_times(), window.moves)
        row, column = window.add_row(event[self._name]), window.get_column(time)
        cell = window.Array[row, column]
        known, figure = cell["count"], self._figure
        if known and figure != "last":
            before = cell["value"]
            value = before + value if figure == "sum" else min(before, value) if figure == "min" else max(before, value)
        cell["value"], cell["count"] = value, known + 1

    def analyze(self) -> None:
        """Call `alarm` for everybody who was out of bounds often enough."""
        cells, options = self.TimeWindow.Array, self.options
        there = cells["count"] > 0
        above = (there & (cells["value"] > options.upper_bound)).sum(axis=1)
        below = (there & (cells["value"] < options.lower_bound)).sum(axis=1)
        alarming = set()
        for row in np.flatnonzero(above + below >= options.anomaly_occurrence).tolist():
            name = self.TimeWindow.get_row_name(row)
            kind = "outside" if above[row] and below[row] else "above" if above[row] else "below"
            alarming.add(name)
            self.alarm(name, kind, int(above[row] + below[row]))
        self._alarming = alarming

    def alarm(self, *args: Any) -> None:
        """Say that somebody is out of bounds; override it for anything else.

        Args:
            args: The name, `above`, `below` or `outside`, and the number of anomalies in the window.
        """
        name, kind, occurrences = args
        options = self.options
        if name not in self._alarming:
            L.warning("%s: %r is %s its bounds, %d times", self.locate_address(), name, kind, occurrences)
        self.send_alarm(
            {
                "analyzer": self.locate_address(), "name": name, "kind": kind, "occurrences": occurrences,
                "lower_bound": options.lower_bound, "upper_bound": options.upper_bound,
            }
        )  # fmt: skip

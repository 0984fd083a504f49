"""TimeDriftFilter: events that are not too old."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..abc import Context, Event, Processor
from ..abc.processor import ConcurrencyOptions
from ..config import Seconds, option
from ..errors import ProcessingError
from ..event_time import seconds_of

if TYPE_CHECKING:
    from ..application import BSPumpApplication
    from ..pipeline import Pipeline


class TimeDriftFilterOptions(ConcurrencyOptions):
    """Options of the filter."""

    max_time_drift: Seconds = option(60.0, "age of the oldest event that passes, in seconds", ge=0)
    field: str = option("@timestamp", "field with the time: UNIX seconds, a datetime, or ISO 8601 text")


class TimeDriftFilter(Processor):
    """Drop events that are older than `max_time_drift`, and count them.

    In: dict with a time in `field`; one without a zone is UTC. Out: the same dict, or nothing.
    Raises: ProcessingError, if there is no such time. Metric: the counter `timestamp.error`, tagged with pipeline and processor.

    Example:
        pipelines:
          - id: Example
            sources:
              - {class: IteratorSource, args: {iterator: [{"@timestamp": 0, text: old}, {"@timestamp": 4000000000, text: new}]}}
            processors:
              - {class: TimeDriftFilter, config: {max_time_drift: 5m}}
            sink: {class: PPrintSink}
    """

    class Options(TimeDriftFilterOptions):
        """Age and field."""

    def __init__(
        self, app: BSPumpApplication, pipeline: Pipeline, id: str | None = None, config: Mapping[str, Any] | None = None
    ) -> None:
        """See `Processor`."""
        super().__init__(app, pipeline, id, config)
        self._field: str = self.options.field
        self._most: float = self.options.max_time_drift
        self._late = 0
        self._counter: Any = None
        service = app.get_service("asab.MetricsService")
        if service is not None:
            tags = {"pipeline": pipeline.Id, "processor": self.Id}
            self._counter = service.create_counter("timestamp.error", tags=tags, init_values={"count": 0})

    def process(self, context: Context, event: Event) -> Event:
        """Let the event pass unless it is too old."""
        try:
            stamp = event[self._field]
        except (KeyError, TypeError, IndexError) as error:
            raise self._no_field(event) from error
        if stamp.__class__ is not float and stamp.__class__ is not int:
            stamp = seconds_of(self._field, stamp)
        age = self.time() - stamp
        if age <= self._most:
            return event
        self._late += 1
        if self._counter is not None:
            self._counter.add("count", 1)
        return None

    def _no_field(self, event: Any) -> ProcessingError:
        if not isinstance(event, Mapping):
            return ProcessingError(f"expected a dict with a time, got {type(event).__name__}")
        return ProcessingError(f"the event has no field '{self._field}'")

    def rest_get(self) -> dict[str, Any]:
        """Return what the web API shows of this part, with the number of events that were too old."""
        return {**super().rest_get(), "TooOld": self._late}

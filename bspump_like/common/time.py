"""TimeZoneNormalizer: local times to UTC."""

from __future__ import annotations

import datetime
import zoneinfo
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..abc import Context, Event, Processor
from ..abc.processor import ConcurrencyOptions
from ..config import option
from ..errors import ProcessingError

if TYPE_CHECKING:
    from ..application import BSPumpApplication
    from ..pipeline import Pipeline


def zone_of(name: Any) -> zoneinfo.ZoneInfo:
    """Return the time zone of a name, for `option(parse=zone_of)`; ValueError if there is none."""
    if isinstance(name, zoneinfo.ZoneInfo):
        return name
    try:
        return zoneinfo.ZoneInfo(str(name))
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("there is no such time zone; expected a name like Europe/Prague") from None


class TimeZoneNormalizer(Processor):
    """Turn the local time of an event into UTC, in place.

    In: dict with a datetime in `field`; without a zone it is taken as local time of `timezone`. An event without the field,
    or with None, passes unchanged. Out: the same dict. Raises: ProcessingError, if the field holds no datetime.

    Example:
        pipelines:
          - id: Example
            sources:
              - {class: IteratorSource, args: {iterator: [{at: 2013-07-01T12:00:00}]}}
            processors:
              - {class: CastProcessor, config: {fields: {at: datetime}}}
              - {class: TimeZoneNormalizer, config: {timezone: America/New_York, field: at}}
            sink: {class: PrintSink}
    """

    class Options(ConcurrencyOptions):
        """Zone and field."""

        timezone: Any = option("CET", "name of the local time zone", parse=zone_of, example="Europe/Prague")
        field: str = option("@timestamp", "field with the time")

    def __init__(
        self, app: BSPumpApplication, pipeline: Pipeline, id: str | None = None, config: Mapping[str, Any] | None = None
    ) -> None:
        """See `Processor`."""
        super().__init__(app, pipeline, id, config)
        self.TimeZone: zoneinfo.ZoneInfo = zone_of(self.options.timezone)
        self._field: str = self.options.field

    def normalize(self, local_time: datetime.datetime) -> datetime.datetime:
        """Return a time in UTC. Of the two times that a clock shows twice in autumn the first is meant."""
        if local_time.tzinfo is None:
            local_time = local_time.replace(tzinfo=self.TimeZone)
        return local_time.astimezone(datetime.UTC)

    def process(self, context: Context, event: Event) -> Event:
        """Replace the time."""
        value = event.get(self._field)
        if value is None:
            return event
        if not isinstance(value, datetime.datetime):
            raise ProcessingError(
                f"field '{self._field}' has {value!r}, expected a datetime", hint="put a CastProcessor before"
            )
        event[self._field] = self.normalize(value)
        return event

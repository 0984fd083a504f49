"""AnomalyAnalyzer: tells of which anomaly an event is an occurrence."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from ..abc import Context, Event, Generator, ProcessorOptions
from ..config import option
from ..errors import ProcessingError
from ..event_time import seconds_of
from ..expression import Expression, provided_by
from .general import GeneralAnomaly

if TYPE_CHECKING:
    from ..application import BSPumpApplication
    from ..pipeline import Pipeline

_DEFAULT = "default"


def _dimensions(declared: Any) -> dict[str, list[str]]:
    """Read `TYPE:FIELD TYPE:FIELD`, or a dict of type -> field or fields."""
    if isinstance(declared, str):
        pairs = [one.partition(":") for one in re.split(r"[,\s]+", declared) if one]
        if not all(type and field for type, _, field in pairs):
            raise ValueError("expected TYPE:FIELD, separated by blanks, such as default:user_id")
        items: dict[str, list[str]] = {}
        for type, _, field in pairs:
            items.setdefault(type, []).append(field)
    elif isinstance(declared, Mapping):
        items = {str(type): [fields] if isinstance(fields, str) else list(fields) for type, fields in declared.items()}
    else:
        raise ValueError("expected types with fields")
    if not items or not all(items.values()):
        raise ValueError("expected a field for each type")
    return items


class AnomalyAnalyzerOptions(ProcessorOptions):
    """What of an event makes the anomaly."""

    key_dimensions: Any = option(
        "default:user_id", "type -> fields that tell anomalies apart, TYPE:FIELD ...; 'default' is for types not named",
        parse=_dimensions, example={"default": "user_id", "above": ["server", "name"]},
    )  # fmt: skip
    type: Expression = option("type", "expression of the type of the anomaly; None: general", example='"slow " + kind')
    timestamp_attr: str = option(
        "@timestamp", "field with the time: UNIX seconds, a datetime, or ISO 8601 text; without it the event is of now"
    )
    details: list[str] = option([], "fields that the anomaly is to show, of its last event", example=["kind"])


class AnomalyAnalyzer(Generator):
    """Make of each event an occurrence of an anomaly, for an AnomalyManager: of what type, about whom, when.

    In: dict, an alarm of an analyzer for example. Out: `{"type", "key_dimensions", "timestamp", "details"}`.
    Raises: ProcessingError, if none of the fields is there, or the time is none.

    Example:
        pipelines:
          - id: Example
            sources:
              - class: IteratorSource
                args:
                  iterator:
                    - {"@timestamp": 1000, type: login, user_id: u1}
                    - {"@timestamp": 1010, type: upload, host: h1, user_id: u1, bytes: 5000}
            processors:
              - class: AnomalyAnalyzer
                config: {key_dimensions: {default: user_id, upload: [host, user_id]}, details: [bytes]}
            sink: {class: PPrintSink}
    """

    class Options(AnomalyAnalyzerOptions):
        """What of an event makes the anomaly."""

    def __init__(
        self, app: BSPumpApplication, pipeline: Pipeline, id: str | None = None, config: Mapping[str, Any] | None = None
    ) -> None:
        """See `Generator`."""
        super().__init__(app, pipeline, id, config)
        self._type: Callable[[Context, Event], Any] = self.options.type.compile(provided_by(app))
        self._dimensions: dict[str, list[str]] = self.options.key_dimensions

    def generate(self, context: Context, event: Event, depth: int) -> None:
        """Send the occurrence on; at once and in order, since there is nothing to wait for."""
        self.Pipeline.inject(context, self.occurrence(context, event), depth)

    def occurrence(self, context: Context, event: Event) -> dict[str, Any]:
        """Return what an event means; override it to find anomalies of your own.

        Raises:
            ProcessingError: It has none of the fields, or no time in the field of the time.
        """
        if not isinstance(event, Mapping):
            raise ProcessingError(f"expected a dict, got {type(event).__name__}")
        found = self._type(context, event)
        kind = GeneralAnomaly.TYPE if found is None else str(found)
        fields = self._dimensions.get(kind) or self._dimensions.get(_DEFAULT)
        if fields is None:
            raise ProcessingError(f"there are no key_dimensions for '{kind}'", hint=f"add '{_DEFAULT}'")
        dimensions = {field: event[field] for field in fields if event.get(field) is not None}
        if not dimensions:
            raise ProcessingError(
                f"the event has no {' or '.join(fields)} to tell anomalies of type '{kind}' apart",
                detail=repr(event)[:200], hint="name the fields in key_dimensions",
            )  # fmt: skip
        name = self.options.timestamp_attr
        return {
            "type": kind,
            "key_dimensions": dimensions,
            "timestamp": seconds_of(name, event[name]) if event.get(name) is not None else self.time(),
            "details": {field: event[field] for field in self.options.details if field in event},
        }

"""FingerprintProcessor: a digest of some fields, as a field: an id, or a pseudonym."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import orjson

from ..abc import Context, Event, Processor
from ..abc.processor import ConcurrencyOptions
from ..config import option
from ..errors import ConfigError, ProcessingError
from .algorithms import FORMS, HashOptions, digest_of, keyed_digest_of

if TYPE_CHECKING:
    from ..application import BSPumpApplication
    from ..pipeline import Pipeline


class FingerprintOptions(HashOptions, ConcurrencyOptions):
    """Which fields, which function."""

    fields: list[str] = option([], "fields that count; empty: all but the target", example=["origin", "flight", "day"])
    target: str = option("fingerprint", "field that gets the digest")
    form: str = option("hex", "how the digest is written", choices=tuple(FORMS))
    key: str = option("", "secret for a keyed digest (HMAC), which nobody without it can compute", secret=True)


class FingerprintProcessor(Processor):
    """Put a digest of fields into a field, in place: an id that is the same for the same content, or with a `key` a pseudonym.

    In: dict of what JSON can say. Out: the same dict. The order of the fields does not matter; a field that is missing counts
    as null. What is hashed is compact JSON with sorted keys: of an object with `fields`, or of the whole event.
    Raises: ProcessingError, if the event is no dict or JSON cannot say it.

    Example:
        pipelines:
          - id: Example
            sources:
              - class: IteratorSource
                args: {iterator: [{origin: EWR, flight: 1545, delay: 2}, {flight: 1545, origin: EWR, delay: 7}]}
            processors:
              - {class: FingerprintProcessor, config: {fields: [origin, flight], target: _id}}
            sink: {class: PPrintSink}
    """

    class Options(FingerprintOptions):
        """Which fields, which function."""

    def __init__(
        self, app: BSPumpApplication, pipeline: Pipeline, id: str | None = None, config: Mapping[str, Any] | None = None
    ) -> None:
        """See `Processor`.

        Raises:
            ConfigError: The function cannot be keyed.
            MissingDependency: xxhash is not installed.
        """
        super().__init__(app, pipeline, id, config)
        o = self.options
        try:
            self._digest = keyed_digest_of(o, o.key.encode()) if o.key else digest_of(o)
        except ValueError as error:
            raise ConfigError(f"{self.locate_address()}: {error}") from error
        self._form = FORMS[o.form]
        self._fields: list[str] = o.fields
        self._target: str = o.target

    def process(self, context: Context, event: Event) -> Event:
        """Return the event with its digest."""
        target = self._target
        if not isinstance(event, Mapping):
            raise ProcessingError(f"expected a dict to hash, got {type(event).__name__}")
        if self._fields:
            counted = {field: event.get(field) for field in self._fields}
        elif target in event:
            counted = {field: value for field, value in event.items() if field != target}
        else:
            counted = event  # type: ignore[assignment]
        try:
            data = orjson.dumps(counted, option=orjson.OPT_SORT_KEYS)
        except TypeError as error:
            raise ProcessingError("the event cannot be hashed", detail=str(error), hint="set 'fields'") from error
        event[target] = self._form(self._digest(data))  # type: ignore[index]
        return event

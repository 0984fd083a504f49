"""CastProcessor: typed values from text, declared by field."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from ..abc import Context, Event, Processor
from ..abc.processor import ConcurrencyOptions
from ..casting import NULL_VALUES, cast_of, parse_fields, to_int, type_name
from ..config import option
from ..errors import ProcessingError
from .absent import MISSING, lacking
from .generated import Scope, generate

if TYPE_CHECKING:
    from ..application import BSPumpApplication
    from ..pipeline import Pipeline


class CastProcessor(Processor):
    """Give fields of an event their types, in place.

        {"class": "CastProcessor", "config": {"fields": {"delay": "int", "day": {"type": "date", "format": "%d.%m.%Y"}}}}

    In: dict, usually of text, such as a CSV row. Out: the same dict; with `drop_unlisted` a new one. A value that is None or
    one of `null_values` becomes None; a field that is missing stays missing, unless `missing` says otherwise: where every event
    has all of them, `missing: reject` finds a name that is misspelt.
    Raises: ProcessingError, naming field and value, if a value does not fit; Reject, for a field that is missing, with
    `missing: reject`; the event is unchanged then.

    Example:
        pipelines:
          - id: Example
            sources:
              - {class: IteratorSource, args: {iterator: [{day: 2013-01-01, delay: '4', late: 'no'}]}}
            processors:
              - {class: CastProcessor, config: {fields: {delay: int, late: bool}}}
            sink: {class: PPrintSink}
    """

    class Options(ConcurrencyOptions):
        """Which fields, which types."""

        fields: dict[str, Any] = option(
            help="field name -> int, float, str, bool, datetime, date, or {type: datetime, format: ...}", parse=parse_fields,
            example={"dep_delay": "int"},
        )  # fmt: skip
        null_values: list[str] = option(NULL_VALUES, "text that means no value, in the fields above")
        missing: str = option("skip", **MISSING)
        drop_unlisted: bool = option(False, "leave out the fields that are not listed")

    def __init__(
        self, app: BSPumpApplication, pipeline: Pipeline, id: str | None = None, config: Mapping[str, Any] | None = None
    ) -> None:
        """See `Processor`."""
        super().__init__(app, pipeline, id, config)
        self._casts = [(name, cast_of(wanted)) for name, wanted in (self.options.fields or {}).items()]
        self._names = frozenset(name for name, _ in self._casts)
        self._null_values = frozenset((None, *self.options.null_values))
        self._drop_unlisted: bool = self.options.drop_unlisted
        self._cast_all = self._generated()

    def _generated(self) -> Callable[[Any], Any]:
        """Return a function that casts an event which has all the fields; KeyError otherwise."""
        scope = Scope(nulls=self._null_values)
        lines, assignments, items = [], [], []
        for number, (name, cast) in enumerate(self._casts):
            field, function = scope.bind(name), scope.bind(cast)
            # Nearly always the value is text, and then the type itself is quicker than a function around it.
            plain = f"int(v) if v.__class__ is str else {function}(v)" if cast is to_int else f"{function}(v)"
            lines += [f"v = event[{field}]", f"v{number} = None if v in nulls else {plain}"]
            assignments.append(f"event[{field}] = v{number}")  # only when all of them fit
            items.append(f"{field}: v{number}")
        end = [f"return {{{', '.join(items)}}}"] if self._drop_unlisted else [*assignments, "return event"]
        return generate("cast", lines + end, scope)

    def process(self, context: Context, event: Event) -> Event:
        """Return the event with typed values."""
        try:
            return self._cast_all(event)
        except (KeyError, ValueError, TypeError, OverflowError):
            return self._cast_present(event)  # a field is missing, or does not fit: then it says which

    def _cast_present(self, event: Event) -> Event:
        typed: dict[str, Any] = {}
        missing = self.options.missing
        if missing != "skip" and isinstance(event, Mapping) and not self._names <= event.keys():
            if missing == "drop":
                return None
            if missing == "reject":
                raise lacking(event, self.options.fields)
            typed = {name: None for name, _ in self._casts if name not in event}
        nulls = self._null_values
        name = ""
        try:
            for name, cast in self._casts:
                if name in event:
                    value = event[name]
                    typed[name] = None if value in nulls else cast(value)
        except (ValueError, TypeError, OverflowError) as error:
            raise self._does_not_fit(name, event, error) from error
        if self._drop_unlisted:
            return typed
        event.update(typed)
        return event

    def _does_not_fit(self, name: str, event: Any, error: Exception) -> ProcessingError:
        if not isinstance(event, Mapping):
            return ProcessingError(f"expected a dict with fields to cast, got {type(event).__name__}")
        return ProcessingError(
            f"field '{name}' has {event[name]!r}, which is no {type_name(self.options.fields[name])}", detail=str(error)
        )

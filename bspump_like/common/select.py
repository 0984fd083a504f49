"""SelectProcessor: which fields an event has, and what they are called."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..abc import Context, Event, Processor
from ..abc.processor import ConcurrencyOptions
from ..config import option
from ..errors import ConfigError, Problem
from .generated import Scope, generate

if TYPE_CHECKING:
    from ..application import BSPumpApplication
    from ..pipeline import Pipeline


class SelectProcessor(Processor):
    """Keep, remove, rename and set fields.

        {"class": "SelectProcessor", "config": {"keep": ["id", "delay"], "rename": {"delay": "minutes"}, "set": {"v": 1}}}

    In: dict. Out: with `keep` or `rename` a new dict, otherwise the same. `keep`, `remove` and `rename` use the names that the
    event came with; `set` comes last. Fields that are missing are passed over. Raises: AttributeError, if the event is not
    a dict.
    """

    class Options(ConcurrencyOptions):
        """What to do with which fields."""

        keep: list[str] = option([], "fields to keep; empty: all", example=["id", "name"])
        remove: list[str] = option([], "fields to remove")
        rename: dict[str, str] = option({}, "old name -> new name", example={"faa": "airport"})
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
        self._keep = [(field, self._rename.get(field, field)) for field in self.options.keep]
        scope = Scope()
        items = [f"{scope.bind(new)}: event[{scope.bind(old)}]" for old, new in self._keep]
        self._kept = generate("select", [f"return {{{', '.join(items)}}}"], scope)
        self._removed = tuple(removed)
        self._set: dict[str, Any] = self.options.set

    def process(self, context: Context, event: Event) -> Event:
        """Return the event with its new fields."""
        if self._keep:
            try:
                event = self._kept(event)
            except KeyError:
                event = {new: event[old] for old, new in self._keep if old in event}
        else:
            for field in self._removed:
                event.pop(field, None)
            if self._rename:
                find = self._rename.get
                event = {find(field, field): value for field, value in event.items()}
        if self._set:
            event.update(self._set)
        return event

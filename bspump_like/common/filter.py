"""FilterProcessor: lets through the events that meet a condition."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from ..abc import Context, Event, Processor
from ..abc.processor import ConcurrencyOptions
from ..config import option
from ..expression import check_lookups, compile_condition, condition_function, lookups_of, provided_by, read_condition
from ..expression.provided import ANYWHERE

if TYPE_CHECKING:
    from ..application import BSPumpApplication
    from ..pipeline import Pipeline


def checked_condition(where: Any) -> Any:
    """Return what an option declares as a condition.

    Raises:
        ValueError: It declares none.
    """
    compile_condition(where, names=ANYWHERE)
    return where


class FilterProcessor(Processor):
    """Let through the events for which the condition holds; drop the others.

        where: carrier in ["UA", "AA"] and 15 < delay <= 60 and note is null and match(tail, "^N1")
        where: {carrier: [UA, AA], delay: {gt: 15, le: 60}, note: missing, tail: {regex: "^N1"}}

    The condition is an expression, or for each field a value (equal), a list (one of), `exists`, `missing`, or a dict of
    operators: exists, missing, eq, ne, in, lt, le, gt, ge, regex; all must hold. A field that is missing counts as None: only
    missing, ne, `eq: null` and an `in` with null hold for it. Text `exists` and `missing` as values are written `{eq: exists}`.

    In: dict. Out: the event, unchanged, or nothing.
    Raises: ProcessingError, if a value cannot be compared (text with a number); names condition and values.

    Example:
        pipelines:
          - id: Late
            sources:
              - class: IteratorSource
                args: {iterator: [{carrier: UA, delay: 70}, {carrier: DL, delay: 90}, {carrier: AA, delay: null}]}
            processors:
              - class: FilterProcessor
                config: {where: 'carrier in ["UA", "AA"] and delay > 60'}
            sink: {class: PrintSink}
    """

    class Options(ConcurrencyOptions):
        """The condition."""

        where: str | dict[str, Any] = option(
            {}, "an expression, or field -> condition; all must hold", parse=checked_condition, example="delay > 15"
        )
        invert: bool = option(False, "drop the events for which the condition holds, let through the others")

    def __init__(
        self, app: BSPumpApplication, pipeline: Pipeline, id: str | None = None, config: Mapping[str, Any] | None = None,
        predicate: Callable[[Context, Event], Any] | None = None,
    ) -> None:  # fmt: skip
        """See `Processor`.

        Args:
            app: The application.
            pipeline: The pipeline.
            id: Name within the pipeline.
            config: Options.
            predicate: A further condition: takes context and event, returns whether it holds.
        """
        super().__init__(app, pipeline, id, config)
        self._run = self._compiled(predicate)
        if type(self).process is FilterProcessor.process:
            # Called for every event: without a method around it that calls it.
            self.process = self._run  # type: ignore[assignment,method-assign]

    def _compiled(self, predicate: Callable[[Context, Event], Any] | None) -> Callable[[Context, Event], Event]:
        where, names = self.options.where, provided_by(self.App)
        then, otherwise = ("None", "event") if self.options.invert else ("event", "None")
        if predicate is None:
            return condition_function(where, names, lambda holds: f"return {then} if {holds} else {otherwise}")
        holds, invert = compile_condition(where, names=names), self.options.invert
        return lambda context, event: event if bool(holds(context, event) and predicate(context, event)) != invert else None

    def asked_lookups(self) -> Iterator[tuple[str, tuple[str | int, ...]]]:
        """Yield the id of each lookup that the condition asks, and the keys in `config` that lead to it."""
        for id in lookups_of([read_condition(self.options.where).source.tree]):
            yield id, ("where",)

    async def on_start(self) -> None:
        """Look whether the lookups that the condition asks are there.

        Raises:
            ConfigError: One is not.
        """
        check_lookups(self.App, (id for id, _ in self.asked_lookups()), f"pipeline {self.Pipeline.Id}, {self.Id}")

    def process(self, context: Context, event: Event) -> Event:
        """Return the event or None."""
        return self._run(context, event)

"""The divert: events that meet a condition leave for another pipeline, the others go on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from ..abc import Context, Event
from ..abc.processor import ConcurrencyOptions
from ..config import option
from ..expression import compile_expression, lookups_of, provided_by
from ..expression.program import Source
from ..expression.provided import ANYWHERE
from .router import RouterProcessor

if TYPE_CHECKING:
    from ..application import BSPumpApplication
    from ..pipeline import Pipeline

Condition = Callable[[Context, Event], Any]
"""Takes context and event, returns whether it holds."""


def compile_condition(written: Any, names: Mapping[str, Any] = ANYWHERE) -> Condition:
    """Return the condition that an option declares: an expression, true or false.

    Args:
        written: What the option has.
        names: What the pump provides to expressions.

    Raises:
        ValueError: It is none; names the column.
    """
    if isinstance(written, bool):
        return lambda context, event: written
    if callable(written):
        condition: Condition = written
        return condition
    if not isinstance(written, str):
        raise ValueError("expected an expression, such as: delay > 15")
    return compile_expression(written, names=names)


def checked_condition(written: Any) -> Any:
    """Return what an option has for a condition, as it is.

    Raises:
        ValueError: It is none; names the column.
    """
    compile_condition(written)
    return written


def lookups_in(condition: Any) -> frozenset[str]:
    """Return the ids of the lookups that a condition asks."""
    return lookups_of([Source.of(condition).tree]) if isinstance(condition, str) else frozenset()


def count_as_sent(pipeline: Pipeline) -> None:
    """Count an event as sent: the chain, which sees only that nothing is returned, counts it as dropped."""
    counters = pipeline.counters
    counters.dropped -= 1
    counters.events_out += 1


class DivertProcessor(RouterProcessor):
    """Send the events for which a condition holds to another pipeline; the others go on.

    A diverted event leaves this pipeline here: what follows never sees it. In a definition it is written in place, as a step
    with `when`, see docs/how-to/definitions.md.

    In: any event. Out: the event, unchanged, or nothing.
    Raises: ProcessingError, if the condition cannot be computed for an event.

    Example:
        pipelines:
        - id: Delays
          source: {class: IteratorSource, args: {iterator: [{delay: 3}, {delay: 90}]}}
          processors:
          - class: DivertProcessor
            config: {when: delay > 60, target: Late}
          sink: {class: PrintSink}
        - id: Late
          source: {class: InternalSource}
          sink: {class: PrintSink}
    """

    class Options(ConcurrencyOptions):
        """The condition, and where to."""

        when: Any = option(
            help="expression; events for which it holds leave here", parse=checked_condition, example="delay > 60"
        )
        target: str = option(
            help="address of the source that gets them: `Pipeline` or `Pipeline.*Source`", refers="input"
        )

    def __init__(
        self, app: BSPumpApplication, pipeline: Pipeline, id: str | None = None, config: Mapping[str, Any] | None = None,
        condition: Condition | None = None,
    ) -> None:  # fmt: skip
        """See `Processor`.

        Args:
            app: The application.
            pipeline: The pipeline.
            id: Name within the pipeline.
            config: Options.
            condition: In Python, a function in place of the option `when`: takes context and event.
        """
        super().__init__(app, pipeline, id, config if condition is None else {**(config or {}), "when": condition})
        self._holds: Condition = compile_condition(self.options.when, provided_by(app))

    def asked_lookups(self) -> Iterator[tuple[str, tuple[str | int, ...]]]:
        """Yield the id of each lookup that the condition asks, and the keys in `config` that lead to it."""
        for id in lookups_in(self.options.when):
            yield id, ("when",)

    async def on_start(self) -> None:
        """Find the target; all pipelines are there by now."""
        self._target = self.locate(self.options.target)

    def process(self, context: Context, event: Event) -> Event:
        """Send the event away, or return it."""
        if not self._holds(context, event):
            return event
        self._target.accept(context, event)
        count_as_sent(self.Pipeline)
        return None

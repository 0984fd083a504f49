"""The switch: the first case whose condition holds says where an event goes."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from ..abc import Context, Event, ProcessorOptions
from ..abc.processor import ConcurrencyOptions
from ..config import nearest, option
from ..errors import ProcessingError
from .divert import Condition, compile_condition
from .router import RouterMixIn, RouterProcessor, RouterSink


@dataclasses.dataclass(frozen=True)
class Case:
    """One case of a switch.

    Attributes:
        when: The condition.
        target: Address of the source that gets the events.
    """

    when: Condition
    target: str


def compile_cases(written: Any) -> list[Case]:
    """Return the cases that an option declares.

    Raises:
        ValueError: It declares none; names the case, and the column of a condition.
    """
    if not isinstance(written, list | tuple):
        raise ValueError("expected a list of cases, {when: ..., target: ...}")
    return [_case(number, one) for number, one in enumerate(written, 1)]


def _case(number: int, written: Any) -> Case:
    if isinstance(written, Case):
        return written
    if not isinstance(written, Mapping):
        raise ValueError(f"case {number} is no object with 'when' and 'target'")
    for key in written:
        if key not in ("when", "target"):
            raise ValueError(f"case {number} has an unknown key '{key}', {nearest(str(key), ('when', 'target'))}")
    for key in ("when", "target"):
        if written.get(key) in (None, ""):
            raise ValueError(f"case {number} needs '{key}'")
    try:
        return Case(compile_condition(written["when"]), str(written["target"]))
    except ValueError as error:
        raise ValueError(f"case {number}: {error}") from None


_CASES: dict[str, Any] = {
    "help": "the cases, in order: [{when: an expression, target: address of a source}, ...]", "parse": compile_cases,
    "refers": "input", "example": [{"when": 'carrier == "UA"', "target": "United"}],
}  # fmt: skip


class _Switch(RouterMixIn):
    """Knows the cases, and sends events where they belong."""

    options: Any

    async def on_start(self) -> None:
        """Find the targets; all pipelines are there by now."""
        self._cases = [(case.when, self.locate(case.target)) for case in self.options.cases]
        self._default = self.locate(self.options.default) if self.options.default else None

    def _send(self, context: Context, event: Event) -> bool:
        """Send an event where it belongs; return whether there is such a place."""
        for holds, source in self._cases:
            if holds(context, event):
                source.accept(context, event)
                return True
        if self._default is None:
            return False
        self._default.accept(context, event)
        return True


class SwitchProcessor(_Switch, RouterProcessor):
    """Send each event to the pipeline of the first case whose condition holds; one that meets none goes on.

    In a definition it is written in place, as a step with `case`, see docs/how-to/definitions.md.

    In: any event. Out: the event, unchanged, or nothing.
    Raises: ProcessingError, if a condition cannot be computed for an event.

    Example:
        pipelines:
        - id: Flights
          source: {class: IteratorSource, args: {iterator: [{carrier: UA}, {carrier: DL}]}}
          processors:
          - class: SwitchProcessor
            config: {cases: [{when: carrier == "UA", target: United}]}
          sink: {class: PrintSink}
        - id: United
          source: {class: InternalSource}
          sink: {class: PrintSink}
    """

    class Options(ConcurrencyOptions):
        """The cases."""

        cases: Any = option([], **_CASES)
        default: str = option("", "address of the source that gets the other events; empty: they go on", refers="input")

    def process(self, context: Context, event: Event) -> Event:
        """Send the event away, or return it."""
        return None if self._send(context, event) else event


class SwitchSink(_Switch, RouterSink):
    """Send each event to the pipeline of the first case whose condition holds; one that meets none is an error.

    Raises: ProcessingError, if no case takes an event and there is no `default`, or if a condition cannot be computed.

    Example:
        pipelines:
        - id: Flights
          source: {class: IteratorSource, args: {iterator: [{carrier: UA}, {carrier: DL}]}}
          sink:
            class: SwitchSink
            config: {cases: [{when: carrier == "UA", target: United}], default: Others}
        - id: United
          source: {class: InternalSource}
          sink: {class: PrintSink}
        - id: Others
          source: {class: InternalSource}
          sink: {class: NullSink}
    """

    class Options(ProcessorOptions):
        """The cases."""

        cases: Any = option([], **_CASES)
        default: str = option("", "address of the source that gets the other events; empty: they are errors", refers="input")

    def process(self, context: Context, event: Event) -> None:
        """Send the event away."""
        if not self._send(context, event):
            raise ProcessingError(
                f"no case of {self.Id} takes the event", detail=repr(event)[:80], hint="add a last case without a condition"
            )

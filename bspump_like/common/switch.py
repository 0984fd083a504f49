"""The switch: the first case whose condition holds says where an event goes."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..abc import Context, Event, ProcessorOptions
from ..abc.processor import ConcurrencyOptions
from ..config import nearest, option
from ..errors import ConfigError, Problem, ProcessingError
from ..expression import provided_by
from .divert import Condition, compile_condition, count_as_sent, lookups_in
from .router import RouterMixIn, RouterProcessor, RouterSink

if TYPE_CHECKING:
    from ..application import BSPumpApplication
    from ..pipeline import Pipeline


@dataclasses.dataclass(frozen=True)
class Case:
    """One case of a switch.

    Attributes:
        when: The condition.
        target: Address of the source that gets the events.
    """

    when: Condition
    target: str


def compile_cases(written: Sequence[Any], names: Mapping[str, Any]) -> list[Case]:
    """Return the cases that an option declares.

    Args:
        written: What the option has.
        names: What the pump provides to expressions.

    Raises:
        ConfigError: A case is none, or its condition is no expression; with the place of each mistake.
    """
    cases: list[Case] = []
    problems: list[Problem] = []
    for number, one in enumerate(written):
        try:
            cases.append(_case(one, names))
        except ConfigError as error:
            problems += [dataclasses.replace(p, path=("cases", number, *p.path)) for p in error.problems]
    if problems:
        raise ConfigError(problems)
    return cases


def _case(written: Any, names: Mapping[str, Any]) -> Case:
    if isinstance(written, Case):
        return written
    if not isinstance(written, Mapping):
        raise ConfigError("a case must be an object", hint="{when: ..., target: ...}")
    for key in written:
        if key not in _KEYS:
            raise ConfigError([Problem(f"unknown key '{key}' in a case", (key,), hint=nearest(str(key), _KEYS))])
    for key in _KEYS:
        if written.get(key) in (None, ""):
            raise ConfigError(f"a case needs '{key}'", hint="{when: ..., target: ...}")
    try:
        return Case(compile_condition(written["when"], names), str(written["target"]))
    except ValueError as error:
        raise ConfigError([Problem(f"the condition is wrong: {error}", ("when",))]) from None


_KEYS = ("when", "target")
_CASES: dict[str, Any] = {
    "help": "the cases, in order: [{when: an expression, target: address of a source}, ...]", "refers": "input",
    "example": [{"when": 'carrier == "UA"', "target": "United"}],
}  # fmt: skip


class _Switch(RouterMixIn):
    """Knows the cases, and sends events where they belong."""

    options: Any
    cases: list[Case]

    def asked_lookups(self) -> Iterator[tuple[str, tuple[str | int, ...]]]:
        """Yield the id of each lookup that a condition asks, and the keys in `config` that lead to it."""
        for number, case in enumerate(self.options.cases):
            for id in lookups_in(case["when"]) if isinstance(case, Mapping) else ():
                yield id, ("cases", number, "when")

    async def on_start(self) -> None:
        """Find the targets; all pipelines are there by now."""
        self._cases = [(case.when, self.locate(case.target)) for case in self.cases]
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

        cases: list[Any] = option([], **_CASES)
        default: str = option("", "address of the source that gets the other events; empty: they go on", refers="input")

    def __init__(
        self, app: BSPumpApplication, pipeline: Pipeline, id: str | None = None, config: Mapping[str, Any] | None = None
    ) -> None:
        """See `Processor`."""
        super().__init__(app, pipeline, id, config)
        self.cases = compile_cases(self.options.cases, provided_by(app))

    def process(self, context: Context, event: Event) -> Event:
        """Send the event away, or return it."""
        if not self._send(context, event):
            return event
        count_as_sent(self.Pipeline)
        return None


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

        cases: list[Any] = option([], **_CASES)
        default: str = option("", "address of the source that gets the other events; empty: they are errors", refers="input")

    def __init__(
        self, app: BSPumpApplication, pipeline: Pipeline, id: str | None = None, config: Mapping[str, Any] | None = None
    ) -> None:
        """See `Sink`."""
        super().__init__(app, pipeline, id, config)
        self.cases = compile_cases(self.options.cases, provided_by(app))

    def process(self, context: Context, event: Event) -> None:
        """Send the event away."""
        if not self._send(context, event):
            raise ProcessingError(
                f"no case of {self.Id} takes the event", detail=repr(event)[:80], hint="add a last case without a condition"
            )

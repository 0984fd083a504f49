"""DeriveProcessor: new fields by simple arithmetic, declared."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from ..abc import Context, Event, Processor
from ..abc.processor import ConcurrencyOptions
from ..config import nearest, option
from ..errors import ProcessingError
from .generated import Scope, generate

if TYPE_CHECKING:
    from ..application import BSPumpApplication
    from ..pipeline import Pipeline


class _Step(NamedTuple):
    """`target` = `op` of `args`; an argument is (is it a field, name or constant)."""

    target: str
    op: str
    args: tuple[tuple[bool, Any], ...]


def _time(value: Any) -> datetime.datetime:
    return value if isinstance(value, datetime.datetime) else datetime.datetime.fromisoformat(value)


_SIGNS = {"add": "+", "sub": "-", "mul": "*", "div": "/", "floordiv": "//", "mod": "%"}

# name -> (function, number of arguments; 0: any)
_FUNCTIONS: dict[str, tuple[Callable[..., Any], int]] = {
    "concat": (lambda *parts: "".join(map(str, parts)), 0),
    "hour_of": (lambda value: _time(value).hour, 1),
    "weekday_of": (lambda value: _time(value).isoweekday(), 1),
    "date_of": (lambda value: _time(value).date().isoformat(), 1),
}

_OPS = (*_SIGNS, *_FUNCTIONS)


def parse_steps(declared: Any) -> list[_Step]:
    """Return the steps that the option `fields` declares.

    Raises:
        ValueError: It declares none; names the field.
    """
    if not isinstance(declared, Mapping):
        raise ValueError("expected field names with what they are made of")
    return [_step(target, one) for target, one in declared.items()]


def _step(target: str, declared: Any) -> _Step:
    if not isinstance(declared, Mapping) or set(declared) - {"op", "args"} or "op" not in declared:
        raise ValueError(f"field '{target}': expected {{op: ..., args: [...]}}")
    name, args = declared["op"], declared.get("args", [])
    if name not in _OPS:
        raise ValueError(f"field '{target}' has an unknown op '{name}', {nearest(str(name), _OPS)}")
    args = [args] if isinstance(args, str) else list(args)
    wanted = 2 if name in _SIGNS else _FUNCTIONS[name][1]
    if (wanted and len(args) != wanted) or not args:
        raise ValueError(f"field '{target}': {name} takes {wanted or 'at least 1'} args, not {len(args)}")
    return _Step(target, name, tuple(_argument(target, arg) for arg in args))


def _argument(target: str, declared: Any) -> tuple[bool, Any]:
    if isinstance(declared, str):
        return True, declared
    if isinstance(declared, Mapping):
        if set(declared) != {"const"}:
            raise ValueError(f"field '{target}': an argument is a field name, a number, or {{const: text}}")
        return False, declared["const"]
    return False, declared


def compile_steps(steps: Sequence[_Step]) -> Callable[[Any], Any]:
    """Return a function that carries out all steps on an event; when it raises, the event is as it was."""
    scope = Scope()
    lines = ["get = event.get"]
    made: dict[str, str] = {}  # field -> the variable that holds it already
    for number, step in enumerate(steps):
        args, nullable = [], []
        for place, (is_field, argument) in enumerate(step.args):
            name = scope.bind(argument)
            if is_field:
                name = made.get(argument, f"a{place}")
                nullable.append(name)
                if argument not in made:
                    lines.append(f"a{place} = get({scope.bind(argument)})")
            args.append(name)
        sign = _SIGNS.get(step.op)
        result = f" {sign} ".join(args) if sign else f"{scope.bind(_FUNCTIONS[step.op][0])}({', '.join(args)})"
        nulls = " or ".join(f"{name} is None" for name in nullable)
        lines.append(f"r{number} = None if {nulls} else {result}" if nulls else f"r{number} = {result}")
        made[step.target] = f"r{number}"
    lines += [f"event[{scope.bind(target)}] = {name}" for target, name in made.items()]
    return generate("derive", [*lines, "return event"], scope)


def _checked(declared: Any) -> Any:
    parse_steps(declared)
    return declared


class DeriveProcessor(Processor):
    """Compute fields from others, in place and in order; later ones may use earlier ones.

        fields:
          gain: {op: sub, args: [dep_delay, arr_delay]}
          hours: {op: div, args: [air_time, 60]}
          route: {op: concat, args: [origin, {const: "-"}, dest]}
          hour: {op: hour_of, args: [time_hour]}

    Ops: add, sub, mul, div, floordiv, mod, concat, hour_of, weekday_of (Monday is 1), date_of (ISO text). An argument is a
    field name, a number, or `{const: text}`. As in SQL, an argument that is None or missing makes the result None.

    In: dict. Out: the same dict. Raises: ProcessingError, if the values do not suit the op; names the field and the values.
    """

    class Options(ConcurrencyOptions):
        """The fields."""

        fields: dict[str, Any] = option(
            help="new field -> {op, args}",
            parse=_checked,
            example={"gain": {"op": "sub", "args": ["dep_delay", "arr_delay"]}},
        )

    def __init__(
        self, app: BSPumpApplication, pipeline: Pipeline, id: str | None = None, config: Mapping[str, Any] | None = None
    ) -> None:
        """See `Processor`."""
        super().__init__(app, pipeline, id, config)
        self._steps = parse_steps(self.options.fields or {})
        self._derive = compile_steps(self._steps)

    def process(self, context: Context, event: Event) -> Event:
        """Return the event with its new fields."""
        try:
            return self._derive(event)
        except (TypeError, ValueError, ArithmeticError, AttributeError) as error:
            raise self._cannot_derive(event, error) from error

    def _cannot_derive(self, event: Any, error: Exception) -> ProcessingError:
        if not isinstance(event, Mapping):
            return ProcessingError(f"expected a dict to derive fields in, got {type(event).__name__}")
        known = dict(event)
        for step in self._steps:
            try:
                compile_steps([step])(known)
            except (TypeError, ValueError, ArithmeticError, AttributeError):
                values = [known.get(argument) if is_field else argument for is_field, argument in step.args]
                shown = ", ".join(map(repr, values))
                return ProcessingError(f"field '{step.target}' cannot be derived from {shown}", detail=str(error))
        return ProcessingError("the fields cannot be derived", detail=str(error))

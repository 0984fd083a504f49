"""DeriveProcessor: new fields from others, by expressions."""

from __future__ import annotations

import ast
import dataclasses
import datetime
import functools
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from ..abc import Context, Event, Processor
from ..abc.processor import ConcurrencyOptions
from ..config import nearest, option
from ..errors import ConfigError, Problem
from ..expression import ExpressionError, check_lookups, compile_assignments, lookups_of, provided_by
from ..expression.assign import Assignment
from ..expression.program import Evaluate, Source
from ..expression.provided import ANYWHERE

if TYPE_CHECKING:
    from ..application import BSPumpApplication
    from ..pipeline import Pipeline


def _time(value: Any) -> datetime.datetime:
    return value if isinstance(value, datetime.datetime) else datetime.datetime.fromisoformat(value)


_SIGNS: dict[str, type[ast.operator]] = {
    "add": ast.Add, "sub": ast.Sub, "mul": ast.Mult, "div": ast.Div, "floordiv": ast.FloorDiv, "mod": ast.Mod,
}  # fmt: skip

# name -> (function, number of arguments; 0: any)
_FUNCTIONS: dict[str, tuple[Callable[..., Any], int]] = {
    "concat": (lambda *parts: "".join(map(str, parts)), 0),
    "hour_of": (lambda value: _time(value).hour, 1),
    "weekday_of": (lambda value: _time(value).isoweekday(), 1),
    "date_of": (lambda value: _time(value).date().isoformat(), 1),
}

_OPS = (*_SIGNS, *_FUNCTIONS)


def read_fields(declared: Mapping[str, Any], names: Mapping[str, Any]) -> tuple[list[Assignment], Evaluate]:
    """Return the assignments that the option `fields` declares, and the function that does them.

    Args:
        declared: Field -> what it is made of.
        names: What a pump provides to expressions.

    Raises:
        ConfigError: With every field that is wrong, each with its path.
    """
    assignments: list[Assignment] = []
    problems: list[Problem] = []

    def attempt(target: Any, compile: Callable[[], Any]) -> Any:
        try:
            return compile()
        except ValueError as error:
            said = str(error)
            said = said if said.startswith("field ") else f"field '{target}': {said}"
            problems.append(Problem(said, ("fields", target)))
            return None

    for target, one in declared.items():
        read = attempt(target, functools.partial(_assignment, target, one))
        if read is not None:
            assignments.append(read)
    if not problems:
        try:
            return assignments, compile_assignments(assignments, names=names)
        except ExpressionError as error:
            together = Problem(str(error), ("fields",))
    for one in assignments:  # each alone: one that is wrong must not hide the next
        attempt(one.target, functools.partial(compile_assignments, [one], names=ANYWHERE))
    raise ConfigError(problems or [together])


def _assignment(target: Any, declared: Any) -> Assignment:
    if not isinstance(target, str) or not target:
        raise ValueError(f"{target!r} is no name of a field")
    if isinstance(declared, str):
        try:
            return Assignment(target, Source.of(declared))
        except ValueError as error:
            raise ValueError(f"field '{target}': {error}") from None
    if declared is None or isinstance(declared, bool | int | float):
        return Assignment(target, Source(ast.Constant(declared), str(declared)))
    if not isinstance(declared, Mapping) or set(declared) - {"op", "args"} or "op" not in declared:
        raise ValueError(f"field '{target}': expected an expression, or {{op: ..., args: [...]}}")
    return _operation(target, declared["op"], declared.get("args", []))


def _operation(target: str, name: Any, args: Any) -> Assignment:
    if name not in _OPS:
        raise ValueError(f"field '{target}' has an unknown op '{name}', {nearest(str(name), _OPS)}")
    args = [args] if isinstance(args, str) else list(args)
    wanted = 2 if name in _SIGNS else _FUNCTIONS[name][1]
    if (wanted and len(args) != wanted) or not args:
        raise ValueError(f"field '{target}': {name} takes {wanted or 'at least 1'} args, not {len(args)}")
    trees = [_argument(target, arg) for arg in args]
    text = f"{name}({', '.join(map(str, args))})"
    if name in _SIGNS:
        return Assignment(target, Source(ast.BinOp(trees[0], _SIGNS[name](), trees[1]), text))
    call = ast.Call(ast.Name(f"op {name}"), trees, [])  # no name that somebody can write
    return Assignment(target, Source(call, text), {f"op {name}": _none_for_none(_FUNCTIONS[name][0])})


def _none_for_none(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *values: None if any(value is None for value in values) else function(*values)


def _argument(target: str, declared: Any) -> ast.expr:
    if isinstance(declared, str):
        return ast.Subscript(ast.Name("event"), ast.Constant(declared))
    if isinstance(declared, Mapping):
        if set(declared) != {"const"}:
            raise ValueError(f"field '{target}': an argument is a field name, a number, or {{const: text}}")
        declared = declared["const"]
    return ast.Constant(declared)


class DeriveProcessor(Processor):
    """Set fields by expressions, in place and in order; later ones may use earlier ones.

        fields:
          gain: dep_delay - arr_delay
          hours: round(air_time / 60, 2)
          route: origin + "-" + dest
          airport.name: lookup("Airports", dest).name
          context.kafka_key: carrier

    The value is the text of an expression, or a number; a constant text is `'"text"'`. A field `a.b` is the field b of the dict
    in a, which is made if it is not there; `context.a` is in the context. As in SQL, arithmetic with None or a missing field
    gives None. Either all fields are set or none.

    Instead of an expression `{op, args}` is understood: add, sub, mul, div, floordiv, mod, concat, hour_of, weekday_of (Monday
    is 1), date_of (ISO text); an argument is a field name, a number, or `{const: text}`.

    In: dict. Out: the same dict. Raises: ProcessingError, if the values do not suit; names the field, the expression, the values.

    Example:
        pipelines:
          - id: Gains
            sources:
              - class: IteratorSource
                args: {iterator: [{origin: EWR, dest: IAH, dep_delay: 7, arr_delay: 2}, {origin: JFK, dest: BOS}]}
            processors:
              - class: DeriveProcessor
                config:
                  fields:
                    gain: dep_delay - arr_delay
                    route: origin + "-" + dest
                    late: coalesce(arr_delay, 0) > 15
            sink: {class: PrintSink}
    """

    class Options(ConcurrencyOptions):
        """The fields."""

        fields: dict[str, Any] = option(help="field -> expression", example={"gain": "dep_delay - arr_delay"})

    def __init__(
        self, app: BSPumpApplication, pipeline: Pipeline, id: str | None = None, config: Mapping[str, Any] | None = None
    ) -> None:
        """See `Processor`."""
        super().__init__(app, pipeline, id, config)
        try:
            self._assignments, self._derive = read_fields(self.options.fields or {}, provided_by(app))
        except ConfigError as error:
            where = f"pipeline {pipeline.Id}, {self.Id}"
            raise ConfigError([dataclasses.replace(problem, where=where) for problem in error.problems]) from None
        if type(self).process is DeriveProcessor.process:
            # Called for every event: without a method around it that calls it.
            self.process = self._derive  # type: ignore[assignment,method-assign]

    def asked_lookups(self) -> Iterator[tuple[str, tuple[str | int, ...]]]:
        """Yield the id of each lookup that an expression asks, and the keys in `config` that lead to it."""
        for assignment in self._assignments:
            for id in lookups_of([assignment.source.tree]):
                yield id, ("fields", assignment.target)

    async def on_start(self) -> None:
        """Look whether the lookups that expressions ask are there.

        Raises:
            ConfigError: One is not.
        """
        check_lookups(self.App, (id for id, _ in self.asked_lookups()), f"pipeline {self.Pipeline.Id}, {self.Id}")

    def process(self, context: Context, event: Event) -> Event:
        """Return the event with its new fields."""
        return self._derive(context, event)

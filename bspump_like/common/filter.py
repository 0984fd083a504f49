"""FilterProcessor: lets through the events that meet conditions."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from ..abc import Context, Event, Processor
from ..abc.processor import ConcurrencyOptions
from ..config import nearest, option
from ..errors import ProcessingError
from .generated import Scope, generate

if TYPE_CHECKING:
    from ..application import BSPumpApplication
    from ..pipeline import Pipeline


class _Condition(NamedTuple):
    """One test of one field.

    Attributes:
        expression: Of `v`, which is not None, and of `{c}`, the value declared.
        constant: That value, as the expression needs it.
        for_none: The answer for None and for a missing field.
    """

    expression: str
    constant: Any
    for_none: bool


def _comparison(sign: str) -> Callable[[Any], _Condition]:
    return lambda expected: _Condition(f"v {sign} {{c}}", expected, False)


def _exists(expected: bool) -> _Condition:
    return _Condition("{c}", expected, not expected)


def _equal(expected: Any) -> _Condition:
    return _exists(False) if expected is None else _Condition("v == {c}", expected, False)


def _unequal(expected: Any) -> _Condition:
    return _exists(True) if expected is None else _Condition("v != {c}", expected, True)


def _member(expected: Any) -> _Condition:
    if isinstance(expected, str | Mapping):
        raise ValueError("'in' expects a list of values")
    values = frozenset(expected)
    return _Condition("v in {c}", values, None in values)


def _flag(name: str, expected: Any) -> bool:
    if not isinstance(expected, bool):
        raise ValueError(f"'{name}' expects true or false")
    return expected


_OPERATORS: dict[str, Callable[[Any], _Condition]] = {
    "exists": lambda expected: _exists(_flag("exists", expected)),
    "missing": lambda expected: _exists(not _flag("missing", expected)),
    "eq": _equal,
    "ne": _unequal,
    "in": _member,
    "lt": _comparison("<"),
    "le": _comparison("<="),
    "gt": _comparison(">"),
    "ge": _comparison(">="),
    "regex": lambda expected: _Condition("{c}(v)", re.compile(expected).search, False),
}


def compile_conditions(where: Any) -> Callable[[Any], Any]:
    """Return a function that tells whether an event meets all that `where` declares.

    Raises:
        ValueError: It declares nothing of the kind; names the field, and the nearest operator.
    """
    if not isinstance(where, Mapping):
        raise ValueError("expected field names with their conditions")
    scope = Scope()
    lines = ["get = event.get"]
    for field, declared in where.items():
        conditions = [_condition(field, name, expected) for name, expected in _operators_of(declared).items()]
        test = " and ".join(condition.expression.format(c=scope.bind(condition.constant)) for condition in conditions)
        none = "v is not None and" if all(condition.for_none for condition in conditions) else "v is None or"
        lines += [f"v = get({scope.bind(field)})", f"if {none} not ({test or 'True'}):", "    return False"]
    return generate("filter", [*lines, "return True"], scope)


def _condition(field: str, name: str, expected: Any) -> _Condition:
    if name not in _OPERATORS:
        raise ValueError(f"field '{field}' has an unknown condition '{name}', {nearest(str(name), _OPERATORS)}")
    try:
        return _OPERATORS[name](expected)
    except (ValueError, TypeError, re.error) as error:
        raise ValueError(f"field '{field}', condition '{name}': {error}") from None


def _operators_of(declared: Any) -> Mapping[str, Any]:
    if isinstance(declared, Mapping):
        return declared
    if isinstance(declared, list | tuple | set):
        return {"in": declared}
    if declared in ("exists", "missing"):
        return {declared: True}
    return {"eq": declared}


def _checked(where: Any) -> Any:
    compile_conditions(where)
    return where


class FilterProcessor(Processor):
    """Let through the events for which every condition holds; drop the others.

        where: {kind: flight, delay: {gt: 15, le: 60}, carrier: [UA, AA], note: missing, tail: {regex: "^N1"}}

    A condition is a value (equal), a list (one of), `exists`, `missing`, or a dict of operators: exists, missing, eq, ne, in,
    lt, le, gt, ge, regex. A field that is missing counts as None: only missing, ne, `eq: null` and an `in` with null hold
    for it. Text `exists` and `missing` as values are written `{eq: exists}`.

    In: dict. Out: the event, unchanged, or nothing.
    Raises: ProcessingError, if a value cannot be compared (text with a number); names field and value.
    """

    class Options(ConcurrencyOptions):
        """The conditions."""

        where: dict[str, Any] = option(
            {}, "field -> condition; all must hold", parse=_checked, example={"delay": {"gt": 15}}
        )
        invert: bool = option(False, "drop the events for which all hold, let through the others")

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
        self._holds = compile_conditions(self.options.where)
        self._predicate = predicate
        self._invert: bool = self.options.invert

    def process(self, context: Context, event: Event) -> Event:
        """Return the event or None."""
        try:
            holds = self._holds(event)
        except (TypeError, AttributeError) as error:
            raise self._cannot_compare(event, error) from error
        if holds and self._predicate is not None:
            holds = self._predicate(context, event)
        return (None if self._invert else event) if holds else (event if self._invert else None)

    def _cannot_compare(self, event: Any, error: Exception) -> ProcessingError:
        if not isinstance(event, Mapping):
            return ProcessingError(f"expected a dict to filter, got {type(event).__name__}", detail=repr(event)[:80])
        for field, condition in self.options.where.items():
            try:
                compile_conditions({field: condition})(event)
            except TypeError:
                return ProcessingError(
                    f"field '{field}' has {event[field]!r}, which cannot be compared", detail=str(error)
                )
        return ProcessingError("the event cannot be compared", detail=str(error))

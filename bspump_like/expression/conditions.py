"""Conditions: an expression, or field names with what must hold for them; both become the same function."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from ..config import nearest
from .access import shown
from .compiler import Compiler
from .generated import Scope
from .program import Evaluate, Source, build
from .reading import fields_of
from .regular import Regular
from .runtime import explanation


class Condition(NamedTuple):
    """A condition before it is compiled.

    Attributes:
        source: The expression.
        names: What names in it mean.
    """

    source: Source
    names: dict[str, Any]


def read_condition(where: Any) -> Condition:
    """Return the condition that a text or a dict declares.

    Raises:
        ExpressionError: The text is no expression.
        ValueError: The dict declares no conditions; names the field and the nearest operator.
    """
    if isinstance(where, str):
        return Condition(Source.of(where), {})
    if not isinstance(where, Mapping):
        raise ValueError("expected an expression, or field names with their conditions")
    names: dict[str, Any] = {}
    tests, texts = [], []
    for field, declared in where.items():
        for name, expected in _operators_of(declared).items():
            tests.append(_test(field, name, expected, names))
            texts.append(f"{field} {name} {shown(expected)}")
    tree: ast.expr = ast.BoolOp(ast.And(), tests) if len(tests) > 1 else tests[0] if tests else ast.Constant(True)
    return Condition(Source(tree, " and ".join(texts)), names)


def compile_condition(where: Any, *, names: Mapping[str, Any] | None = None) -> Evaluate:
    """Return a function of context and event that tells whether a condition holds.

    Args:
        where: An expression, or a dict: field -> value (equal), list (one of), `exists`, `missing`, or a dict of operators.
        names: See `compile_expression`.

    Raises:
        ExpressionError: The text is no expression.
        ValueError: The dict declares no conditions.
    """
    return condition_function(where, names or {}, lambda holds: f"return {holds}")


def condition_function(where: Any, names: Mapping[str, Any], write: Callable[[str], str]) -> Evaluate:
    """Return a function of context and event whose last line `write` makes of the code of a condition.

    Raises:
        ValueError: See `read_condition`.
    """
    condition = read_condition(where)
    known = {**names, **condition.names}

    def body(compiler: Compiler, scope: Scope) -> list[str]:
        return [write(compiler.write(*condition.source).text)]

    source = condition.source
    return build([source], body, explanation(source.text, fields_of(source.tree, known.keys())), known)


# The operators. Field names may have points and signs here: they are names, not paths.


def _field(name: Any) -> ast.expr:
    if not isinstance(name, str):
        raise ValueError(f"{shown(name)} is no name of a field")
    return ast.Subscript(ast.Name("event"), ast.Constant(name))


def _value(value: Any, names: dict[str, Any]) -> ast.expr:
    if value is None or isinstance(value, bool | int | float | str):
        return ast.Constant(value)
    name = f"value {len(names)}"  # no name that somebody can write
    names[name] = value
    return ast.Name(name)


def _exists(field: ast.expr, expected: bool) -> ast.expr:
    return ast.Compare(field, [ast.IsNot() if expected else ast.Is()], [ast.Constant(None)])


def _flag(name: str, expected: Any) -> bool:
    if not isinstance(expected, bool):
        raise ValueError(f"'{name}' expects true or false")
    return expected


def _member(expected: Any, names: dict[str, Any]) -> ast.expr:
    if isinstance(expected, str | Mapping):
        raise ValueError("'in' expects a list of values")
    return _value(frozenset(expected), names)


_COMPARISONS: dict[str, type[ast.cmpop]] = {
    "eq": ast.Eq, "ne": ast.NotEq, "lt": ast.Lt, "le": ast.LtE, "gt": ast.Gt, "ge": ast.GtE,
}  # fmt: skip
_OPERATORS = ("exists", "missing", "eq", "ne", "in", "lt", "le", "gt", "ge", "regex")


def _test(field: Any, name: Any, expected: Any, names: dict[str, Any]) -> ast.expr:
    if name not in _OPERATORS:
        raise ValueError(f"field '{field}' has an unknown condition '{name}', {nearest(str(name), _OPERATORS)}")
    tree = _field(field)
    try:
        if name in ("exists", "missing"):
            return _exists(tree, _flag(name, expected) == (name == "exists"))
        if name in ("eq", "ne") and expected is None:
            return _exists(tree, name == "ne")
        if name == "in":
            return ast.Compare(tree, [ast.In()], [_member(expected, names)])
        if name == "regex":
            Regular(expected)
            return ast.Call(ast.Name("match"), [tree, ast.Constant(expected)], [])
        return ast.Compare(tree, [_COMPARISONS[name]()], [_value(expected, names)])
    except (ValueError, TypeError) as error:
        raise ValueError(f"field '{field}', condition '{name}': {error}") from None


def _operators_of(declared: Any) -> Mapping[str, Any]:
    if isinstance(declared, Mapping):
        return declared
    if isinstance(declared, list | tuple | set):
        return {"in": declared}
    if declared in ("exists", "missing"):
        return {declared: True}
    return {"eq": declared}

"""Tags of arithmetic, logic, comparison, and of what is done when."""

from __future__ import annotations

import ast
import itertools
import logging
from typing import Any

from ..expression.access import shown
from .loader import Node
from .translate import Translator, tag

L = logging.getLogger(__name__)

_ARITHMETIC: dict[str, type[ast.operator]] = {
    "ADD": ast.Add, "SUB": ast.Sub, "MUL": ast.Mult, "DIV": ast.Div, "MOD": ast.Mod,
}  # fmt: skip
_COMPARISON: dict[str, type[ast.cmpop]] = {
    "LT": ast.Lt, "LE": ast.LtE, "EQ": ast.Eq, "NE": ast.NotEq, "GE": ast.GtE, "GT": ast.Gt,
}  # fmt: skip


@tag(*_ARITHMETIC)
def _arithmetic(to: Translator, node: Node) -> ast.expr:
    first, *rest = (to.tree(item) for item in to.items(node))
    for item in rest:
        first = ast.BinOp(first, _ARITHMETIC[node.tag](), item)
    return first


@tag("POW")
def _power(to: Translator, node: Node) -> ast.expr:
    first, *rest = (to.tree(item) for item in to.items(node))
    for item in rest:
        first = to.standard("pow", first, item)
    return first


@tag("AND", "OR")
def _junction(to: Translator, node: Node) -> ast.expr:
    trees = [to.tree(item) for item in to.items(node)]
    tree = trees[0] if len(trees) == 1 else ast.BoolOp(ast.And() if node.tag == "AND" else ast.Or(), trees)
    return ast.UnaryOp(ast.Not(), ast.UnaryOp(ast.Not(), tree))


@tag("NOT")
def _not(to: Translator, node: Node) -> ast.expr:
    if isinstance(node.value, list):
        if len(node.value) != 1:
            raise node.error("!NOT is of one value")
        return ast.UnaryOp(ast.Not(), to.tree(node.value[0]))
    arguments = to.arguments(node, "what|value!", default="what")
    return ast.UnaryOp(ast.Not(), to.tree(arguments["what"]))


@tag(*_COMPARISON)
def _comparison(to: Translator, node: Node) -> ast.expr:
    trees = [to.tree(item) for item in to.items(node)]
    if len(trees) < 2:
        raise node.error(f"!{node.tag} compares at least two values")
    return ast.Compare(trees[0], [_COMPARISON[node.tag]() for _ in trees[1:]], trees[1:])


@tag("IS", "ISNOT")
def _identity(to: Translator, node: Node) -> ast.expr:
    trees = [to.tree(item) for item in to.items(node)]
    if len(trees) < 2:
        raise node.error(f"!{node.tag} compares at least two values")
    return to.call(_all_same if node.tag == "IS" else _none_same, *trees)


def _same(first: Any, second: Any) -> bool:
    # Which equal numbers and texts are one object is up to the interpreter; a declaration cannot mean that.
    return first is second or (type(first) is type(second) and first == second)


def _all_same(*values: Any) -> bool:
    return all(_same(first, second) for first, second in itertools.pairwise(values))


def _none_same(*values: Any) -> bool:
    return not any(_same(first, second) for first, second in itertools.pairwise(values))


@tag("IF")
def _if(to: Translator, node: Node) -> ast.expr:
    arguments = to.arguments(node, "test!", "then", "else")
    return ast.IfExp(
        to.tree(arguments["test"]), to.optional(arguments, "then", True), to.optional(arguments, "else", False)
    )


@tag("WHEN")
def _when(to: Translator, node: Node) -> ast.expr:
    tree: ast.expr = ast.Constant(False)
    cases = to.items(node)
    for number, case in reversed(list(enumerate(cases))):
        if not isinstance(case.value, dict) or case.tag:
            raise case.error("a case of !WHEN has the keys test and then, or else")
        if "else" in case.value:
            if number < len(cases) - 1 or set(case.value) != {"else"}:
                raise case.error("'else' stands by itself, as the last case")
            tree = to.tree(case.value["else"])
            continue
        arguments = to.arguments(case, "test!", "then")
        tree = ast.IfExp(to.tree(arguments["test"]), to.optional(arguments, "then", True), tree)
    return tree


@tag("MAP")
def _map(to: Translator, node: Node) -> ast.expr:
    arguments = to.arguments(node, "what|value!", "in|map!", "else")
    cases = arguments["in"].value
    if not isinstance(cases, dict) or arguments["in"].tag:
        raise arguments["in"].error("'in' holds values and what they are mapped to")
    functions = {key: to.function(value) for key, value in cases.items()}
    otherwise = to.function(arguments["else"]) if "else" in arguments else None

    def mapped(context: Any, event: Any, arg: Any, value: Any) -> Any:
        function = functions.get(value) if value.__hash__ else None
        function = otherwise if function is None else function
        return None if function is None else function(context, event, arg)

    return to.call(mapped, *_here(), to.tree(arguments["what"]))


@tag("FOR")
def _for(to: Translator, node: Node) -> ast.expr:
    arguments = to.arguments(node, "each!", "do!")
    do = to.loop(arguments["do"])

    def done(context: Any, event: Any, arg: Any, each: Any) -> list[Any] | None:
        if each is None:
            return None
        if not isinstance(each, list | tuple | dict):
            raise TypeError(f"!FOR goes through a list, not {shown(each)}")
        return [do(context, event, item) for item in each]

    return to.call(done, *_here(), to.tree(arguments["each"]))


@tag("FIRST")
def _first(to: Translator, node: Node) -> ast.expr:
    trees = [to.tree(item) for item in to.items(node)]
    return to.standard("coalesce", *trees) if len(trees) > 1 else trees[0]


@tag("DEBUG")
def _debug(to: Translator, node: Node) -> ast.expr:
    arguments = to.arguments(node, "what|arg|value!", default="what")

    def told(value: Any) -> Any:
        L.warning("%s:%s: %s", node.source or "declaration", node.line, shown(value))
        return value

    return to.call(told, to.tree(arguments["what"]))


def _here() -> tuple[ast.expr, ...]:
    return ast.Name("context"), ast.Name("event"), ast.Name("arg")

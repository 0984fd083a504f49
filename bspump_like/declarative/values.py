"""Tags of values: the event, the context, arguments, items, types, lookups."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import Any

from ..expression.access import contains, item
from ..expression.functions import FUNCTIONS
from .loader import Node
from .translate import Translator, tag

_ROOTS = {"EVENT": "event", "CONTEXT": "context", "ARG": "arg", "KWARGS": "kwargs", "KWARG": "kwargs", "ARGS": "arg"}


@tag("EVENT", "CONTEXT", "ARG", "KWARGS")
def _root(to: Translator, node: Node) -> ast.expr:
    if node.value not in ("", None):
        return _item_of(to, node, node.tag, to.scalar(node))
    return ast.Name(_ROOTS[node.tag])


@tag("ARGS")
def _arguments(to: Translator, node: Node) -> ast.expr:
    return ast.List([ast.Name("arg")])


@tag("KWARG")
def _keyword(to: Translator, node: Node) -> ast.expr:
    return _item_of(to, node, "KWARG", to.scalar(node))


@tag("VALUE")
def _value(to: Translator, node: Node) -> ast.expr:
    return to.tree(Node("", node.value, node.line, node.column, node.source))


@tag("ITEM")
def _item(to: Translator, node: Node) -> ast.expr:
    if isinstance(node.value, str):
        root, _, name = node.value.strip().partition(" ")
        return _item_of(to, node, root, name.strip())
    arguments = to.arguments(node, "with|value!", "item!", "default")
    return to.call(_of, to.tree(arguments["with"]), to.tree(arguments["item"]), to.optional(arguments, "default"))


def _item_of(to: Translator, node: Node, root: str, name: str) -> ast.expr:
    if root not in _ROOTS or not name:
        raise node.error(
            f"'{node.value}' is no item", f"write !ITEM EVENT name; before the name stands {', '.join(_ROOTS)}"
        )
    if root == "EVENT":
        return ast.Subscript(ast.Name("event"), ast.Constant(name))
    return to.call(_of, ast.Name(_ROOTS[root]), ast.Constant(name))


def _of(value: Any, index: Any, default: Any = None) -> Any:
    """Return an item; a number of a list that is written as text counts as a number."""
    if isinstance(value, list | tuple) and isinstance(index, str):
        index = int(index)
    if isinstance(value, Mapping):
        return value.get(index, default)
    found = item(value, index)
    return default if found is None else found


@tag("TUPLE", "LIST")
def _sequence(to: Translator, node: Node) -> ast.expr:
    items = node.value if isinstance(node.value, list) else [] if node.value in ("", {}) else to.items(node)
    tree = ast.List([to.tree(one) for one in items])
    return to.call(tuple, tree) if node.tag == "TUPLE" else tree


@tag("IN")
def _in(to: Translator, node: Node) -> ast.expr:
    arguments = to.arguments(node, "what|is!", "where|expr!")
    return to.call(contains, to.tree(arguments["where"]), to.tree(arguments["what"]))


_TYPES: dict[str, Any] = {
    "int": FUNCTIONS["int"].call, "float": FUNCTIONS["float"].call, "str": FUNCTIONS["str"].call, "bool": FUNCTIONS["bool"].call,
    "list": list, "dict": dict, "tuple": tuple,
}  # fmt: skip


@tag("CAST")
def _cast(to: Translator, node: Node) -> ast.expr:
    if isinstance(node.value, str):
        wanted, what, default = to.scalar(node), to.argument(), to.constant(None)
    else:
        arguments = to.arguments(node, "what|value!", "type!", "default")
        wanted, what, default = (
            to.plain(arguments["type"]),
            to.tree(arguments["what"]),
            to.optional(arguments, "default"),
        )
    convert = _TYPES.get(str(wanted))
    if convert is None:
        raise node.error(f"'{wanted}' is no type to cast to", f"there are {', '.join(_TYPES)}")

    def cast(value: Any, default: Any) -> Any:
        if value is None:
            return default
        try:
            return convert(value)
        except (TypeError, ValueError, OverflowError):
            return default

    return to.call(cast, what, default)


@tag("CONTEXT.SET")
def _set_context(to: Translator, node: Node) -> ast.expr:
    arguments = to.arguments(node, "what", "set!")

    def set_items(context: Any, items: Any, value: Any) -> Any:
        context.update(items)
        return value

    return to.call(set_items, ast.Name("context"), to.tree(arguments["set"]), to.optional(arguments, "what"))


@tag("LOOKUP.GET", "LOOKUP")
def _lookup(to: Translator, node: Node) -> ast.expr:
    arguments = to.arguments(node, "in|lookup!", "what|key!")
    return to.standard("lookup", to.tree(arguments["in"]), to.tree(arguments["what"]))


@tag("LOOKUP.CONTAINS")
def _in_lookup(to: Translator, node: Node) -> ast.expr:
    arguments = to.arguments(node, "in|lookup!", "what|key!")
    found = to.standard("lookup", to.tree(arguments["in"]), to.tree(arguments["what"]))
    return ast.Compare(found, [ast.IsNot()], [ast.Constant(None)])


@tag("HASH")
def _hash(to: Translator, node: Node) -> ast.expr:
    arguments = to.arguments(node, "what|value!", "type|algorithm", default="what")
    algorithm = to.plain(arguments["type"]) if "type" in arguments else "sha256"
    return to.standard("hash", to.standard("str", to.tree(arguments["what"])), to.constant(str(algorithm).lower()))

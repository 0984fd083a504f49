"""Tags of dicts: made, changed, read from text."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

from ..expression.access import shown
from .loader import Node
from .translate import Translator, tag

Function = Callable[..., Any]
"""Takes context, event and argument."""


class Adjustments(NamedTuple):
    """What is done to a dict, in this order."""

    set: Function | None
    modify: dict[str, Function]
    unset: list[str]
    add: Function | None
    update: Function | None
    mandatory: list[str]


def adjustments(to: Translator, arguments: Mapping[str, Node]) -> Adjustments:
    """Return what the arguments set, modify, unset, add, update and mandatory ask for."""

    def function(name: str) -> Function | None:
        return to.function(arguments[name]) if name in arguments else None

    def names(name: str) -> list[str]:
        plain = to.plain(arguments[name]) if name in arguments else []
        return list(plain) if isinstance(plain, list | dict) else [plain]

    modify = arguments["modify"].value if "modify" in arguments else {}
    if not isinstance(modify, dict):
        raise arguments["modify"].error("'modify' holds names and expressions")
    functions = {name: to.function(one) for name, one in modify.items()}
    return Adjustments(
        function("set"), functions, names("unset"), function("add"), function("update"), names("mandatory")
    )


def adjusted(change: Adjustments, context: Any, event: Any, result: dict[Any, Any]) -> dict[Any, Any] | None:
    """Return a dict with what `change` does to it; its expressions have the dict as `!ARG`, those of modify the old value."""
    if change.set is not None:
        result.update(_dict(change.set(context, event, result), "set"))
    for name, function in change.modify.items():
        if name in result:
            result[name] = function(context, event, result[name])
    for name in change.unset:
        result.pop(name, None)
    if change.add is not None:
        for name, value in _dict(change.add(context, event, result), "add").items():
            if name not in result:
                raise ValueError(f"'add' is to add to '{name}', which is not there")
            result[name] = result[name] + value
    if change.update is not None:
        update = change.update(context, event, result)
        result.update({} if update is None else _dict(update, "update"))
    return None if any(name not in result for name in change.mandatory) else result


def _dict(value: Any, name: str) -> Mapping[Any, Any]:
    if not isinstance(value, Mapping):
        raise TypeError(f"'{name}' needs a dict, not {shown(value)}")
    return value


@tag("DICT")
def _made(to: Translator, node: Node) -> ast.expr:
    arguments = (
        to.arguments(node, "with", "set", "modify", "unset|del", "add", "update", "mandatory") if node.value else {}
    )
    change = adjustments(to, arguments)
    given = "with" in arguments

    def made(context: Any, event: Any, base: Any) -> dict[Any, Any] | None:
        if given and base is None:
            return None
        return adjusted(change, context, event, dict(_dict(base, "with")) if given else {})

    return to.call(made, ast.Name("context"), ast.Name("event"), to.optional(arguments, "with"))


# name=value; of a value in double quotes, a backslash keeps the next character.
_PAIR = re.compile(r'([^\s=,]+)="((?:[^"\\]|\\.)*)"')


def _pairs(text: str) -> dict[str, str]:
    return {name: value for name, sign, value in (part.partition("=") for part in text.split()) if sign}


def _quoted_pairs(text: str) -> dict[str, str]:
    return {found[1]: re.sub(r"\\(.)", r"\1", found[2]) for found in _PAIR.finditer(text)}


def _query(text: str) -> dict[str, str]:
    return dict(parse_qsl(text, keep_blank_values=True, max_num_fields=1000))


_PARSERS: dict[str, Callable[[str], dict[str, str]]] = {"kvs": _pairs, "kvdqs": _quoted_pairs, "qs": _query}


@tag("DICT.PARSE")
def _parsed(to: Translator, node: Node) -> ast.expr:
    arguments = to.arguments(node, "what|value!", "type!", "set", "unset", "update")
    name = to.plain(arguments["type"])
    parse = _PARSERS.get(name)
    if parse is None:
        raise arguments["type"].error(f"'{name}' is no type of text", f"there are {', '.join(_PARSERS)}")
    change = adjustments(to, arguments)

    def parsed(context: Any, event: Any, value: Any) -> dict[Any, Any] | None:
        if value is None:
            return None
        if not isinstance(value, str):
            raise TypeError(f"!DICT.PARSE reads text, not {shown(value)}")
        return adjusted(change, context, event, dict(parse(value)))

    return to.call(parsed, ast.Name("context"), ast.Name("event"), to.tree(arguments["what"]))

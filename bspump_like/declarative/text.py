"""Tags of text and of patterns."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

from ..expression.access import contains, shown
from ..expression.functions.conversion import written
from ..expression.functions.table import bounded
from ..expression.regular import Regular
from .dictionaries import adjusted, adjustments
from .loader import Node
from .translate import Translator, tag


@tag("LOWER", "UPPER")
def _case(to: Translator, node: Node) -> ast.expr:
    arguments = to.arguments(node, "what|value!", default="what")
    return to.standard(node.tag.lower(), to.tree(arguments["what"]))


@tag("STARTSWITH", "ENDSWITH")
def _ends(to: Translator, node: Node) -> ast.expr:
    wanted = "prefix" if node.tag == "STARTSWITH" else "postfix|suffix"
    arguments = to.arguments(node, "what|value!", f"{wanted}!")
    method = str.startswith if node.tag == "STARTSWITH" else str.endswith

    def holds(value: Any, ends: Any) -> bool:
        if value is None or ends is None:
            return False
        return method(value, tuple(ends) if isinstance(ends, list) else ends)

    return to.call(holds, to.tree(arguments["what"]), to.tree(arguments[wanted.partition("|")[0]]))


@tag("CONTAINS")
def _contains(to: Translator, node: Node) -> ast.expr:
    arguments = to.arguments(node, "what|string|value!", "contains|substring!")

    def holds(value: Any, parts: Any) -> bool:
        if isinstance(parts, list) and isinstance(value, str):
            return any(part in value for part in parts)
        return contains(value, parts)

    return to.call(holds, to.tree(arguments["what"]), to.tree(arguments["contains"]))


@tag("CUT")
def _cut(to: Translator, node: Node) -> ast.expr:
    arguments = to.arguments(node, "what|value!", "delimiter!", "field!")

    def cut(value: Any, delimiter: str, field: int) -> str | None:
        if value is None:
            return None
        parts = value.split(delimiter, field + 1)
        return parts[field] if 0 <= field < len(parts) else None

    return to.call(cut, *(to.tree(arguments[name]) for name in ("what", "delimiter", "field")))


@tag("SUBSTRING")
def _substring(to: Translator, node: Node) -> ast.expr:
    arguments = to.arguments(node, "what|value!", "from", "to")

    def part(value: Any, begin: int, end: int) -> str | None:
        return None if value is None else value[begin : None if end == -1 else end]

    return to.call(
        part, to.tree(arguments["what"]), to.optional(arguments, "from", 0), to.optional(arguments, "to", -1)
    )


@tag("JOIN")
def _join(to: Translator, node: Node) -> ast.expr:
    if isinstance(node.value, list):
        node = Node(
            node.tag,
            {"items": Node("", node.value, node.line, node.column, node.source)},
            node.line,
            node.column,
            node.source,
        )
    arguments = to.arguments(node, "items!", "delimiter|char", "miss")

    def joined(items: Any, delimiter: Any, miss: Any) -> str | None:
        if items is None:
            return None
        if not isinstance(items, list | tuple):
            raise TypeError(f"!JOIN joins a list, not {shown(items)}")
        if miss is None and None in items:
            return None
        texts = [written(miss if item is None else item) for item in items]
        bounded(sum(map(len, texts)) + len(texts) * len(delimiter))
        return str(delimiter).join(texts)

    return to.call(
        joined,
        to.tree(arguments["items"]),
        to.optional(arguments, "delimiter", " "),
        to.optional(arguments, "miss", ""),
    )


@tag("SPLIT")
def _split(to: Translator, node: Node) -> ast.expr:
    arguments = to.arguments(node, "what|value!", "delimiter!", "maxsplit|max")
    trees = [to.tree(arguments["what"]), to.tree(arguments["delimiter"])]
    return to.standard("split", *trees, *([to.tree(arguments["maxsplit"])] if "maxsplit" in arguments else []))


# Patterns


def _pattern(to: Translator, node: Node) -> Regular:
    try:
        return Regular(str(to.plain(node)))
    except ValueError as error:
        raise node.error(str(error)) from None


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"a pattern is looked for in text, not in {shown(value)}")
    return value


def _of_text(function: Callable[[str], Any]) -> Callable[[Any], Any]:
    return lambda value: None if value is None else function(_text(value))


@tag("REGEX")
def _regex(to: Translator, node: Node) -> ast.expr:
    arguments = to.arguments(node, "what|value!", "regex!", "hit", "miss")
    regular = _pattern(to, arguments["regex"])
    found = to.call(_of_text(lambda value: regular.search(value) is not None), to.tree(arguments["what"]))
    return ast.IfExp(found, to.optional(arguments, "hit", True), to.optional(arguments, "miss", False))


@tag("REGEX.REPLACE")
def _replace(to: Translator, node: Node) -> ast.expr:
    arguments = to.arguments(node, "what|value!", "regex!", "by|replace!")
    regular = _pattern(to, arguments["regex"])

    def replaced(value: Any, by: Any) -> str | None:
        if value is None:
            return None
        parts, at, size = [], 0, 0
        for found in regular.finditer(_text(value)):
            new = found.expand(by) if "\\" in by else by
            size += len(new)
            bounded(size)
            parts += [value[at : found.start()], new]
            at = found.end()
        return "".join([*parts, value[at:]])

    return to.call(replaced, to.tree(arguments["what"]), to.tree(arguments["by"]))


@tag("REGEX.SPLIT", "REGEX.FINDALL")
def _pieces(to: Translator, node: Node) -> ast.expr:
    arguments = to.arguments(node, "what|value!", "regex!", *(["max"] if node.tag.endswith("SPLIT") else []))
    pattern = _pattern(to, arguments["regex"]).pattern
    trees = [to.tree(arguments["what"]), ast.Constant(pattern)]
    if node.tag.endswith("FINDALL"):
        return to.standard("extract_all", *trees)
    return to.standard("split_at", *trees, *([to.tree(arguments["max"])] if "max" in arguments else []))


@tag("REGEX.PARSE")
def _parse(to: Translator, node: Node) -> ast.expr:
    """Groups become a list, or with `items` a dict; an entry is a name, a name with an expression of !ARG, or with several."""
    arguments = to.arguments(node, "what|value!", "regex!", "items", "miss", "set|add", "unset", "update")
    regular = _pattern(to, arguments["regex"])
    entries = [_entry(to, one) for one in arguments["items"].value] if "items" in arguments else []
    change = adjustments(to, arguments)
    miss = to.function(arguments["miss"]) if "miss" in arguments else None

    def parsed(context: Any, event: Any, arg: Any, value: Any) -> Any:
        found = None if value is None else regular.search(_text(value))
        if found is None:
            return None if miss is None else miss(context, event, arg)
        if not entries:
            return list(found.groups())
        result = {}
        for (name, functions), group in zip(entries, found.groups(), strict=False):
            result[name] = group
            for function in functions:
                result[name] = function(context, event, group)
                if result[name] is not None:
                    break
        return adjusted(change, context, event, result)

    return to.call(parsed, ast.Name("context"), ast.Name("event"), ast.Name("arg"), to.tree(arguments["what"]))


def _entry(to: Translator, node: Node) -> tuple[str, list[Callable[..., Any]]]:
    if not isinstance(node.value, dict):
        return str(to.plain(node)), []
    if len(node.value) != 1:
        raise node.error("an entry of 'items' has one name")
    ((name, one),) = node.value.items()
    several = one.value if isinstance(one.value, list) and not one.tag else [one]
    return str(name), [to.function(part) for part in several]

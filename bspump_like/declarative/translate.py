"""From the nodes of a declaration to the syntax tree of an expression: one generated function per declaration."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from typing import Any

from ..config import nearest
from ..errors import ConfigError
from ..expression.compiler import Compiler, Local
from ..expression.generated import Scope
from ..expression.program import Source, build
from ..expression.provided import lookups_of
from ..expression.reading import fields_of
from ..expression.runtime import explanation
from .loader import Node

Translate = Callable[["Translator", Node], ast.expr]
"""Takes the translator and the node of a tag, returns the tree."""

TAGS: dict[str, Translate] = {}
"""Tag -> what translates it."""

_MOST_LOOPS = 3
_ARGUMENTS = "context, event, arg=None, kwargs=None"


def tag(*names: str) -> Callable[[Translate], Translate]:
    """Register what translates tags."""

    def register(translate: Translate) -> Translate:
        TAGS.update(dict.fromkeys(names, translate))
        return translate

    return register


class Translator:
    """Translates one declaration.

    Args:
        names: What the pump provides: `lookup`, `now`.
    """

    def __init__(self, names: Mapping[str, Any]) -> None:
        """Begin without functions."""
        self.names: dict[str, Any] = {**names, "arg": Local("arg"), "kwargs": Local("kwargs")}
        self._loops = 0
        self.lookups: set[str] = set()
        """Ids of the lookups that are asked, those that are written down."""

    def function(self, node: Node) -> Callable[..., Any]:
        """Return the function of context, event, argument that a node declares.

        Raises:
            DeclarationError: It declares none.
        """
        tree = self.tree(node)
        self.lookups |= lookups_of([tree])
        text = f"!{node.tag} of {f'{node.source}:' if node.source else 'line '}{node.line}"

        def body(compiler: Compiler, scope: Scope) -> list[str]:
            return [f"return {compiler.write(tree, text).text}"]

        try:
            return build(
                [Source(tree, text)],
                body,
                explanation(text, fields_of(tree, self.names.keys())),
                self.names,
                _ARGUMENTS,
            )
        except ConfigError as error:
            raise node.error(getattr(error, "reason", "") or error.problems[0].message) from None

    def loop(self, node: Node) -> Callable[..., Any]:
        """Return the function of what is done for each item; loops within loops are bounded."""
        self._loops += 1
        if self._loops > _MOST_LOOPS:
            raise node.error(f"more than {_MOST_LOOPS} loops within each other")
        try:
            return self.function(node)
        finally:
            self._loops -= 1

    def tree(self, node: Node) -> ast.expr:
        """Return the tree of a node; plain data is itself, with the expressions in it."""
        if not node.tag:
            return self._data(node)
        translate = TAGS.get(node.tag.replace("_", "."))
        if translate is None:
            raise node.error(f"there is no expression '!{node.tag}'", nearest(node.tag, TAGS))
        return translate(self, node)

    def _data(self, node: Node) -> ast.expr:
        if isinstance(node.value, list):
            return ast.List([self.tree(one) for one in node.value])
        if isinstance(node.value, dict):
            if all(isinstance(key, str) for key in node.value):
                return ast.Dict(
                    [ast.Constant(key) for key in node.value], [self.tree(one) for one in node.value.values()]
                )
            pairs: list[ast.expr] = [ast.List([self.constant(key), self.tree(one)]) for key, one in node.value.items()]
            return self.call(dict, ast.List(pairs))
        return self.constant(node.value)

    # What the translations of tags are made with

    def constant(self, value: Any) -> ast.expr:
        """Return the tree of a value."""
        if value is None or isinstance(value, bool | int | float | str):
            return ast.Constant(value)
        return ast.Name(self._named(value))

    def call(self, function: Callable[..., Any], *arguments: ast.expr) -> ast.expr:
        """Return the call of a function of ours; it is called with None, too."""
        return ast.Call(ast.Name(self._named(function)), list(arguments), [])

    def standard(self, name: str, *arguments: ast.expr) -> ast.expr:
        """Return the call of a function of the language."""
        return ast.Call(ast.Name(name), list(arguments), [])

    def argument(self) -> ast.expr:
        """Return the tree of `!ARG`."""
        return ast.Name("arg")

    def _named(self, value: Any) -> str:
        name = f"value {len(self.names)}"
        self.names[name] = value
        return name

    def scalar(self, node: Node) -> str:
        """Return the text of a tag that stands before a text, `!CAST int`."""
        if not isinstance(node.value, str):
            raise node.error(f"!{node.tag} is written with a text")
        return node.value.strip()

    def items(self, node: Node) -> list[Node]:
        """Return the nodes of a tag that stands before a list."""
        if not isinstance(node.value, list) or not node.value:
            raise node.error(f"!{node.tag} is written with a list: !{node.tag} [a, b]")
        return node.value

    def arguments(self, node: Node, *known: str, default: str = "") -> dict[str, Node]:
        """Return the arguments of a tag that stands before a mapping, by their first name.

        Args:
            node: The tag.
            *known: Each `name` or `name|other|...`; with `!` behind it, it must be given.
            default: The argument that a tag without a mapping has: the value that it stands before, or `!ARG` when there is none.
        """
        given = node.value
        if not isinstance(given, dict):
            if not default:
                raise node.error(f"!{node.tag} is written with arguments: {', '.join(one.strip('!') for one in known)}")
            given = {default: _implied(node)}
        found: dict[str, Node] = {}
        named = {name: one for one in known for name in one.rstrip("!").split("|")}
        for name, value in given.items():
            if name not in named:
                raise node.error(f"!{node.tag} has no argument '{name}'", nearest(str(name), named))
            found[named[name].rstrip("!").partition("|")[0]] = value
        for one in known:
            first = one.rstrip("!").partition("|")[0]
            if one.endswith("!") and first not in found:
                raise node.error(f"!{node.tag} needs the argument '{first}'")
        return found

    def plain(self, node: Node) -> Any:
        """Return a value that must be plain data: a pattern, the name of a type."""
        if node.tag:
            raise node.error(f"a plain value is expected here, not !{node.tag}")
        if isinstance(node.value, list):
            return [self.plain(one) for one in node.value]
        if isinstance(node.value, dict):
            return {key: self.plain(one) for key, one in node.value.items()}
        return node.value

    def optional(self, arguments: Mapping[str, Node], name: str, default: Any = None) -> ast.expr:
        """Return the tree of an argument, or of its default."""
        return self.tree(arguments[name]) if name in arguments else self.constant(default)


def _implied(node: Node) -> Node:
    if node.value == "":
        return Node("ARG", "", node.line, node.column, node.source)
    return Node("", node.value, node.line, node.column, node.source)

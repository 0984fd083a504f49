"""From the YAML of a declaration to nodes: plain data, and expressions by their tags. Nothing else is constructed."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import yaml

from .error import DeclarationError

MAX_SIZE = 1024 * 1024
"""Characters of the longest declaration."""

_MAX_DEPTH = 50
_PLAIN = {
    f"tag:yaml.org,2002:{name}"
    for name in ("null", "bool", "int", "float", "str", "seq", "map", "timestamp", "binary", "value", "merge")
}
_MAX_NODES = 5000


@dataclasses.dataclass(frozen=True)
class Node:
    """One value of a declaration.

    Attributes:
        tag: `ADD` of `!ADD`; "" for plain data.
        value: A scalar as text or as its value (for plain data), a list of nodes, or a dict of nodes.
        line: From 1.
        column: From 1.
        source: What the declaration is called.
    """

    tag: str
    value: Any
    line: int
    column: int
    source: str = ""

    def error(self, message: str, hint: str = "") -> DeclarationError:
        """Return an error that names this place."""
        return DeclarationError(message, line=self.line, column=self.column, source=self.source, hint=hint)


Include = Callable[[str], str]
"""Takes the name of a declaration, returns its text; raises KeyError if there is none."""


def load(
    text: str, *, source: str = "", include: Include | None = None, config: Mapping[str, Any] | None = None
) -> list[Node]:
    """Return the documents of a declaration.

    Args:
        text: YAML, 1.1 as the seed's language says.
        source: What it is called, for messages.
        include: Finds what `!INCLUDE` names.
        config: What `!CONFIG` finds.

    Raises:
        DeclarationError: It is no YAML, is too large, or includes itself.
    """
    return _Loader(include, config or {}).documents(text, source, ())


class _Loader:
    def __init__(self, include: Include | None, config: Mapping[str, Any]) -> None:
        self._include = include
        self._config = config
        self._count = 0
        self._plain = yaml.SafeLoader("")

    def documents(self, text: str, source: str, within: tuple[str, ...]) -> list[Node]:
        if len(text) > MAX_SIZE:
            raise DeclarationError(f"the declaration has more than {MAX_SIZE} characters", source=source)
        try:
            composed = list(yaml.compose_all(text, yaml.SafeLoader))
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            said = " ".join(part for part in (error.context, error.problem) if part)
            line, column = (mark.line + 1, mark.column + 1) if mark else (0, 0)
            raise DeclarationError(f"not YAML: {said}", line=line, column=column, source=source) from None
        except (yaml.YAMLError, RecursionError) as error:
            raise DeclarationError(f"not YAML: {error}", source=source) from None
        return [self._node(one, source, within, 0) for one in composed if one is not None]

    def _node(self, composed: Any, source: str, within: tuple[str, ...], depth: int) -> Node:
        # Anchors make one node stand in many places; counted each time, they cannot grow without end.
        self._count += 1
        line, column = composed.start_mark.line + 1, composed.start_mark.column + 1
        place = Node("", None, line, column, source)
        if self._count > _MAX_NODES or depth > _MAX_DEPTH:
            raise place.error(f"the declaration has more than {_MAX_NODES} parts or {_MAX_DEPTH} levels")
        tag = composed.tag.removeprefix("!") if composed.tag.startswith("!") else ""
        if not tag and composed.tag not in _PLAIN:
            raise place.error(f"'{composed.tag}' is no tag of a declaration")
        value: Any
        if isinstance(composed, yaml.ScalarNode):
            if tag in ("INCLUDE", "CONFIG"):
                return self._replaced(tag, composed.value.strip(), place, within)
            value = composed.value if tag else self._scalar(composed, place)
        elif isinstance(composed, yaml.SequenceNode):
            value = [self._node(one, source, within, depth + 1) for one in composed.value]
        else:
            value = {}
            for key, one in composed.value:
                if not isinstance(key, yaml.ScalarNode):
                    raise place.error("a key must be a text or a number")
                value[self._scalar(key, place)] = self._node(one, source, within, depth + 1)
        return Node(tag, value, line, column, source)

    def _scalar(self, composed: Any, place: Node) -> Any:
        try:
            return self._plain.construct_object(composed)
        except (yaml.YAMLError, ValueError) as error:
            raise place.error(f"'{composed.value}' cannot be read: {getattr(error, 'problem', error)}") from None

    def _replaced(self, tag: str, name: str, place: Node, within: tuple[str, ...]) -> Node:
        if tag == "CONFIG":
            if name not in self._config:
                raise place.error(f"there is no configuration value '{name}'")
            return dataclasses.replace(place, value=self._config[name])
        if self._include is None:
            raise place.error(f"'{name}' is to be included, and there is no library")
        if name in within:
            raise place.error(f"'{name}' includes itself: {' -> '.join((*within, name))}")
        try:
            text = self._include(name)
        except KeyError:
            raise place.error(f"the library has no declaration '{name}'") from None
        documents = self.documents(text, name, (*within, name))
        if len(documents) != 1:
            raise place.error(f"'{name}' holds {len(documents)} documents, and one is to be included")
        return documents[0]

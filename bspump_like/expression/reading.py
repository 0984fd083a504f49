"""Which names in an expression are fields of the event."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator, Set
from typing import Any

LITERALS: dict[str, Any] = {"true": True, "false": False, "null": None, "none": None}
"""Names that mean values."""

RESERVED = frozenset({*LITERALS, "event", "context"})
"""Names that mean no field."""


def fields_of(tree: ast.expr, names: Set[str] = frozenset()) -> Iterator[str]:
    """Yield the names of the fields that an expression reads, as often as it reads them."""
    called = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and id(node) not in called and node.id not in RESERVED and node.id not in names:
            yield node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "event":
            yield node.attr
        elif (
            isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name) and node.value.id == "event"
            and isinstance(node.slice, ast.Constant) and isinstance(node.slice.value, str)
        ):  # fmt: skip
            yield node.slice.value


def used_twice(trees: list[ast.expr], names: Set[str]) -> list[str]:
    """Return the fields that are read more than once, in the order of their first reading."""
    counted = Counter(name for tree in trees for name in fields_of(tree, names))
    return [name for name, count in counted.items() if count > 1]

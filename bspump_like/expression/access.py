"""Into values that an event holds: items of dicts and lists, parts of texts. No attribute of an object is ever read."""

from __future__ import annotations

import reprlib
from collections.abc import Mapping, Set
from typing import Any

_SHOWN = 60
_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = _SHORT.maxlong = _SHOWN


def member(value: Any, name: str) -> Any:
    """Return `value.name`: what a mapping holds under a name, None if it does not or if there is no mapping.

    Raises:
        TypeError: The value is something else.
    """
    if value is None:
        return None
    if isinstance(value, Mapping):
        return value.get(name)
    raise TypeError(f"{shown(value)} has no fields, and '{name}' is asked for")


def item(value: Any, index: Any) -> Any:
    """Return `value[index]` of a mapping, a list or a text, None if there is no such item.

    Raises:
        TypeError: The value has no items, or the index does not suit it.
    """
    if value is None or index is None:
        return None
    if isinstance(value, Mapping):
        return value.get(index)
    if isinstance(value, list | tuple | str | bytes):
        if not isinstance(index, int):
            raise TypeError(f"{shown(index)} is no place in {_kind(value)}; places are whole numbers")
        return value[index] if -len(value) <= index < len(value) else None
    raise TypeError(f"{shown(value)} has no items")


def part(value: Any, begin: Any, end: Any) -> Any:
    """Return `value[begin:end]` of a text or a list.

    Raises:
        TypeError: The value is neither, or the ends are no whole numbers.
    """
    if value is None:
        return None
    if not isinstance(value, list | tuple | str | bytes):
        raise TypeError(f"{shown(value)} has no parts")
    return value[begin:end]


def contains(container: Any, value: Any) -> bool:
    """Return `value in container`; nothing is in None.

    Raises:
        TypeError: The container is none, or it is a text and the value is not.
    """
    if container is None:
        return False
    if isinstance(container, str):
        return value is not None and value in container
    if isinstance(container, list | tuple | Set | Mapping):
        return value in container
    raise TypeError(f"{shown(container)} contains nothing")


def shown(value: Any) -> str:
    """Return a short text of a value for a message."""
    try:
        text = _SHORT.repr(value)  # which looks at the beginning only, however large the value is
    except Exception as error:  # a value of the user's own class; a message must not fail for it
        text = f"<{type(value).__name__} whose repr fails: {error}>"
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."


def _kind(value: Any) -> str:
    return "a text" if isinstance(value, str | bytes) else "a list"

"""Functions that make a value of another type."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any

import orjson

from ..access import shown
from .table import function, needs_text

GROUP = "Types"
_TRUE, _FALSE = frozenset({"true", "yes", "on", "1"}), frozenset({"false", "no", "off", "0", ""})


@function(
    "int(x, default=error)", "the whole number of a number (cut off) or a text; `default` if there is none", 'int("42") -> 42',
    GROUP, kind="number", takes_none=True,
)  # fmt: skip
def _int(value: Any, *default: Any) -> Any:
    return _converted(int, value, default)


@function(
    "float(x, default=error)", "the number of a text; `default` if there is none", 'float("1.5") -> 1.5', GROUP,
    takes_none=True, kind="number",
)  # fmt: skip
def _float(value: Any, *default: Any) -> Any:
    return _converted(float, value, default)


def _converted(wanted: type[int] | type[float], value: Any, default: tuple[Any, ...]) -> Any:
    if value is None:
        return default[0] if default else None
    try:
        if not isinstance(value, int | float | str):
            raise TypeError(f"{shown(value)} is no number")
        return wanted(value)
    except (ValueError, TypeError, OverflowError):
        if default:
            return default[0]
        raise


@function(
    "str(x)", "the text of a value, as templates write it: true and false, dicts and lists as JSON", 'str(1.5) -> "1.5"', GROUP,
    kind="text",
)  # fmt: skip
def _str(value: Any) -> str:
    return written(value)


@function(
    "bool(x)", "true or false of a text (true, yes, on, 1; false, no, off, 0), otherwise whether it is not 0 and not empty",
    'bool("no") -> false', GROUP, kind="flag",
)  # fmt: skip
def _bool(value: Any) -> bool:
    if isinstance(value, str):
        text = value.strip().lower()
        if text not in _TRUE and text not in _FALSE:
            raise ValueError(f"{shown(value)} is neither true nor false")
        return text in _TRUE
    return bool(value)


@function(
    "type(x)", "text, number, bool, list, dict, bytes, null, or the name of another type", 'type([1]) -> "list"',
    GROUP, kind="text", nullable=False, takes_none=True,
)  # fmt: skip
def _type(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "bool"
    kinds: dict[str, Any] = {
        "text": str,
        "number": (int, float),
        "list": (list, tuple),
        "dict": Mapping,
        "bytes": bytes,
    }
    return next((name for name, kind in kinds.items() if isinstance(value, kind)), type(value).__name__)


@function(
    "json(x)",
    "the value as JSON; null for null",
    'json({"a": 1}) -> "{\\"a\\":1}"',
    GROUP,
    kind="text",
    nullable=False,
    takes_none=True,
)
def _json(value: Any) -> str:
    text: str = orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS).decode()
    return text


@function("parse_json(text)", "the value that JSON says, of text or bytes", 'parse_json("[1, 2]") -> [1, 2]', GROUP)
def _parse_json(text: Any) -> Any:
    return orjson.loads(text)


@function("base64(x)", "the bytes (of a text its UTF-8) in base 64", 'base64("ab") -> "YWI="', GROUP, kind="text")
def _base64(value: Any) -> str:
    return base64.b64encode(as_bytes(value, "base64")).decode()


@function(
    "parse_base64(text)", "the text that stands in base 64, UTF-8", 'parse_base64("YWI=") -> "ab"', GROUP, kind="text"
)
def _parse_base64(text: Any) -> str:
    try:
        return base64.b64decode(needs_text(text, "parse_base64"), validate=True).decode()
    except binascii.Error as error:
        raise ValueError(f"{shown(text)} is no base 64: {error}") from None


def as_bytes(value: Any, name: str) -> bytes:
    """Return bytes as they are, and the UTF-8 of a text.

    Raises:
        TypeError: The value is neither; names the function.
    """
    if isinstance(value, bytes):
        return value
    if isinstance(value, str):
        return value.encode()
    raise TypeError(f"{name} takes text or bytes, not {shown(value)}")


def written(value: Any) -> str:
    """Return a value as text: numbers as in JSON, true and false, dicts and lists as JSON.

    Raises:
        TypeError: There is no text for it.
    """
    if isinstance(value, str):
        return value
    if value is True or value is False:
        return "true" if value else "false"
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, dict | list | tuple):
        return str(_json(value))
    if value is None:
        raise TypeError('a value is missing; write coalesce(x, "...") if it may be')
    return str(value)

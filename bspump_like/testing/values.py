"""Events as a test file writes them, which knows only JSON: bytes, patterns, conditions; and comparing with them.

    {$json: {a: 1}}      bytes that hold this as JSON
    {$bytes: abc}        these bytes, from UTF-8 text
    {$base64: AAEC}      these bytes
    {$time: 2026-01-01T10:00:00Z}   this datetime; without a zone when none is written

and only where something is expected:

    {$any: true}         anything but nothing
    {$regex: "^N1"}      text in which the pattern is found
    {$where: value > 3}  whatever makes the expression true, as `value`
    {$approx: 0.1}       a number near it
"""

from __future__ import annotations

import base64
import datetime
import json
import math
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ..config import nearest
from ..errors import BSPumpError
from ..expression import ExpressionError, compile_expression

_GIVEN: dict[str, Callable[[Any], Any]] = {
    "$json": lambda value: json.dumps(value, separators=(",", ":")).encode(),
    "$bytes": lambda value: str(value).encode(),
    "$base64": lambda value: base64.b64decode(str(value), validate=True),
    "$time": lambda value: datetime.datetime.fromisoformat(str(value)),
}
_EXPECTED = ("$any", "$regex", "$where", "$approx")


def _word(value: Any) -> str:
    """Return the `$` word that an object consists of, '' when it is an ordinary one."""
    if isinstance(value, Mapping) and len(value) == 1:
        (key,) = value
        return key if isinstance(key, str) and key.startswith("$") else ""
    return ""


def check_value(value: Mapping[str, Any]) -> str:
    """Return what is wrong with an object as a `$` word; '' when nothing is."""
    word = _word(value)
    if not word:
        return ""
    if word not in _GIVEN and word not in _EXPECTED:
        return f"there is no '{word}': {nearest(word, [*_GIVEN, *_EXPECTED])}"
    try:
        if word == "$regex":
            re.compile(value[word])
        elif word == "$where":
            compile_expression(value[word])
        elif word in _GIVEN:
            _GIVEN[word](value[word])
    except (re.error, ExpressionError, TypeError, ValueError) as error:
        return f"{word}: {error}"
    return ""


def read_value(value: Any) -> Any:
    """Return an event as the pump is to get it: `$` words become what they stand for."""
    word = _word(value)
    if word in _GIVEN:
        return _GIVEN[word](value[word])
    if isinstance(value, Mapping):
        return {key: read_value(item) for key, item in value.items()}
    return [read_value(item) for item in value] if isinstance(value, list) else value


def differences(expected: Any, actual: Any, *, partial: bool = False, at: str = "") -> Iterator[str]:
    """Yield in words where a value is not what was expected.

    Args:
        expected: A value as a test file writes it.
        actual: What came.
        partial: More fields than expected are fine, and so is text around the expected one.
        at: Where the value stands, for the message.
    """
    word = _word(expected)
    if word:
        if not _fits(word, expected[word], actual):
            yield f"{_place(at)}expected {shown(expected)}, got {shown(actual)}"
    elif isinstance(expected, Mapping) and isinstance(actual, Mapping):
        yield from _fields(expected, actual, partial, at)
    elif isinstance(expected, list) and isinstance(actual, list | tuple):
        if len(expected) != len(actual):
            yield f"{_place(at)}expected {len(expected)} items, got {len(actual)}"
        for index, (one, other) in enumerate(zip(expected, actual, strict=False)):
            yield from differences(one, other, partial=partial, at=f"{at}[{index}]")
    elif partial and isinstance(expected, str) and isinstance(actual, str | bytes):
        if expected not in (actual if isinstance(actual, str) else actual.decode(errors="replace")):
            yield f"{_place(at)}expected text with {expected!r}, got {shown(actual)}"
    elif expected != actual or (type(expected) is not type(actual) and not _are_numbers(expected, actual)):
        yield f"{_place(at)}expected {shown(expected)}, got {shown(actual)}"


def _fields(expected: Mapping[str, Any], actual: Mapping[str, Any], partial: bool, at: str) -> Iterator[str]:
    for key, value in expected.items():
        place = f"{at}.{key}" if at else key
        if key not in actual:
            yield f"{place}: expected {shown(value)}, it is not there"
        else:
            yield from differences(value, actual[key], partial=partial, at=place)
    for key in () if partial else actual:
        if key not in expected:
            yield f"{at}{'.' if at else ''}{key}: not expected, got {shown(actual[key])}"


def _fits(word: str, wanted: Any, actual: Any) -> bool:
    if word == "$any":
        return actual is not None
    if word == "$regex":
        text = actual.decode(errors="replace") if isinstance(actual, bytes) else actual
        return isinstance(text, str) and re.search(wanted, text) is not None
    if word == "$approx":
        return _are_numbers(wanted, actual) and math.isclose(wanted, actual, rel_tol=1e-6, abs_tol=1e-9)
    if word == "$where":
        try:
            return bool(compile_expression(wanted)({}, {"value": actual}))
        except BSPumpError:
            return False  # it cannot be computed for this value, so it does not hold
    if word == "$json":
        return isinstance(actual, str | bytes) and _same_json(wanted, actual)
    return bool(_GIVEN[word](wanted) == actual)


def _same_json(wanted: Any, actual: str | bytes) -> bool:
    try:
        return bool(json.loads(actual) == wanted)
    except ValueError:
        return False


def _are_numbers(one: Any, other: Any) -> bool:
    return all(isinstance(value, int | float) and not isinstance(value, bool) for value in (one, other))


def _place(at: str) -> str:
    return f"{at}: " if at else ""


def shown(value: Any) -> str:
    """Return a value on one line: as JSON, bytes that hold JSON as `{"$json": ...}`, anything else as Python shows it."""
    return json.dumps(value, default=_as_word, ensure_ascii=False)


def shown_like_expected(value: Any) -> str:
    """Return a value as JSON with sorted keys, so that two of them can be compared line by line."""
    return json.dumps(value, default=_as_word, ensure_ascii=False, sort_keys=True)


def _as_word(value: Any) -> Any:
    if isinstance(value, datetime.datetime):
        return {"$time": value.isoformat()}
    if isinstance(value, bytes):
        try:
            return {"$json": json.loads(value)}
        except ValueError:
            pass
        try:
            return {"$bytes": value.decode()}
        except UnicodeDecodeError:
            return {"$base64": base64.b64encode(value).decode()}
    return list(value) if isinstance(value, tuple | set | frozenset) else repr(value)

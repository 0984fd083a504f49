"""Line protocol: how a point is written.

Source: InfluxDB's line protocol reference; the same for 1.x and 2.x.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from ..errors import ProcessingError

FACTORS = {"ns": 10**9, "us": 10**6, "u": 10**6, "ms": 10**3, "s": 1}
"""Precision -> units in a second."""

_MEASUREMENT = str.maketrans({",": r"\,", " ": r"\ "})
_KEY = str.maketrans({",": r"\,", " ": r"\ ", "=": r"\="})
_STRING = str.maketrans({'"': r"\"", "\\": r"\\"})
_AMBIGUOUS = re.compile(r'\\[,= "]')
_LARGEST = 2**63


def point(measurement: Any, tags: Any, fields: Any, stamp: int) -> bytes:
    """Return one line, with its line end.

    Args:
        measurement: Its name.
        tags: Mapping or pairs; None and empty values are left out.
        fields: Mapping or pairs of bool, int, float or str; None is left out.
        stamp: Time in units of the precision that is written with.

    Raises:
        ProcessingError: There is no field with a value, or something that the protocol has no spelling for.
    """
    parts = [_name("measurement", measurement, _MEASUREMENT)]
    for key, value in sorted(_pairs(tags)):
        if value is not None and value != "":
            parts.append(f"{_name('tag', key, _KEY)}={_name('tag', value, _KEY, key)}")
    written = [
        f"{_name('field', key, _KEY)}={_field(key, value)}" for key, value in _pairs(fields) if value is not None
    ]
    if not written:
        raise ProcessingError(f"a point of '{measurement}' has no field with a value")
    try:
        return f"{','.join(parts)} {','.join(written)} {stamp}\n".encode()
    except UnicodeEncodeError as error:
        raise ProcessingError(f"a point of '{measurement!r}' has text that is no Unicode", detail=str(error)) from None


def _name(kind: str, value: Any, escapes: dict[int, str], key: Any = None) -> str:
    """Return a name or a tag's value, escaped; there is no escape for a line end, nor for a backslash at the end."""
    text = str(value)
    if text.isalnum():
        return text
    # A backslash before what has to be escaped: the server takes it for the escape of an escape, or away, or refuses it.
    unsafe = (kind == "measurement" and text[:1] in ("#", "\t", "\0")) or _AMBIGUOUS.search(text) is not None
    if not text or text.endswith("\\") or "\n" in text or unsafe:
        what = f"the value of tag '{key}'" if key is not None else f"a {kind}"
        raise ProcessingError(
            f"{what} is {text!r}, for which line protocol has no spelling",
            hint="not empty, no line end, no backslash at the end or before a comma, a blank or a quote, no leading #",
        )
    return text.translate(escapes)


def _pairs(given: Any) -> Iterable[tuple[Any, Any]]:
    if not given:
        return ()
    pairs: Iterable[tuple[Any, Any]] = given.items() if isinstance(given, Mapping) else given
    return pairs


def _field(key: Any, value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        if not -_LARGEST <= value < _LARGEST:
            raise ProcessingError(f"field '{key}' has {value}, which does not fit into 64 bits", hint="make it a float")
        return f"{value}i"
    if isinstance(value, float):
        if value != value or value in (float("inf"), float("-inf")):
            raise ProcessingError(f"field '{key}' has {value}, which InfluxDB has no number for")
        return repr(value)
    if isinstance(value, str):
        return f'"{value.translate(_STRING)}"'
    raise ProcessingError(f"field '{key}' has a {type(value).__name__}; a field is a number, text, or true or false")


def stamp_of(time: Any, precision: str) -> int:
    """Return UNIX seconds in units of a precision.

    Raises:
        ProcessingError: It is no number, or too far away.
    """
    factor = FACTORS[precision]
    try:
        seconds = int(time // 1)
        # Whole seconds apart: a float of nanoseconds would lose the last digits.
        stamp: int = seconds * factor + round((time - seconds) * factor)
    except (TypeError, ValueError, OverflowError):
        raise ProcessingError(f"the time of a point is {time!r}; it must be UNIX seconds") from None
    if not -_LARGEST < seconds * 10**9 < _LARGEST:
        raise ProcessingError(f"the time of a point is {time!r}, which is beyond what InfluxDB can store")
    return stamp

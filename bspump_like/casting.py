"""How text becomes typed values: one place for processors, lookups and files.

A cast is declared by a type name (`int`, `float`, `str`, `bool`, `datetime`, `date`) or by a dict with the type and its
parameters: `{"type": "datetime", "format": "%d.%m.%Y"}`.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from .config import nearest

Cast: TypeAlias = Callable[[Any], Any]
"""Takes a value that is not null; ValueError or TypeError when it does not fit."""

TRUE = frozenset({"true", "yes", "on", "1", "y", "t"})
FALSE = frozenset({"false", "no", "off", "0", "n", "f"})

NULL_VALUES = ["", "NA"]
"""Text that stands for no value, unless somebody says otherwise."""


def to_int(value: Any) -> int:
    """Return a whole number; `7.0` is one, `7.5` is not."""
    if value.__class__ is float and not value.is_integer():
        raise ValueError("has a fraction")
    return int(value)


def to_bool(value: Any) -> bool:
    """Return True for yes, true, on, 1, y, t in any case, False for their opposites."""
    if value.__class__ is bool:
        return value
    text = str(value).strip().lower()
    if text in TRUE:
        return True
    if text in FALSE:
        return False
    raise ValueError("expected yes or no")


def to_datetime(value: Any) -> datetime.datetime:
    """Return a time from ISO 8601 text, or from UNIX seconds (then in UTC); text without a zone stays without."""
    if isinstance(value, datetime.datetime):
        return value
    if isinstance(value, str):
        return datetime.datetime.fromisoformat(value)
    return datetime.datetime.fromtimestamp(value, datetime.UTC)


def to_date(value: Any) -> datetime.date:
    """Return a date from ISO 8601 text; of a time the date part."""
    if isinstance(value, datetime.datetime):
        return value.date()
    if isinstance(value, datetime.date):
        return value
    return datetime.date.fromisoformat(value)


CASTS: dict[str, Cast] = {
    "int": to_int, "float": float, "str": str, "bool": to_bool, "datetime": to_datetime, "date": to_date,
}  # fmt: skip
"""Type name -> cast."""


def cast_of(declared: Any) -> Cast:
    """Return the cast for a declared type.

    Args:
        declared: A type name, or a dict with `type` and, for datetime and date, `format` (as of `strptime`).

    Raises:
        ValueError: There is no such type, or it takes no such parameter.
    """
    parameters = dict(declared) if isinstance(declared, Mapping) else {"type": declared}
    name = parameters.pop("type", None)
    if not isinstance(name, str) or name not in CASTS:
        raise ValueError(f"unknown type {name!r}, {nearest(str(name), CASTS)}")
    if not parameters:
        return CASTS[name]
    layout = parameters.pop("format", None)
    if parameters or not isinstance(layout, str) or name not in ("datetime", "date"):
        raise ValueError(f"a {name} takes no such parameters; only datetime and date take a format")
    strptime = datetime.datetime.strptime
    if name == "date":
        return lambda value: strptime(value, layout).date()
    return lambda value: strptime(value, layout)


def parse_fields(declared: Any) -> dict[str, Any]:
    """Check an option that maps field names to types; for `option(parse=parse_fields)`.

    Raises:
        ValueError: It is not a mapping, or one of the types is unknown; names the field.
    """
    if not isinstance(declared, Mapping):
        raise ValueError("expected field names with their types")
    for field, wanted in declared.items():
        try:
            cast_of(wanted)
        except ValueError as error:
            raise ValueError(f"field '{field}': {error}") from None
    return dict(declared)


def type_name(declared: Any) -> str:
    """Return the name of a declared type, for messages."""
    return str(declared["type"] if isinstance(declared, Mapping) else declared)

"""Types of cells: what a matrix may be declared with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..errors import ConfigError

_RENAMED = {
    "float_": "f8",
    "complex_": "c16",
    "int_": "i8",
    "string_": "S",
    "unicode_": "U",
    "str_": "U",
    "bytes_": "S",
}
"""Names of the contract that numpy 2 has no more, or gives another width by platform."""


def parse_dtype(declared: Any) -> np.dtype[Any]:
    """Return the numpy dtype that a declaration means.

    Args:
        declared: What `numpy.dtype` takes (`"f8"`, `[("count", "i8"), ("sum", "f8")]`), the old names of the contract
            (`"float_"`), or the same out of JSON: `[["count", "i8"], ["sum", "f8"]]` or `{"count": "i8", "sum": "f8"}`.

    Raises:
        ConfigError: It is no type, or one that a matrix cannot hold: Python objects, text without a length.
    """
    try:
        dtype: np.dtype[Any] = np.dtype(_normal(declared))
    except (TypeError, ValueError, KeyError, IndexError) as error:
        raise ConfigError(
            f"dtype {declared!r} is no type of a cell: {error}",
            hint="for example f8, i8, U30, or {count: i8, sum: f8}",
        ) from error
    if dtype.subdtype is not None:
        raise ConfigError(
            f"dtype {declared!r} has a shape of its own", hint="put it into a field, or override build_shape"
        )
    if dtype.hasobject:
        raise ConfigError(
            f"dtype {declared!r} holds Python objects", hint="use numbers, or text of a fixed length: U30"
        )
    for name, field in [*((name, field[0]) for name, field in (dtype.fields or {}).items()), ("", dtype)]:
        if not field.itemsize:
            where = f"the field '{name}' of dtype" if name else "dtype"
            raise ConfigError(
                f"{where} {declared!r} has no length, it could hold nothing", hint="say how long: U30, S16"
            )
    return dtype


def describe_dtype(dtype: np.dtype[Any]) -> Any:
    """Return what `parse_dtype` reads as the same dtype, made of text and lists, for JSON and for the store."""
    if dtype.names is None or dtype.fields is None:
        return dtype.str
    described = []
    for name in dtype.names:
        field = dtype.fields[name][0]
        base, shape = field.subdtype if field.subdtype is not None else (field, ())
        described.append([name, describe_dtype(base), *([list(shape)] if shape else [])])
    return described


def _normal(declared: Any) -> Any:
    if isinstance(declared, str):
        return _RENAMED.get(declared, declared)
    if isinstance(declared, Mapping) and not {"names", "formats"} <= set(declared):
        return [(name, _normal(kind)) for name, kind in declared.items()]
    if isinstance(declared, list):
        return [
            (str(field[0]), _normal(field[1]), *(tuple(s) if isinstance(s, list) else s for s in field[2:]))
            for field in declared
        ]
    return declared

"""Values as bytes for the store: MessagePack with a few marks for Python's own types, never pickle."""

from __future__ import annotations

import datetime
import decimal
from typing import Any

import msgpack

_TUPLE, _SET, _DATETIME, _DATE, _DECIMAL, _INTEGER, _FROZENSET = range(1, 8)


class Unencodable(TypeError):
    """A value that the store cannot keep as it is."""


def encode(value: Any) -> bytes:
    """Return `value` as bytes.

    Takes None, bool, int, float, str, bytes, datetime, date, Decimal, and lists, tuples, sets and dicts of them.

    Raises:
        Unencodable: It holds something else; the message names the type.
    """
    try:
        packed: bytes = msgpack.packb(value, default=_mark, strict_types=True)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise Unencodable(str(error)) from error
    return packed


def decode(data: bytes) -> Any:
    """Return the value that `encode` was given."""
    return msgpack.unpackb(data, ext_hook=_unmark, strict_map_key=False)


def _mark(value: Any) -> Any:
    kind = type(value)
    if kind is tuple:
        return msgpack.ExtType(_TUPLE, encode(list(value)))
    if kind in (set, frozenset):  # a frozen one may be the key of a dict
        return msgpack.ExtType(_SET if kind is set else _FROZENSET, encode(list(value)))
    if kind is datetime.datetime:
        return msgpack.ExtType(_DATETIME, value.isoformat().encode())
    if kind is datetime.date:
        return msgpack.ExtType(_DATE, value.isoformat().encode())
    if kind is decimal.Decimal:
        return msgpack.ExtType(_DECIMAL, str(value).encode())
    if isinstance(value, int):
        return msgpack.ExtType(_INTEGER, str(int(value)).encode())
    bases: tuple[type[Any], ...] = (dict, list, str, bytes, float)
    for base in bases:
        if isinstance(value, base):
            return base(value)
    raise TypeError(f"a value of type {kind.__name__}")


def _unmark(kind: int, data: bytes) -> Any:
    if kind == _TUPLE:
        return tuple(decode(data))
    if kind in (_SET, _FROZENSET):
        return set(decode(data)) if kind == _SET else frozenset(decode(data))
    text = data.decode()
    if kind == _DATETIME:
        return datetime.datetime.fromisoformat(text)
    if kind == _DATE:
        return datetime.date.fromisoformat(text)
    return decimal.Decimal(text) if kind == _DECIMAL else int(text)

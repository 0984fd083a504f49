"""A table as JSON, written and read in pieces.

A large table takes seconds to write or to read, and orjson lets no other thread run meanwhile. So the document has line ends
between pieces of some thousand entries, where JSON allows white space; within JSON text there are none. Any reader of JSON can
read it; ours reads piece by piece, in a thread, with the event loop running in between.

    {                                   [
    "a":1,"b":2,                        [1,"x"],[2,"y"],
    "c":3                               [["EWR",5],"z"]
    }                                   ]
"""

from __future__ import annotations

import io
import sys
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

import orjson

PIECE = 2000
"""Entries in a piece: a millisecond or two."""


def dump_table(table: Mapping[Any, Any]) -> bytes:
    """Return a table as JSON: an object when all keys are text, otherwise a list of [key, value].

    Raises:
        TypeError: A value is nothing that JSON has.
    """
    try:
        return _dump(table)
    except RuntimeError:  # somebody changed it in place meanwhile: then of a copy, which costs a pause
        return _dump(dict(table))


def _dump(table: Mapping[Any, Any]) -> bytes:
    if all(isinstance(key, str) for key in table):
        pieces: Iterable[Any] = (dict(piece) for piece in _pieces(table.items()))
        opening, closing = b"{\n", b"\n}"
    else:
        pieces, opening, closing = _pieces(table.items()), b"[\n", b"\n]"
    # Written to a buffer: joining all pieces at the end would copy them in one go.
    document = io.BytesIO()
    document.write(opening)
    for number, piece in enumerate(pieces):
        if number:
            document.write(b",\n")
        document.write(orjson.dumps(piece)[1:-1])
    document.write(closing)
    return document.getvalue()


def _pieces(items: Iterable[Any]) -> Iterator[list[Any]]:
    iterator = iter(items)
    while piece := list(islice(iterator, PIECE)):
        yield piece


def load_table(data: bytes) -> dict[Any, Any]:
    """Return the table of a JSON document: an object, or a list of [key, value] in which lists as keys mean tuples.

    Raises:
        ValueError: It is neither.
    """
    head, tail = data[:2], data[-2:]
    if (head, tail) in ((b"{\n", b"\n}"), (b"[\n", b"\n]")):
        try:
            return _of_pieces(data, head[:1], tail[1:])
        except ValueError:
            pass  # it has line ends elsewhere, so somebody else has written it
    return _table_of(data)


def _of_pieces(data: bytes, opening: bytes, closing: bytes) -> dict[Any, Any]:
    table: dict[Any, Any] = {}
    start, end = 2, len(data) - 1
    while start < end:
        stop = data.index(b"\n", start)
        table.update(_table_of(opening + data[start:stop].removesuffix(b",") + closing))
        start = stop + 1
    return table


def take_apart(holder: list[dict[Any, Any]]) -> None:
    """Free the table in `holder` in pieces: freed at once, a million rows hold up all threads for a fifth of a second.

    Blocking, for a thread. A table that somebody else still refers to is left alone.
    """
    table = holder.pop()
    if sys.getrefcount(table) > 2:  # ours, and the argument of the call
        return
    while table:
        for _ in range(min(PIECE, len(table))):
            table.popitem()


def _table_of(text: bytes) -> dict[Any, Any]:
    content = orjson.loads(text)
    if isinstance(content, dict):
        return content
    try:
        return {tuple(key) if isinstance(key, list) else key: value for key, value in content}
    except TypeError as error:
        raise ValueError(f"expected keys with values, or a list of [key, value]: {error}") from error

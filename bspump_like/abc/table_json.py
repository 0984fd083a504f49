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

import contextlib
import io
import sys
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import IO, Any

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
        return _document((dict(piece) for piece in _pieces(table.items())), b"{\n", b"\n}")
    return dump_pairs(table.items())


def dump_pairs(pairs: Iterable[Any]) -> bytes:
    """Return a list of [key, value] as JSON.

    Raises:
        TypeError: A key or a value is nothing that JSON has.
    """
    return _document(_pieces(pairs), b"[\n", b"\n]")


def _document(pieces: Iterable[Any], opening: bytes, closing: bytes) -> bytes:
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


def load_pairs(data: bytes) -> list[Any]:
    """Return the list of [key, value] that `dump_pairs`, or anybody else, has written.

    Raises:
        ValueError: It is no JSON, or no list.
    """
    lines, pairs = data.split(b"\n"), []
    if lines[0] == b"[" and lines[-1] == b"]":
        with contextlib.suppress(ValueError):  # it has line ends elsewhere
            for line in lines[1:-1]:
                pairs += orjson.loads(b"[%b]" % line.removesuffix(b","))
            return pairs
    content = orjson.loads(data)
    if not isinstance(content, list):
        raise ValueError("expected a list of [key, value]")
    return content


def read_table(stream: IO[bytes]) -> Iterator[tuple[Any, Any]]:
    """Return the keys and values of a JSON document, piece by piece where there are line ends; see `load_table`.

    A document of somebody else may come as a whole after a part of it, so that keys come again with the same values.

    Raises:
        ValueError: It is neither; while iterating, too.
    """
    opening = stream.readline()
    if opening in (b"{\n", b"[\n"):
        closing = b"}" if opening == b"{\n" else b"]"
        line = stream.readline()
        with contextlib.suppress(ValueError):  # it has line ends elsewhere
            while line != closing:
                if not line:
                    raise ValueError("the document breaks off")
                yield from _table_of(opening + line.rstrip(b"\n").removesuffix(b",") + closing).items()
                line = stream.readline()
            return
    stream.seek(0)
    yield from _table_of(stream.read()).items()


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

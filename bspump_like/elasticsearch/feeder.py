"""Feeders: what makes the lines of a bulk of one event."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import orjson

_OPTIONS = orjson.OPT_NON_STR_KEYS


def data_feeder_create_or_index(event: Any, _id: str | None) -> Iterator[bytes]:
    """Yield the lines of one document: it is created, or with an id stored in place of the one that has this id.

    Args:
        event: The document: a dict, or bytes that are one JSON object.
        _id: Its id; None: the cluster makes one.
    """
    yield b'{"create":{}}\n' if _id is None else orjson.dumps({"index": {"_id": _id}})
    yield event if isinstance(event, bytes) else orjson.dumps(event, option=_OPTIONS)


def with_index(lines: Iterable[bytes], index: str) -> Iterator[bytes]:
    """Yield the lines of one document, with the index in the action if the feeder left it out."""
    action, *rest = lines
    header = orjson.loads(action)
    for meta in header.values():
        meta.setdefault("_index", index)
    yield orjson.dumps(header)
    yield from rest

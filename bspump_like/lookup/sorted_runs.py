"""Sort more pairs than fit into memory: runs in temporary files, merged."""

from __future__ import annotations

import contextlib
import heapq
import struct
import tempfile
from collections.abc import Iterable, Iterator
from itertools import islice
from operator import itemgetter
from typing import IO

RUN = 200_000
"""Pairs that are sorted in memory at a time."""

Pair = tuple[bytes, bytes]

_LENGTHS = struct.Struct("<II")
_FIRST = itemgetter(0)


def sorted_unique(pairs: Iterable[Pair], folder: str, run: int = RUN) -> Iterator[Pair]:
    """Return pairs sorted by their keys; of several with one key the one that came last. Blocking.

    Args:
        pairs: Key and value.
        folder: Where the temporary files are made; they have no names and vanish in any case.
        run: Pairs to keep in memory.
    """
    iterator = iter(pairs)
    with contextlib.ExitStack() as files:
        runs: list[Iterable[Pair]] = []
        while chunk := list(islice(iterator, run)):
            chunk.sort(key=_FIRST)  # stable: the last of equal keys stays the last
            if not runs and len(chunk) < run:
                runs.append(chunk)
                break
            stream = files.enter_context(tempfile.TemporaryFile(dir=folder))
            stream.write(b"".join([part for k, v in chunk for part in (_LENGTHS.pack(len(k), len(v)), k, v)]))
            stream.seek(0)
            runs.append(_read(stream))
        previous: Pair | None = None
        for pair in heapq.merge(*runs, key=_FIRST):  # stable as well: runs in the order in which they came
            if previous is not None and previous[0] != pair[0]:
                yield previous
            previous = pair
        if previous is not None:
            yield previous


def _read(stream: IO[bytes]) -> Iterator[Pair]:
    while head := stream.read(_LENGTHS.size):
        key, value = _LENGTHS.unpack(head)
        yield stream.read(key), stream.read(value)

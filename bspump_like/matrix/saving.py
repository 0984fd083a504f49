"""How a matrix goes into the store: its cells as blocks, of which a barrier writes those that have changed.

Users write into `Array` directly, so nobody notes what changes. At a barrier the used cells are copied, on the loop, at the
speed of memory (a matrix of 10,000 rows takes well under a millisecond); what differs from the last barrier is found and
written on the thread of the store. Names change seldom: a barrier appends those that are new, as a log.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from ..codec import decode, encode

Array = np.ndarray[Any, Any]

BLOCK = 16 * 1024
"""Bytes of a block."""

NAMES = "names"
"""The stream of the names."""

_NAMES_IN_BLOCK = 4096
_COMPACT = 64  # blocks of names that were appended, before the log is written anew


class NameLog:
    """Names of rows as the store has them: blocks of names with their rows, in the order in which they were opened."""

    def __init__(self) -> None:
        """Begin with names that nobody has stored."""
        self.fresh: list[tuple[Any, int]] = []
        """Opened since the last barrier that is complete; kept only while the log is valid."""
        self.valid = False
        """False: what is stored is not a beginning of what there is."""
        self.blocks = 0
        """Number of blocks that are stored."""
        self.last: SavedNames | None = None
        """What the last barrier took."""

    def add(self, opened: Iterable[tuple[Any, int]]) -> None:
        """Note names that were opened."""
        if self.valid:
            self.fresh.extend(opened)

    def restart(self) -> None:
        """Note that names have gone, or have other rows now."""
        self.fresh = []
        self.valid = False


class SavedNames:
    """The names at one barrier, all or those that are new; see `Saved`."""

    def __init__(self, log: NameLog, names: Mapping[Any, int]) -> None:
        """Take all names if the log is not valid any more, or has become long; else what is new."""
        if log.last is not None and log.last.given_up():
            log.restart()
        log.last = self
        self._log = log
        self._all = not log.valid or log.blocks > _COMPACT + 2 * len(names) // _NAMES_IN_BLOCK
        if self._all:
            log.restart()
            log.valid = True  # from now on names are noted; the next barrier finds out whether this one was given up
        self._taken: Iterable[tuple[Any, int]] = dict(names).items() if self._all else list(log.fresh)
        self._fresh, self._count = log.fresh, len(log.fresh)
        self._blocks = log.blocks
        self._complete = False

    def changes(self) -> Iterator[tuple[str, int, bytes | None]]:
        """Yield the blocks to write."""
        self._blocks = 0 if self._all else self._log.blocks
        taken = list(self._taken)
        for at in range(0, len(taken), _NAMES_IN_BLOCK):
            piece = taken[at : at + _NAMES_IN_BLOCK]
            yield NAMES, self._blocks, encode([[name for name, _ in piece], [row for _, row in piece]])
            self._blocks += 1
        if self._all:
            yield NAMES, self._blocks, None

    def done(self) -> None:
        """Note what is stored now."""
        self._complete = True
        self._log.blocks = self._blocks
        if self._log.fresh is self._fresh:  # otherwise names have gone meanwhile
            del self._fresh[: self._count]

    def given_up(self) -> bool:
        """Tell whether this was all names, for a barrier that did not complete."""
        return self._all and not self._complete


def read_names(blocks: Sequence[bytes]) -> Iterator[tuple[Any, int]]:
    """Yield the names with their rows, out of the blocks."""
    for block in blocks:
        names, rows = decode(block)
        yield from zip(names, rows, strict=True)


class Stored:
    """What the store holds of one matrix.

    Memory that is used for the first time costs many times as much as a copy into memory that was used before. So there are two
    pieces, with room for the matrix to grow, which take turns: one holds what is stored, the other takes the next copy.
    """

    def __init__(self) -> None:
        """Begin without knowing."""
        self.known = False
        """False: we do not know what is there, so all of it is replaced."""
        self.streams: dict[str, Array] = {}
        """Stream -> its bytes; they stand in `memory`."""
        self.memory: Array | None = None
        self.spare: Array | None = None

    def preparation(self, needed: int) -> Callable[[], None] | None:
        """Return what gets memory for so many bytes and some more, None when there is enough."""
        if self.spare is not None and len(self.spare) >= needed:
            return None

        def prepare() -> None:
            self.spare = fresh_memory(_with_room(needed))

        return prepare

    def copy(self, cells: Array, turn: int = 0) -> tuple[Array, Array]:
        """Return a copy of cells, and the memory that it stands in.

        Args:
            cells: What to copy.
            turn: The first of them becomes the one with this index, and the last of them come before it.
        """
        spare, self.spare = self.spare, None
        if spare is None or len(spare) < cells.nbytes:
            spare = np.empty(_with_room(cells.nbytes), np.uint8)
        plain = f"V{cells.dtype.itemsize}"  # bytes as they are: copying field by field is slow
        copied = spare[: cells.nbytes].view(plain).reshape(cells.shape)
        given, rest = cells.view(plain), len(cells) - turn
        np.copyto(copied[turn:], given[:rest])
        np.copyto(copied[:turn], given[rest:])
        return copied.view(cells.dtype), spare


def _with_room(needed: int) -> int:
    return needed + needed // 2


def fresh_memory(size: int) -> Array:
    """Return memory that the system has really given us, not only promised."""
    memory = np.empty(size, np.uint8)
    memory.fill(0)
    return memory


class SavedMatrix:
    """A matrix at one barrier; see `Saved`."""

    durable = False

    def __init__(
        self,
        header: Mapping[str, Any],
        streams: Mapping[str, Array],
        memory: Array,
        stored: Stored,
        names: SavedNames | None,
    ) -> None:
        """Take the state.

        Args:
            header: What is small.
            streams: Stream -> contiguous cells, which nobody changes any more.
            memory: What the streams stand in, from `Stored.copy`.
            stored: What the store holds.
            names: The names, when the matrix has any.
        """
        self.header = header
        self.whole = not stored.known
        self._streams = {name: bytes_of(cells) for name, cells in streams.items()}
        self._memory, self._stored, self._names = memory, stored, names

    def changes(self) -> Iterator[tuple[str, int, bytes | None]]:
        """Yield the blocks that differ."""
        known = {} if self.whole else self._stored.streams
        for name in known.keys() - self._streams.keys():
            yield name, 0, None
        for name, data in self._streams.items():
            blocks, old = -(-len(data) // BLOCK), known.get(name)
            for number in range(blocks) if old is None else differing(data, old):
                yield name, number, data[number * BLOCK : (number + 1) * BLOCK].tobytes()
            if old is not None and len(old) > len(data):
                yield name, blocks, None
        if self._names is not None:
            yield from self._names.changes()

    def done(self) -> None:
        """Note what is stored now."""
        stored = self._stored
        stored.known, stored.streams = True, self._streams
        stored.spare, stored.memory = stored.memory, self._memory
        if self._names is not None:
            self._names.done()


def bytes_of(cells: Array) -> Array:
    """Return the bytes of contiguous cells, without copying."""
    return cells.reshape(-1).view(np.uint8) if cells.size else np.empty(0, np.uint8)


def differing(new: Array, old: Array) -> list[int]:
    """Return the numbers of the blocks of `new` that `old` has not as they are; both are bytes."""
    blocks, whole = -(-len(new) // BLOCK), min(len(new), len(old)) // BLOCK
    found: list[int] = []
    step = 64  # a megabyte at a time, so that the comparison stays within the cache
    for first in range(0, whole, step):
        span = slice(first * BLOCK, min(first + step, whole) * BLOCK)
        words = new[span].view(np.uint64) != old[span].view(np.uint64)
        found += (first + np.flatnonzero(words.reshape(-1, BLOCK // 8).any(axis=1))).tolist()
    rest = slice(whole * BLOCK, None)
    if len(new) == len(old) and np.array_equal(new[rest], old[rest]):
        return found
    return found + list(range(whole, blocks))

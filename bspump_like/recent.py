"""What came lately, in order, forgotten from its old end, and stored by barriers at the cost of what is new."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from .abc.state import SharedState
from .codec import decode, encode

_BLOCK = 1000
_NUMBERS = 16
"""Digits of a block's number as the name of a stream: names of streams are sorted as text."""


class RecentLog(SharedState):
    """Items in the order in which they came, in blocks; the oldest blocks can be forgotten.

    A barrier writes the blocks that are new or have grown, and deletes those that were forgotten.

    Args:
        id: Name in the store; of one part, its address for example.
        block: Items of a block.
    """

    def __init__(self, id: str, block: int = _BLOCK) -> None:
        """Begin empty."""
        self.Id = id
        self.header: Mapping[str, Any] = {}
        """What else is stored: small, replaced as a whole by whoever keeps the log."""
        self._block = block
        self._blocks: deque[list[Any]] = deque([[]])
        self._first = 0  # number of the first block
        self._stored: tuple[int, int] | None = None  # first block that is stored, and the last; None: not known

    def __iter__(self) -> Iterator[Any]:
        """Return the items, the oldest first."""
        return (item for block in self._blocks for item in block)

    def __len__(self) -> int:
        """Return the number of items."""
        return sum(map(len, self._blocks))

    @property
    def closed_blocks(self) -> int:
        """Number of blocks before the one that is being filled."""
        return len(self._blocks) - 1

    @property
    def blocks(self) -> Iterable[Sequence[Any]]:
        """The blocks, the oldest first; the last is the one that is being filled."""
        return self._blocks

    @property
    def oldest(self) -> Sequence[Any]:
        """The oldest block."""
        return self._blocks[0]

    def append(self, item: Any) -> bool:
        """Add an item; return whether that has completed a block."""
        block = self._blocks[-1]
        block.append(item)
        if len(block) < self._block:
            return False
        self._blocks.append([])
        return True

    def forget(self) -> list[Any]:
        """Forget the oldest block and return it; there must be a closed one."""
        self._first += 1
        return self._blocks.popleft()

    def clear(self) -> None:
        """Forget everything."""
        self._first += len(self._blocks)
        self._blocks = deque([[]])

    def save(self) -> SavedLog:
        """See `SharedState`."""
        last = self._first + len(self._blocks) - 1
        since = self._first if self._stored is None else max(self._first, self._stored[1])
        new = {number: self._blocks[number - self._first] for number in range(since, last + 1)}
        new[last] = list(new[last])  # the others do not change any more
        gone = range(0) if self._stored is None else range(self._stored[0], self._first)
        return SavedLog(self, dict(self.header), new, gone, (self._first, last), self._stored is None)

    def load(self, header: Mapping[str, Any], streams: Mapping[str, Sequence[bytes]]) -> None:
        """See `SharedState`."""
        numbers = sorted(streams)
        self.header = header
        if not numbers:
            return
        self._blocks = deque(decode(streams[number][0]) for number in numbers)
        self._first = int(numbers[0])
        self._stored = (self._first, int(numbers[-1]))
        if len(self._blocks[-1]) >= self._block:
            self._blocks.append([])

    def stored(self, blocks: tuple[int, int]) -> None:
        """Take note of the first and the last block that the store has."""
        self._stored = blocks


class SavedLog:
    """A log at one barrier; see `Saved`."""

    durable = False

    def __init__(
        self,
        log: RecentLog,
        header: Mapping[str, Any],
        new: Mapping[int, list[Any]],
        gone: range,
        blocks: tuple[int, int],
        whole: bool,
    ) -> None:
        """Take what changes."""
        self.header = header
        self.whole = whole
        self._log, self._new, self._gone, self._blocks = log, new, gone, blocks

    def changes(self) -> Iterator[tuple[str, int, bytes | None]]:
        """Yield the blocks to write, and those to delete."""
        for number in self._gone:
            yield f"{number:0{_NUMBERS}}", 0, None
        for number, items in self._new.items():
            yield f"{number:0{_NUMBERS}}", 0, encode(items)

    def done(self) -> None:
        """Note what is stored now."""
        self._log.stored(self._blocks)

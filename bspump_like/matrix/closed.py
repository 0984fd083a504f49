"""The set of closed rows, which hands out the lowest first."""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from typing import Any


class ClosedRows(set[int]):
    """Indexes of rows that are free; a set that can also give its smallest members.

    Always the smallest: which row a new name gets then depends on the contents only, not on the history of the set, so a
    matrix that was restored goes on exactly as the one that was not interrupted.
    """

    def __init__(self, rows: Iterable[int] = ()) -> None:
        """Begin with these rows."""
        super().__init__(rows)
        self._heap: list[int] | None = None  # holds every member, and maybe rows that are not members any more

    def add(self, row: int) -> None:
        """Add one row."""
        if self._heap is not None and row not in self:
            heapq.heappush(self._heap, row)
        super().add(row)

    def take(self) -> int:
        """Remove the smallest row and return it; KeyError when there is none."""
        if self._heap is None:
            self._heap = sorted(self)
        while self._heap:
            row = heapq.heappop(self._heap)
            if row in self:
                super().discard(row)
                return row
        raise KeyError("no row is closed")

    def take_many(self, count: int) -> list[int]:
        """Remove the `count` smallest rows and return them, in order."""
        if count * 8 < len(self):
            return [self.take() for _ in range(count)]
        ordered = sorted(self)
        super().difference_update(ordered[:count])
        self._heap = ordered[count:]
        return ordered[:count]

    def update(self, *others: Iterable[Any]) -> None:
        """Add many rows."""
        self._heap = None
        super().update(*others)

    def clear(self) -> None:
        """Remove all."""
        self._heap = None
        super().clear()

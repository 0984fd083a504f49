"""ColumnMatrix: columns that move on, the oldest first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import ConfigError, Problem
from .matrix import Array
from .named import NamedMatrix

if TYPE_CHECKING:
    from ..application import BSPumpApplication

_WARMING = "warming up"
"""The stream of `WarmingUpCount`."""


class ColumnMatrix(NamedMatrix):
    """A named matrix whose columns are numbered on and on; it holds the last `Columns` of them, the oldest first.

    The cells are kept by column (column, row, ...): a column is contiguous in memory, the next one stands behind it, and there is
    room for as many again. So moving on costs one column, not a copy of the matrix, and a barrier writes the columns that
    have changed, wherever they stand by then.
    """

    def __init__(
        self,
        app: BSPumpApplication,
        dtype: Any = "float_",
        columns: int = 15,
        id: str | None = None,
        config: Mapping[str, Any] | None = None,
    ) -> None:
        """See `Matrix`.

        Args:
            app: The application.
            dtype: Type of a cell.
            columns: Number of columns.
            id: Name within the pump.
            config: Options.

        Raises:
            ConfigError: There is no column.
        """
        self.Columns = columns
        self.WarmingUpCount: Array = np.zeros(0, dtype=np.int64)
        """By row: how many columns must still pass until the row was there for all of them."""
        self.moves = 0
        """How often the columns have moved."""
        self._head = self._offset = 0  # number of the column that comes next; where our first column stands
        super().__init__(app, dtype, id, config)

    def _configured(self) -> None:
        super()._configured()
        given: Any = self.Columns
        if not isinstance(given, int) or not given > 0:
            problem = f"columns is {given!r}, expected a whole number above 0"
            raise ConfigError([Problem(problem, ("args", "columns"), f"matrix {self.Id}")])

    def build_shape(self, rows: int = 0) -> tuple[int, ...]:
        """Return the shape of an array of so many rows: rows x columns."""
        return (rows, self.Columns)

    def zeros(self, rows: int = 1) -> None:
        """Begin anew without names, with rows that are zero and closed; the columns stay what they are."""
        self.WarmingUpCount = np.zeros(rows, dtype=np.int64)
        super().zeros(rows)

    def _begin(self, rows: int) -> None:
        self.rearranged += 1
        self._cells, self._offset = self._by_column(rows), 0
        self._view(rows)

    def _by_column(self, rows: int) -> Array:
        return self._allocate(self._shape_of_cells(rows))

    def _shape_of_cells(self, rows: int) -> tuple[int, ...]:
        return (2 * self.Columns, rows, *self.build_shape(rows)[2:])

    def _view(self, rows: int) -> None:
        used = self._cells[self._offset : self._offset + self.Columns, :rows]
        self.Array = self._array = np.swapaxes(used, 0, 1)

    def _own(self) -> Array:
        if self.Array is not self._array:
            taken = self.Array
            self._cells, self._offset = self._by_column(len(taken)), 0
            self._view(len(taken))
            self.Array[...] = taken
        return self._cells

    def _adopt(self, cells: Array) -> None:
        rows, self._cells = len(self.Array), cells
        self._view(rows)

    def _resize(self, rows: int) -> None:
        cells, used = self._own(), len(self.Array)
        if rows > cells.shape[1]:
            grown = self._allocate_for(rows, 2 * cells.shape[1])
            grown[: self.Columns, :used] = cells[self._offset : self._offset + self.Columns, :used]
            self._cells, self._offset = grown, 0
        elif rows < used:
            cells[:, rows:used] = np.zeros((), self.DType)
        self._view(rows)
        warming, self.WarmingUpCount = self.WarmingUpCount, np.zeros(rows, dtype=np.int64)
        self.WarmingUpCount[: min(rows, len(warming))] = warming[:rows]

    def _opened(self, rows: Array) -> None:
        self.WarmingUpCount[rows] = self.Columns

    def _moved(self, saved: Array) -> None:
        self.WarmingUpCount = self._kept_warming[saved]
        super()._moved(saved)

    def flush(self) -> tuple[set[int], list[int]]:
        """Remove the closed rows; see `Matrix.flush`."""
        self.settle()
        self._kept_warming = self.WarmingUpCount
        return super().flush()

    def _shift(self, count: int) -> None:
        if not count:
            return
        cells, columns, zero = self._own(), self.Columns, np.zeros((), self.DType)
        rows = len(self.Array)
        if count >= columns:
            cells[self._offset : self._offset + columns, :rows] = zero
        else:
            cells[self._offset : self._offset + count, :rows] = zero  # what is outside of the window is zero, always
            self._offset += count
            if self._offset + columns > len(cells):
                kept = columns - count
                # Two halves: they do not overlap.
                cells[:kept, :rows] = cells[self._offset : self._offset + kept, :rows]
                cells[self._offset : self._offset + kept, :rows] = zero
                self._offset = 0
            self._view(rows)
        self._head += count
        self.moves += 1
        self.rearranged += 1
        np.maximum(self.WarmingUpCount - count, 0, out=self.WarmingUpCount)

    # State; see `SharedState`

    def _copied(self) -> tuple[Array, dict[str, Array]]:
        # In a ring, each column in the place of its number: one that moves in the matrix stays where it is in the store.
        used = self._cells[self._offset : self._offset + self.Columns, : len(self.Array)]
        cells, memory = self._stored.copy(used, turn=self._ring_start())
        return memory, {"cells": cells, _WARMING: self.WarmingUpCount.copy()}

    def _ring_start(self) -> int:
        return (self._head - self.Columns) % self.Columns

    def _load_cells(self, streams: Mapping[str, bytes]) -> None:
        if self.Array.size:
            ring = np.frombuffer(streams["cells"], self.DType).reshape(
                self.Columns, len(self.Array), *self.Array.shape[2:]
            )
            self.Array[...] = np.swapaxes(np.roll(ring, -self._ring_start(), axis=0), 0, 1)
        self.WarmingUpCount = np.frombuffer(streams.get(_WARMING, b""), np.int64).copy()

    def _header(self) -> dict[str, Any]:
        return {**super()._header(), "head": self._head}

    def load(self, header: Mapping[str, Any], streams: Mapping[str, Sequence[bytes]]) -> None:
        """Take the state back that `save` gave; see `Matrix.load`."""
        head, self._head = self._head, header.get("head", 0)
        try:
            super().load(header, streams)
        except ConfigError:
            self._head = head
            raise

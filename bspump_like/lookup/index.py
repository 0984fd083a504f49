"""Indexes over the columns of a matrix: by value, and by interval.

An index is made from a copy of its columns, as numpy arrays that do not change any more; `update` makes a new one. So it may be
made in a thread, and it is of the rows as they were then. Closed rows are in no index.

All answer in three ways, n rows, m hits, k values:

    search(value)   which rows, as a mask of the matrix's length: masks are combined with & and |      O(n)
    rows(value)     their indexes, ascending                                                           O(log n + m)
    first(values)   the first row of each of many values, -1 where there is none; vectorised           O(k log n)
"""

from __future__ import annotations

import heapq
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from ..codec import decode, encode
from ..errors import ConfigError
from ..matrix import Matrix

Array = np.ndarray[Any, Any]

MOST_SLICES = 10_000_000
"""A slice takes 8 bytes and more; finer ones than this are a mistake in the resolution."""


class Columns:
    """What an index is made from: columns of an array, of its open rows.

    Args:
        array: Of a matrix, or a copy of it.
        closed: Its closed rows.
        names: Fields of its dtype; anything for a matrix of one figure.
        matrix_id: For messages.

    Raises:
        ConfigError: There is no such column.
    """

    def __init__(self, array: Array, closed: Iterable[int], names: Sequence[str], matrix_id: str) -> None:
        """Take copies of the columns."""
        self.length = len(array)
        is_open = np.ones(self.length, dtype=bool)
        is_open[list(closed)] = False
        self.rows: Array = np.flatnonzero(is_open)
        self.values: list[Array] = [_column(array, name, matrix_id)[self.rows] for name in names]


def _column(array: Array, name: str, matrix_id: str) -> Array:
    fields = array.dtype.names
    if fields is None:
        return array
    if name not in fields:
        raise ConfigError(f"matrix {matrix_id} has no column '{name}'", hint=f"its columns are {', '.join(fields)}")
    return array[name]


class Index(ABC):
    """One index; its arrays stand in `_arrays` and are replaced as a whole."""

    columns: tuple[str, ...]

    def __init__(self, matrix: Matrix | None, columns: tuple[str, ...], id: str | None = None) -> None:
        """Make it from the matrix as it is.

        Args:
            matrix: The matrix; None: the arrays come later, by `take`.
            columns: Names of the columns it is over.
            id: Name within the lookup; class and columns when empty.
        """
        self.Id = id or f"{type(self).__name__}:{','.join(columns)}"
        self.columns = columns
        self._arrays: tuple[Array, ...] = ()
        self._length = 0
        if matrix is not None:
            self.update(matrix)

    def update(self, matrix: Matrix) -> None:
        """Make the index anew from the matrix as it is now.

        Raises:
            ConfigError: The matrix has no such column.
        """
        columns = Columns(matrix.Array, matrix.ClosedRows, self.columns, matrix.Id)
        self.take(self.made(columns), columns.length)

    def take(self, arrays: tuple[Array, ...], length: int) -> None:
        """Use arrays that `made` returned, of a matrix of so many rows."""
        self._arrays, self._length = arrays, length

    @abstractmethod
    def made(self, columns: Columns) -> tuple[Array, ...]:
        """Return the arrays of the index; changes nothing, so that a thread may do it."""

    @abstractmethod
    def rows(self, value: Any) -> Array:
        """Return the indexes of the rows that match, ascending."""

    @abstractmethod
    def first(self, values: Any) -> Array:
        """Return the lowest matching row of each value, -1 where there is none."""

    def search(self, value: Any) -> Array:
        """Return which rows match, as a mask of the length the matrix had when the index was made."""
        mask = np.zeros(self._length, dtype=bool)
        mask[self.rows(value)] = True
        return mask

    def serialize(self) -> bytes:
        """Return the index as bytes."""
        return encode([self._length, [[array.dtype.str, array.tobytes()] for array in self._arrays]])

    def deserialize(self, data: bytes) -> None:
        """Become what `serialize` of an index of the same declaration returned."""
        length, arrays = decode(data)
        self.take(tuple(np.frombuffer(content, dtype) for dtype, content in arrays), length)


class BitMapIndex(Index):
    """Rows by the value of a column: numbers or text.

    Example:
        from bspump_like import BSPumpApplication
        from bspump_like.lookup.index import BitMapIndex
        from bspump_like.matrix import NamedMatrix

        matrix = NamedMatrix(BSPumpApplication(args=[]), dtype=[("zone", "U8"), ("rate", "f8")])
        for name, zone in (("a", "north"), ("b", "south"), ("c", "north")):
            matrix.add_row(name)
            matrix.Array[matrix.N2IMap[name]] = (zone, 1.5)
        index = BitMapIndex("zone", matrix)
        print([matrix.I2NMap[row] for row in index.rows("north")])  # ['a', 'c']
    """

    def __init__(self, column: str, matrix: Matrix | None, id: str | None = None) -> None:
        """See `Index`.

        Args:
            column: The column.
            matrix: The matrix.
            id: Name within the lookup.
        """
        super().__init__(matrix, (column,), id)

    def made(self, columns: Columns) -> tuple[Array, ...]:
        """Return the values in order, and their rows."""
        order = np.argsort(columns.values[0], kind="stable")  # so that rows of one value stay ascending
        return columns.values[0][order], columns.rows[order]

    def rows(self, value: Any) -> Array:
        """Return the indexes of the rows with this value, ascending."""
        ordered, rows = self._arrays
        return rows[_left(ordered, value) : np.searchsorted(ordered, value, side="right")]

    def first(self, values: Any) -> Array:
        """Return the first row of each value, -1 where there is none."""
        ordered, rows = self._arrays
        wanted = np.asarray(values)
        if not len(ordered):
            return np.full(wanted.shape, -1, dtype=np.intp)
        at = np.minimum(np.searchsorted(ordered, wanted), len(ordered) - 1)
        return np.where(ordered[at] == wanted, rows[at], -1)


def _left(ordered: Array, value: Any) -> Any:
    return np.searchsorted(ordered, value, side="left")


class _IntervalIndex(Index):
    """Rows whose interval holds a value, both ends in it. A row without an end (NaN) or with its ends swapped holds nothing.

    `first` goes by segments: the values at which the lowest row that holds them changes, found by one sweep.
    """

    def __init__(self, column_start: str, column_end: str, matrix: Matrix | None, id: str | None = None) -> None:
        """See `Index`.

        Args:
            column_start: Column with the beginnings.
            column_end: Column with the ends.
            matrix: The matrix.
            id: Name within the lookup.
        """
        super().__init__(matrix, (column_start, column_end), id)

    def made(self, columns: Columns) -> tuple[Array, ...]:
        starts, ends = columns.values
        sound = starts <= ends
        starts, ends, rows = starts[sound], ends[sound], columns.rows[sound]
        order = np.argsort(starts, kind="stable")
        starts, ends, rows = starts[order], ends[order], rows[order]
        return (*_segments(starts, ends, rows), starts, ends, rows, *self._tree(starts, ends))

    @abstractmethod
    def _tree(self, starts: Array, ends: Array) -> tuple[Array, ...]:
        """Return what finds all intervals of a value; they are ordered by their starts."""

    def first(self, values: Any) -> Array:
        """Return the lowest row whose interval holds each value, -1 where there is none."""
        points, at_point, behind = self._arrays[:3]
        wanted = np.asarray(values)
        if not len(points):
            return np.full(wanted.shape, -1, dtype=np.intp)
        at = np.searchsorted(points, wanted, side="right") - 1
        exact = points[np.maximum(at, 0)] == wanted
        found = np.where(exact, at_point[np.maximum(at, 0)], behind[np.maximum(at, 0)])
        return np.where(at < 0, -1, found)


def _segments(starts: Array, ends: Array, rows: Array) -> tuple[Array, Array, Array]:
    """Return the ends of intervals, ascending; the lowest row that holds each; the lowest that holds what lies behind it."""
    points = np.unique(np.concatenate([starts, ends]))
    if len(starts) and bool(np.all(starts[1:] > ends[:-1])):  # apart from one another: no sweep is needed
        at_point = rows[np.searchsorted(starts, points, side="right") - 1]
        ended = np.isin(points, ends, assume_unique=True)
        return points, at_point, np.where(ended, -1, at_point)
    at_point, behind = np.full(len(points), -1, dtype=np.intp), np.full(len(points), -1, dtype=np.intp)
    first, last = np.searchsorted(points, starts).tolist(), np.searchsorted(points, ends).tolist()
    open_ones: list[tuple[int, int]] = []  # (row, number of its last point): the lowest row is on top
    following, row_list = 0, rows.tolist()
    for number in range(len(points)):
        while following < len(first) and first[following] == number:
            heapq.heappush(open_ones, (row_list[following], last[following]))
            following += 1
        while open_ones and open_ones[0][1] < number:
            heapq.heappop(open_ones)
        if open_ones:
            at_point[number] = open_ones[0][0]
        while open_ones and open_ones[0][1] <= number:
            heapq.heappop(open_ones)
        if open_ones:
            behind[number] = open_ones[0][0]
    return points, at_point, behind


class TreeRangeIndex(_IntervalIndex):
    """Rows whose interval holds a value, by a tree; intervals may overlap and be of any length.

    The tree stands in one array: the intervals ordered by their starts, and over each node the highest end below it (an augmented
    tree: Cormen and others, Introduction to Algorithms, section 14.3; as implicit array: Li and Rong, Bioinformatics 37, 2021).
    """

    def _tree(self, starts: Array, ends: Array) -> tuple[Array, ...]:
        # Highest end of each block of 1, 2, 4, ... intervals, level by level, joined to one array.
        levels = [ends]
        while len(levels[-1]) > 1:
            below = levels[-1]
            pairs = below[: len(below) // 2 * 2].reshape(-1, 2).max(axis=1)
            levels.append(np.concatenate([pairs, below[-1:]]) if len(below) % 2 else pairs)
        sizes = np.cumsum([0, *map(len, levels)], dtype=np.intp)
        return np.concatenate(levels), sizes

    def rows(self, value: Any) -> Array:
        """Return the indexes of the rows whose interval holds the value, ascending."""
        starts, _, rows, highest, sizes = self._arrays[3:]
        count = int(np.searchsorted(starts, value, side="right"))  # those behind begin later
        hits, stack = [], [(len(sizes) - 2, 0)]
        while stack:
            level, block = stack.pop()
            if (block << level) >= count or not highest[sizes[level] + block] >= value:
                continue
            if level == 0:
                hits.append(block)
                continue
            below = sizes[level] - sizes[level - 1]
            stack += [(level - 1, child) for child in (2 * block, 2 * block + 1) if child < below]
        return np.sort(rows[hits]) if hits else rows[:0]


class SliceIndex(_IntervalIndex):
    """Rows whose interval holds a value, by slices of equal width: each knows the intervals that reach into it.

    Fast where intervals are short beside all they cover; a long one stands in many slices.
    """

    def __init__(
        self,
        column_start: str,
        column_end: str,
        matrix: Matrix | None,
        resolution: float | None = None,
        id: str | None = None,
    ) -> None:
        """See `Index`.

        Args:
            column_start: Column with the beginnings.
            column_end: Column with the ends.
            matrix: The matrix.
            resolution: Width of a slice; about as many slices as rows when empty.
            id: Name within the lookup.

        Raises:
            ConfigError: The width is not above 0, or so small that there are too many slices.
        """
        if resolution is not None and not resolution > 0:
            raise ConfigError(f"the resolution of an index is {resolution}; expected a width above 0")
        self.Resolution = resolution
        super().__init__(column_start, column_end, matrix, id)

    def _tree(self, starts: Array, ends: Array) -> tuple[Array, ...]:
        if not len(starts):
            return np.ones(2), np.zeros(1, np.intp), np.zeros(0, np.intp)
        low, high = float(starts[0]), float(ends.max())
        width = self.Resolution or (high - low) / len(starts) or 1.0
        first = ((starts - low) // width).astype(np.intp)
        last = ((ends - low) // width).astype(np.intp)
        slices, entries = int(last.max()) + 1, int((last - first + 1).sum())
        if max(slices, entries) > MOST_SLICES:
            raise ConfigError(
                f"slices of {width:g} make {slices:,} slices with {entries:,} entries",
                hint="take a larger resolution, or a TreeRangeIndex",
            )
        counts = last - first + 1
        numbers = np.repeat(np.arange(len(starts)), counts)
        offsets = np.arange(entries) - np.repeat(np.cumsum(counts) - counts, counts)
        slice_of = np.repeat(first, counts) + offsets
        order = np.argsort(slice_of, kind="stable")
        begins = np.searchsorted(slice_of[order], np.arange(slices + 1))
        return np.array([low, width]), begins, numbers[order]

    def rows(self, value: Any) -> Array:
        """Return the indexes of the rows whose interval holds the value, ascending."""
        starts, ends, rows, frame, begins, numbers = self._arrays[3:]
        low, width = frame.tolist()
        number = (float(value) - low) // width
        if not 0 <= number < len(begins) - 1:
            return rows[:0]
        there = numbers[begins[int(number)] : begins[int(number) + 1]]
        return np.sort(rows[there[(starts[there] <= value) & (value <= ends[there])]])

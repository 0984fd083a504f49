"""What stands in a matrix, as a table: columns, rows, CSV, Parquet."""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ..errors import ProcessingError, needs
from .geo import GeoMatrix
from .matrix import Matrix
from .named import NamedMatrix
from .window import TimeWindowMatrix

Array = np.ndarray[Any, Any]

_AT_ONCE = 4 * 2**20  # bytes: about a millisecond
_TRIES = 3

VALUE = "value"
"""The column of cells that have no fields."""


class Extract:
    """The content of a matrix at one moment, which later events do not change.

    A row of the table is an open row of the matrix: `name` (or `row`, its index, where rows have no names) and the fields of
    the cell; `value` where cells have no fields. Of windows and maps it is a cell that is not empty: `name`, `time` (its
    beginning, UNIX seconds), fields; or `row`, `column`, `lat`, `lon`, fields.

    Args:
        matrix: Copied, at the speed of memory; everything else may run in a thread.
        columns: Only so many of the first columns of a window; all when left out.
        name: Fields for the name of a row; several when names are tuples, otherwise their parts are joined by `/`.
    """

    def __init__(
        self, matrix: Matrix, *, columns: int | None = None, name: Sequence[str] = ("name",), copy: bool = True
    ) -> None:
        """Copy what the matrix holds; without `copy` the cells stay those of the matrix until `detach`."""
        matrix.settle()
        self.id = matrix.Id
        self.cells: Array = matrix.Array if columns is None else matrix.Array[:, :columns]
        if copy:
            self.detach()
        self._name = list(name)
        self._names = dict(matrix.I2NMap) if isinstance(matrix, NamedMatrix) else None
        self._closed = set() if self._names is not None else set(matrix.ClosedRows)
        self._time = (matrix.End, matrix.Resolution) if isinstance(matrix, TimeWindowMatrix) else None
        self._map = matrix if isinstance(matrix, GeoMatrix) else None  # its box never changes

    def detach(self) -> None:
        """Copy the cells, from now on those of the matrix may change."""
        plain = f"V{self.cells.dtype.itemsize}"  # bytes as they are: copying field by field is slow
        self.cells = np.array(self.cells.view(plain)).view(self.cells.dtype)

    def columns(self) -> dict[str, list[Any]]:
        """Return column -> values, as Python's own types."""
        if self._map is not None:
            return self._of_map(self._map)
        return self._of_rows() if self._time is None else self._of_window(*self._time)

    def _of_rows(self) -> dict[str, list[Any]]:
        if self._names is not None:
            rows = sorted(self._names)
            head = self._named([self._names[row] for row in rows])
        else:
            rows = [row for row in range(len(self.cells)) if row not in self._closed]
            head = {"row": list(rows)}
        return {**head, **_fields(self.cells[rows])}

    def _of_window(self, begin: float, resolution: float) -> dict[str, list[Any]]:
        assert self._names is not None
        rows = sorted(self._names)
        at, columns = np.nonzero(_used(self.cells[rows]))
        indexes = np.array(rows, dtype=np.intp)[at] if rows else at
        head = self._named([self._names[row] for row in indexes.tolist()])
        times = (begin + columns * resolution).tolist()
        return {**head, "time": times, **_fields(self.cells[indexes, columns])}

    def _of_map(self, matrix: GeoMatrix) -> dict[str, list[Any]]:
        rows, columns = np.nonzero(_used(self.cells))
        pairs = zip(rows.tolist(), columns.tolist(), strict=True)
        places = [matrix.inverse_equirectangular(row, column) for row, column in pairs]
        return {
            "row": rows.tolist(), "column": columns.tolist(), "lat": [lat for lat, _ in places],
            "lon": [lon for _, lon in places], **_fields(self.cells[rows, columns]),
        }  # fmt: skip

    def _named(self, names: list[Any]) -> dict[str, list[Any]]:
        fields = self._name
        if len(fields) == 1:
            return {fields[0]: ["/".join(map(str, name)) if isinstance(name, tuple) else name for name in names]}
        for name in names:
            if not isinstance(name, tuple) or len(name) != len(fields):
                raise ProcessingError(
                    f"a row of {self.id} has not the parts {', '.join(fields)}", detail=repr(name), hint="set 'row'"
                )
        return {field: [name[index] for name in names] for index, field in enumerate(fields)}

    def rows(self) -> Iterator[dict[str, Any]]:
        """Iterate over the rows of the table, as dicts."""
        columns = self.columns()
        for row in zip(*columns.values(), strict=True):
            yield dict(zip(columns, row, strict=True))

    def csv(self) -> str:
        """Return the table as CSV (RFC 4180), with a line of names."""
        text, columns = io.StringIO(newline=""), self.columns()
        writer = csv.writer(text)
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))
        return text.getvalue()

    def parquet(self, path: str) -> None:
        """Write the table as a Parquet file.

        Raises:
            MissingDependency: pyarrow is not installed.
            OSError: The file cannot be written.
        """
        with needs("parquet"):
            import pyarrow as pa
            import pyarrow.parquet as pq
        pq.write_table(pa.table({name: pa.array(values) for name, values in self.columns().items()}), path)

    def png(self, field: str = "", *, logarithmic: bool = False) -> bytes:
        """Return the heat map as PNG; see `picture.heat_map`."""
        from .picture import heat_map  # it draws extracts, and so imports this module

        return heat_map(self, field, logarithmic=logarithmic)


async def extract_beside(matrix: Matrix, **arguments: Any) -> Extract:
    """Return an extract whose cells are copied in a thread when they are many, while events go on.

    Cells may be of moments a few milliseconds apart; which row and column they are of is always right.

    Args:
        matrix: The matrix.
        **arguments: As of `Extract`.
    """
    for _ in range(_TRIES if matrix.Array.nbytes > _AT_ONCE else 0):
        seen = matrix.rearranged
        extract = Extract(matrix, copy=False, **arguments)
        await asyncio.to_thread(extract.detach)
        if matrix.rearranged == seen:
            return extract
    return Extract(matrix, **arguments)


def _used(cells: Array) -> Array:
    """Return which cells are not empty: have a byte that is not 0."""
    if not cells.size:
        return np.zeros(cells.shape, dtype=bool)
    size = cells.dtype.itemsize
    octets = np.ascontiguousarray(cells).view(np.uint8).reshape(*cells.shape, size)
    return np.asarray(octets.any(axis=-1))


def _fields(cells: Array) -> dict[str, list[Any]]:
    if cells.dtype.names is None:
        return {VALUE: cells.tolist()}
    return {name: cells[name].tolist() for name in cells.dtype.names}

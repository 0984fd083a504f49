"""Matrix: rows of cells in one numpy array, with rows that are closed and opened again."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

import asab
import numpy as np

from ..config import Configurable, Options, option
from ..errors import ConfigError
from .closed import ClosedRows
from .dtypes import describe_dtype, parse_dtype
from .room import LARGE, ROOM, roomy_zeros
from .scatter import scatter
from .stateful import Stateful

if TYPE_CHECKING:
    from ..application import BSPumpApplication
    from .extract import Extract

L = logging.getLogger(__name__)

Array = np.ndarray[Any, Any]
"""Any numpy array."""

_LEAST_GROWTH = 5
_GROWTH_SHARE = 10  # rows grow by one in so many


class MatrixOptions(Options):
    """Options of every matrix."""

    max_closed_rows_capacity: float = option(
        0.2,
        "share of the rows that may be closed; beyond it closing removes them all, and row indexes change",
        ge=0,
        le=1,
    )


class Matrix(Configurable, Stateful):
    """Rows of cells of one type, shared by the parts of a pump; `Array` is the numpy array.

    A matrix begins with one row, which is closed. `add_row` opens a closed row or grows the array, `close_row` gives one back,
    `flush` removes what is closed. In memory the array stands in a larger buffer: it doubles when it is full, and from 4 MiB on
    it gets 4 GB of addresses at once, which the system fills with memory as rows are used. A view of `Array` that somebody keeps
    is out of date when rows were added or removed.

    A part that holds a matrix in an attribute (`self.Matrix = app.pump_service.locate_matrix(id)`) and changes it takes part
    in its snapshots: with each barrier of its pipelines the matrix is stored together with their positions, so that after
    a crash it is, cell for cell, what an uninterrupted run gives.

    Example:
        matrices:
          - id: M
            class: Matrix
            args: {dtype: f8}
        pipelines:
          - id: Show
            source:
              class: MatrixSource
              args: {matrix_id: M}
            processors:
              - class: MatrixRowsGenerator
            sink:
              class: PrintSink
    """

    class Options(MatrixOptions):
        """Only the common options."""

    def __init__(
        self,
        app: BSPumpApplication,
        dtype: Any = "float_",
        id: str | None = None,
        config: Mapping[str, Any] | None = None,
        persistent: bool = False,
    ) -> None:
        """Make the matrix with its first row.

        Args:
            app: The application.
            dtype: Type of a cell: `f8`, `i8`, `U30`, or fields: `{count: i8, sum: f8}`; see `parse_dtype`.
            id: Name within the pump; the class name when empty.
            config: Options; wins over the section `[matrix:ID]` of the configuration file.
            persistent: Of BSPump, False: what keeps its cells in files extends `PersistentMatrix`.

        Raises:
            ConfigError: The dtype is none that a matrix can hold; `persistent` is True.
        """
        self.Id = id or type(self).__name__
        super().__init__(f"matrix:{self.Id}", config, where=f"matrix {self.Id}")
        if persistent:
            raise self._refuse(f"{type(self).__name__} keeps its cells in memory; use or extend PersistentMatrix")
        self.App = app
        self.Loop = app.Loop
        self.PubSub = asab.PubSub(app)
        self.DType = parse_dtype(dtype)
        self._configured()
        Stateful.__init__(self)
        self.rearranged = 0
        """Changes when cells become those of another row or column."""
        self._feeders: list[Callable[[], None]] = []
        self.MaxClosedRowsCapacity: float = self.options.max_closed_rows_capacity
        self.ClosedRows = ClosedRows()
        self._uncleared: set[int] = set()  # closed with their values in them
        self.zeros()
        self._gauge: Any = None
        metrics: Any = app.get_service("asab.MetricsService")
        if metrics is not None:
            zero = {"rows.closed": 0, "rows.active": 0}
            self._gauge = metrics.create_gauge("RowCounter", tags={"matrix": self.Id}, init_values=zero)
            app.PubSub.subscribe("Metrics.flush!", self._on_metrics)

    def _configured(self) -> None:
        """Work out what the shape needs; called when the options are read, before the first `zeros`."""

    @classmethod
    def construct(cls, app: BSPumpApplication, definition: Mapping[str, Any]) -> Self:
        """Return the matrix that a definition describes: its `id`, `config` and `args`."""
        return cls(app, id=definition.get("id"), config=definition.get("config"), **definition.get("args", {}))

    # Shape

    def zeros(self, rows: int = 1) -> None:
        """Begin anew with rows that are zero and closed."""
        self._begin(rows)
        self.ClosedRows = ClosedRows(range(rows))
        self._uncleared.clear()

    def build_shape(self, rows: int = 0) -> tuple[int, ...]:
        """Return the shape of an array of so many rows; override it for cells in several dimensions."""
        return (rows,)

    def reshape(self, shape: Sequence[int]) -> None:
        """Change the number of rows to `shape[0]`; new rows are zero and neither open nor closed, removed ones are gone."""
        self._resize(shape[0])

    def _begin(self, rows: int) -> None:
        self.rearranged += 1
        self.Array = self._array = self._cells = self._allocate(self.build_shape(rows))

    def _allocate(self, shape: tuple[int, ...]) -> Array:
        """Return new cells, all zero; overridden where they live in a file."""
        return np.zeros(shape, dtype=self.DType)

    def _allocate_for(self, rows: int, doubled: int) -> Array:
        """Return new cells for so many rows and more: twice as many as there were, or, where that is much, room for very many."""
        shape = self._shape_of_cells(max(rows, doubled))
        size = int(np.prod(shape)) * self.DType.itemsize
        if not self.keeps and LARGE < size < ROOM:
            roomy = roomy_zeros(self._shape_of_cells(max(rows, doubled) * ROOM // size), self.DType)
            if roomy is not None:
                return roomy
        return self._allocate(shape)

    def _shape_of_cells(self, rows: int) -> tuple[int, ...]:
        return self.build_shape(rows)

    def _own(self) -> Array:
        """Return the buffer that `Array` is the used part of; an array that somebody else put there is taken over."""
        if self.Array is not self._array:
            self._cells = self._array = self.Array
        return self._cells

    def _adopt(self, cells: Array) -> None:
        """Use another buffer of the same shape and content."""
        rows, self._cells = len(self.Array), cells
        self.Array = self._array = cells[:rows]

    def _resize(self, rows: int) -> None:
        cells, used = self._own(), len(self.Array)
        if rows > len(cells):
            grown = self._allocate_for(rows, 2 * len(cells))
            grown[:used] = cells[:used]
            cells = self._cells = grown
        elif rows < used:
            cells[rows:used] = np.zeros((), self.DType)
        self.Array = self._array = cells[:rows]

    # Rows

    def add_row(self) -> int:
        """Open a row and return its index: the lowest closed one, which is zero then, or a new one."""
        if not self.ClosedRows:
            self._grow(1)
        row = self.ClosedRows.take()
        if row in self._uncleared:
            self._clear((row,))
        return row

    def add_rows(self, wanted: Any) -> Array:
        """Open several rows and return their indexes.

        Args:
            wanted: How many.
        """
        return self._open(wanted)

    def _open(self, count: int) -> Array:
        missing = count - len(self.ClosedRows)
        if missing > 0:
            self._grow(missing)
        rows = self.ClosedRows.take_many(count)
        if self._uncleared:
            self._clear(self._uncleared.intersection(rows))
        return np.array(rows, dtype=np.intp)

    def _grow(self, least: int) -> None:
        rows = len(self.Array)
        more = max(least, _LEAST_GROWTH, rows // _GROWTH_SHARE)
        self.reshape(self.build_shape(rows + more))
        self.ClosedRows.update(range(rows, rows + more))

    def _clear(self, rows: Iterable[int]) -> None:
        indexes = list(rows)
        self.Array[indexes] = np.zeros((), self.DType)
        self._uncleared.difference_update(indexes)

    def close_row(self, row_name: Any, clear: bool = True) -> bool:
        """Close one row; beyond `max_closed_rows_capacity` all closed rows are removed.

        Args:
            row_name: Index of the row.
            clear: False keeps the values until the row is opened again.

        Returns:
            False when there is no such row, or it is closed.
        """
        return self.close_rows((row_name,), clear) == 1

    def close_rows(self, row_names: Iterable[Any], clear: bool = True) -> int:
        """Close several rows; unknown and closed ones are passed over. Return how many were closed."""
        self.settle()
        closed = [row for row in self._indexes_to_close(row_names) if row not in self.ClosedRows]
        if not closed:
            return 0
        self.rearranged += 1
        if clear:
            self.Array[closed] = np.zeros((), self.DType)
        else:
            self._uncleared.update(closed)
        for row in closed:
            self.ClosedRows.add(row)
        if len(self.ClosedRows) > self.MaxClosedRowsCapacity * len(self.Array):
            self.flush()
        return len(closed)

    def _indexes_to_close(self, row_names: Iterable[Any]) -> list[int]:
        rows = len(self.Array)
        return [row for row in dict.fromkeys(row_names) if 0 <= row < rows]

    def flush(self) -> tuple[set[int], list[int]]:
        """Remove the closed rows; row indexes change.

        Returns:
            The indexes that were removed and those that were kept, in order: the row at `saved[i]` is row `i` now.
        """
        self.settle()
        rows = len(self.Array)
        closed = set(self.ClosedRows)
        if not closed:
            return closed, list(range(rows))
        keep = np.ones(rows, dtype=bool)
        keep[list(closed)] = False
        saved = np.flatnonzero(keep)
        if not len(saved):
            self.zeros()
            return closed, []
        self.rearranged += 1
        kept = self.Array[saved]
        self.reshape(self.build_shape(len(saved)))
        self.Array[...] = kept
        self.ClosedRows = ClosedRows()
        self._uncleared.clear()
        self._moved(saved)
        return closed, saved.tolist()

    def _moved(self, saved: Array) -> None:
        """Take note that the row at `saved[i]` is row `i` now, and that all others are gone."""

    def rebuild_rows(self, mode: str = "partial") -> None:
        """Remove the closed rows (`partial`), or all rows (`full`).

        Raises:
            ValueError: Another mode.
        """
        if mode not in ("partial", "full"):
            raise ValueError(f"rows cannot be rebuilt by {mode!r}; use 'partial' or 'full'")
        self.settle()
        if mode == "full":
            self.zeros()
        else:
            self.flush()

    # Many cells at once

    def update_rows(
        self,
        rows: Any,
        values: Any,
        how: str | Mapping[str, str] = "add",
        *,
        columns: Any = None,
        seen: str | None = None,
    ) -> None:
        """Update the cells of many events in one call; rows may come several times.

        Args:
            rows: Indexes of open rows, one an event.
            values: One value an event, or one for all; with a structured dtype a mapping of field -> that.
            how: `add`, `max`, `min` or `set` (the last wins); also a mapping of field -> that.
            columns: Indexes of columns, one an event, or one for all, where rows have several.
            seen: A field of numbers that is 0 in cells without events: there `max` and `min` start from nothing, not from 0.

        Raises:
            ProcessingError: A field is not there or values do not fit; nothing is changed then.
        """
        at = np.asarray(rows, dtype=np.intp)
        scatter(self.Array, at if columns is None else (at, np.asarray(columns, dtype=np.intp)), values, how, seen)

    def feed(self, feeder: Callable[[], None]) -> None:
        """Have `feeder()` called by `settle`: a part that collects events to update the matrix by the batch does it then."""
        self._feeders.append(feeder)

    def settle(self) -> None:
        """Bring in what parts have collected; call it before looking at the matrix from outside of the event path."""
        for feeder in self._feeders:
            feeder()

    # What a pump asks

    async def on_start(self) -> None:
        """Begin what runs beside; called before the pipelines start."""

    async def on_stop(self) -> None:
        """End it; called after the pipelines have stopped."""

    async def analyze(self) -> None:
        """Look through the matrix; override it. Called by analyzers and by an AnalyzingSource.

        Use numpy on whole columns (`np.where`, `np.mean(self.Array, axis=1)`), not loops over rows.
        """

    def extract(self, **arguments: Any) -> Extract:
        """Return what stands in the matrix now, as a table for CSV, Parquet, JSON, a picture; arguments as of `Extract`."""
        from .extract import Extract  # it knows all kinds of matrices, and so imports this module

        return Extract(self, **arguments)

    async def extract_beside(self, **arguments: Any) -> Extract:
        """Return the same without holding up the event loop where the matrix is large; see `extract.extract_beside`."""
        from .extract import extract_beside  # as above

        return await extract_beside(self, **arguments)

    def time(self) -> float:
        """Return the UNIX time in seconds, read from the loop's clock."""
        return float(self.App.time())

    def rest_get(self) -> dict[str, Any]:
        """Return what the web API shows of this matrix."""
        return {
            "Id": self.Id, "Class": type(self).__name__, "DType": describe_dtype(self.DType), "Shape": list(self.Array.shape),
            "RowsClosed": len(self.ClosedRows), "Bytes": self.Array.nbytes,
        }  # fmt: skip

    def _on_metrics(self, _message_type: str) -> None:
        self._gauge.set("rows.closed", len(self.ClosedRows))
        self._gauge.set("rows.active", len(self.Array) - len(self.ClosedRows))

    def _refuse(self, what: str) -> ConfigError:
        return ConfigError(f"matrix {self.Id}: {what}")

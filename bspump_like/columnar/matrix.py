"""FrameMatrixUpdater: group a frame into a matrix."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..abc import Context, Event, Processor
from ..abc.processor import ConcurrencyOptions
from ..config import nearest, option
from ..errors import ConfigError, Problem
from ..matrix import GeoMatrix, NamedMatrix, TimeWindowMatrix
from .frame import Frame, columns_of, frame_of, polars

if TYPE_CHECKING:
    from ..application import BSPumpApplication
    from ..pipeline import Pipeline

_KINDS = ("count", "sum", "min", "max")


class FrameMatrixUpdaterOptions(ConcurrencyOptions):
    """Options of the updater."""

    matrix: str = option(help="id of the matrix", refers="matrix", example="Delays")
    row: list[str] = option(help="column whose value names the row; several make a tuple", example=["origin"])
    time: str = option("", "column of the event's time, for a TimeWindowMatrix", example="time")
    cells: dict[str, Any] = option(
        help="field of the cell -> count, or {count|sum|min|max: column}",
        example={"flights": "count", "delay": {"sum": "dep_delay"}},
    )


class FrameMatrixUpdater(Processor):
    """Group the rows of a frame and bring them into a matrix, in one call.

    As MatrixUpdater does for events; cells have fields. Nulls are left out of sums and extremes. An extreme needs a count of the
    same column beside it, since an empty cell is 0; a TimeWindowMatrix takes counts and sums. In a TimeWindowMatrix the rows
    move the window on, in order; those that are late or early count in the matrix's counters only.

    In: a frame. Out: the same. Raises: ProcessingError, if a column is missing or has no numbers.

    Example:
        matrices:
          - id: Delays
            class: NamedMatrix
            args:
              dtype: {flights: i8, delay: f8}
        pipelines:
          - id: Example
            sources:
              - class: FrameCSVSource
                config: {path: "in/*.csv", post: noop}
            processors:
              - class: FrameMatrixUpdater
                config:
                  matrix: Delays
                  row: origin
                  cells: {flights: count, delay: {sum: delay}}
            sink: {class: NullSink}
    """

    class Options(FrameMatrixUpdaterOptions):
        """The matrix, the row, and what goes into the cells."""

    def __init__(
        self, app: BSPumpApplication, pipeline: Pipeline, id: str | None = None, config: Mapping[str, Any] | None = None
    ) -> None:
        """See `Processor`.

        Raises:
            ConfigError: What is declared does not suit the matrix.
            KeyError: There is no such matrix.
        """
        super().__init__(app, pipeline, id, config)
        self.Matrix: Any = app.pump_service.locate_matrix(self.options.matrix)
        self._timed = isinstance(self.Matrix, TimeWindowMatrix)
        self._cells = self._read_cells()
        self._columns = dict.fromkeys(self.options.row, "row")
        if self._timed:
            self._columns[self.options.time] = "time"
        self._columns |= {column: "cells" for _, column in self._cells.values() if column is not None}

    def _read_cells(self) -> dict[str, tuple[str, str | None]]:
        """Return field -> kind and column."""
        matrix, options = self.Matrix, self.options
        names = matrix.DType.names or ()
        problems = []
        if not isinstance(matrix, NamedMatrix) or isinstance(matrix, GeoMatrix):
            problems.append(
                Problem(f"the rows of {matrix.Id} have no names", ("matrix",), hint="make it a NamedMatrix")
            )
        if self._timed != bool(options.time):
            wanted = "needs" if self._timed else "takes no"
            problems.append(Problem(f"a {type(matrix).__name__} {wanted} 'time'", ("time",)))
        cells: dict[str, tuple[str, str | None]] = {}
        for field, spec in options.cells.items():
            kind, column = (spec, None) if isinstance(spec, str) else next(iter(spec.items()), ("", None))
            if kind not in _KINDS or (column is None and kind != "count"):
                problems.append(
                    Problem(f"'{field}' is {spec!r}; use count or {{count|sum|min|max: column}}", ("cells", field))
                )
            elif field not in names:
                problems.append(
                    Problem(f"cells of {matrix.Id} have no field '{field}'; {nearest(field, names)}", ("cells", field))
                )
            cells[field] = kind, column
        for field, (kind, column) in cells.items():
            if kind in ("min", "max") and self._timed:
                problems.append(
                    Problem(f"a TimeWindowMatrix takes no {kind} here", ("cells", field), hint="use MatrixUpdater")
                )
            elif kind in ("min", "max") and ("count", column) not in cells.values():
                hint = f"add a cell {{count: {column}}}"
                problems.append(
                    Problem(f"the {kind} of '{column}' needs a count of it beside it", ("cells", field), hint=hint)
                )
        if problems:
            raise ConfigError(problems)
        return cells

    def process(self, context: Context, event: Event) -> Frame:
        """Bring the rows in."""
        frame = frame_of(event)
        columns_of(frame, self._columns)
        if self._timed:
            self._update_windows(frame)
        else:
            self._update_rows(frame)
        return frame

    def _names(self, frame: Frame) -> list[Any]:
        by = self.options.row
        return frame[by[0]].to_list() if len(by) == 1 else frame.select(by).rows()

    def _update_rows(self, frame: Frame) -> None:
        figures = [_grouped(kind, column).alias(field) for field, (kind, column) in self._cells.items()]
        grouped = frame.group_by(self.options.row, maintain_order=True).agg(figures)
        names = self._names(grouped)
        extremes = {field for field, (kind, _) in self._cells.items() if kind in ("min", "max")}
        for field in extremes:  # before the counts, which say whether there was anything
            kind, column = self._cells[field]
            seen = next(name for name, one in self._cells.items() if one == ("count", column))
            some = grouped.select(field).to_series().is_not_null()
            there = grouped.filter(some)
            if there.height:
                self.Matrix.update_rows(self._names(there), {field: there[field].to_numpy()}, kind, seen=seen)
        added = {field: grouped[field].fill_null(0).to_numpy() for field in self._cells if field not in extremes}
        if added:
            self.Matrix.update_rows(names, added)

    def _update_windows(self, frame: Frame) -> None:
        values: dict[str, Any] = {}
        for field, (kind, column) in self._cells.items():
            if column is None:
                values[field] = 1
            elif kind == "count":
                values[field] = frame[column].is_not_null().cast(polars.Int64).to_numpy()
            else:
                values[field] = frame[column].fill_null(0).to_numpy()
        time = frame[self.options.time]
        if time.dtype == polars.Datetime or time.dtype == polars.Date:
            time = time.cast(polars.Datetime("us")).dt.epoch("us") / 1e6
        self.Matrix.update_events(self._names(frame), time.cast(polars.Float64).to_numpy(), values)


def _grouped(kind: str, column: str | None) -> Any:
    if column is None:
        return polars.len()
    series = polars.col(column)
    return {"count": series.count(), "sum": series.sum(), "min": series.min(), "max": series.max()}[kind]

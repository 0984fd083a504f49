"""MatrixLookup: rows of a matrix, by name, by the value of a column, or by an interval."""

from __future__ import annotations

import asyncio
import concurrent.futures
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from ..abc.lookup import Lookup, LookupOptions
from ..config import Seconds, option
from ..errors import ConfigError, Problem
from ..matrix import Matrix, NamedMatrix
from .index import Array, BitMapIndex, Columns, Index, SliceIndex, TreeRangeIndex

if TYPE_CHECKING:
    from ..application import BSPumpApplication

_CHANGED = "Matrix changed!"
_KNOWN = 100_000
"""Values whose row is remembered; then all are forgotten, which is cheaper than to know which."""


class MatrixLookupOptions(LookupOptions):
    """Options of `MatrixLookup`."""

    update_period: Seconds = option(5.0, "seconds between two looks whether the indexes must be made anew", gt=0)
    index: str = option(
        "", "how `get` finds a row: by its name (empty), by the value of `column`, or by the interval from `column_start` to "
        "`column_end`, with a tree or with slices", choices=("", "value", "tree", "slice"),
    )  # fmt: skip
    column: str = option("", "column whose value is looked up, for `index: value`")
    column_start: str = option("", "column where the interval begins, for `index: tree` and `slice`")
    column_end: str = option("", "column where it ends; the end belongs to it")
    resolution: float | None = option(None, "width of a slice, for `index: slice`; empty: about as many slices as rows")
    value: str = option("", "column that is the value; empty: the whole row, as a dict")


class MatrixLookup(Lookup):
    """Rows of a matrix as a lookup: for `LookupEnricher` by `get`, for analyzers by masks and by many values at a time.

    Indexes are of the matrix as it was when they were made, and what `get` finds by an index is of that moment, too; rows found
    by their name are as they are now. Indexes are made anew, in a thread, when rows have come or gone, or every `update_period`
    with `on_clock_update`; after changing cells by yourself call `update_indexes`.

    Example:
        matrices:
          - {id: Tariffs, class: NamedMatrix, args: {dtype: {low: f8, high: f8, price: f8}}}
        lookups:
          - id: Tariff
            class: MatrixLookup
            args: {matrix_id: Tariffs}
            config: {index: tree, column_start: low, column_end: high, value: price}
        pipelines:
          - id: Enrich
            sources:
              - {class: IteratorSource, args: {iterator: [{weight: 3}, {weight: 12}]}}
            processors:
              - {class: LookupEnricher, config: {lookup: Tariff, key: weight, target: price, missing: "null"}}
            sink: {class: PrintSink}
    """

    class Options(MatrixLookupOptions):
        """How rows are found, and what is taken of them."""

    def __init__(
        self, app: BSPumpApplication, matrix_id: str | Matrix | None = None, dtype: Any = "float_", on_clock_update: bool = False,
        id: str | None = None, config: Mapping[str, Any] | None = None, lazy: bool = False,
    ) -> None:  # fmt: skip
        """See `Lookup`.

        Args:
            app: The application.
            matrix_id: The matrix or its id; without it a NamedMatrix called `<id>Matrix` is made.
            dtype: Type of that one's cells.
            on_clock_update: Make the indexes anew every `update_period`, not only when rows have come or gone.
            id: Name within the pump.
            config: Options.
            lazy: See `Lookup`.

        Raises:
            ConfigError: The options do not say which columns the index is over.
        """
        super().__init__(app, id, config, lazy)
        self._check_options()
        if matrix_id is None:
            matrix_id = app.pump_service.add_matrix(NamedMatrix(app, dtype, f"{self.Id}Matrix"))
        self._matrix_id = matrix_id
        self._matrix: Matrix | None = None
        self.OnClockUpdate = on_clock_update
        self.Indexes: dict[str, Index] = {}
        self._declared: Index | None = None  # the index of the options
        self._index: Index | None = None  # the same, when it has its arrays
        self._rows: Array = np.zeros(0)  # what the indexes are of
        self._known: dict[Any, int] = {}
        self._stale = True

    @classmethod
    def construct(cls, app: BSPumpApplication, definition: Mapping[str, Any]) -> Self:
        """Return the lookup that a definition describes; the matrix stands in `args`."""
        args = {**definition.get("args", {})}
        if "lazy" in definition:
            args["lazy"] = bool(definition["lazy"])
        return cls(app, id=definition.get("id"), config=definition.get("config"), **args)

    def _check_options(self) -> None:
        options = self.options
        for name in {"value": ("column",), "tree": ("column_start", "column_end")}.get(
            options.index.replace("slice", "tree"), ()
        ):
            if not getattr(options, name):
                problem = f"with 'index: {options.index}' option '{name}' must name a column"
                raise self.mistake(name, problem)

    @property
    def Matrix(self) -> Matrix:
        """The matrix; found when it is first asked for.

        Raises:
            KeyError: There is none of this id.
        """
        if self._matrix is None:
            self._matrix = self.App.pump_service.locate_matrix(self._matrix_id)
            self._matrix.PubSub.subscribe(_CHANGED, self._on_change)
        return self._matrix

    def _period(self) -> float:
        return float(self.options.update_period if self.is_master() else self.options.master_period)

    def _on_change(self, _message_type: str) -> None:
        self._stale = True

    # Indexes

    def create_index(self, index_class: Callable[..., Index], *args: Any, **kwargs: Any) -> Index:
        """Make an index over columns of the matrix and keep it fresh.

        Args:
            index_class: `BitMapIndex`, `TreeRangeIndex`, `SliceIndex`, or one of your own.
            *args: Its columns.
            **kwargs: Its other arguments.

        Raises:
            ConfigError: The matrix has no such column.
        """
        index = index_class(*args, matrix=self.Matrix, **kwargs)
        self.Indexes[index.Id] = index
        return index

    def update_indexes(self) -> None:
        """Make all indexes anew from the matrix as it is now; blocks, and `load` does it in a thread."""
        self._declare()
        self._take(self._made(self._copied()))

    async def load(self) -> bool:
        """Make the indexes anew if the matrix has changed; return True if it had.

        Raises:
            ConfigError: The matrix has not the columns of the index.
        """
        try:
            self.Matrix  # noqa: B018 - finds it
        except KeyError as error:
            raise ConfigError([Problem(str(error.args[0]), where=f"lookup {self.Id}")]) from None
        self._declare()
        if not self.Indexes or not (self._stale or self.OnClockUpdate):
            return False
        self._stale = False  # before it is copied: what changes meanwhile counts the next time
        try:
            made = await asyncio.to_thread(self._made, self._copied())
        except BaseException:
            self._stale = True
            raise
        self._take(made)
        return True

    def _declare(self) -> None:
        """Add the index of the options, without its arrays: `load` makes them in a thread."""
        options = self.options
        if not options.index or self._declared is not None:
            return
        if options.index == "value":
            self._declared = BitMapIndex(options.column, None)
        elif options.index == "tree":
            self._declared = TreeRangeIndex(options.column_start, options.column_end, None)
        else:
            self._declared = SliceIndex(options.column_start, options.column_end, None, options.resolution)
        self.Indexes[self._declared.Id] = self._declared

    def _copied(self) -> tuple[Array, list[int], list[Index]]:
        return self.Matrix.Array.copy(), list(self.Matrix.ClosedRows), list(self.Indexes.values())

    def _made(
        self, copied: tuple[Array, list[int], list[Index]]
    ) -> tuple[Array, list[tuple[Index, tuple[Array, ...]]]]:
        array, closed, indexes = copied
        return array, [(one, one.made(Columns(array, closed, one.columns, self.Matrix.Id))) for one in indexes]

    def _take(self, made: tuple[Array, list[tuple[Index, tuple[Array, ...]]]]) -> None:
        self._rows, indexes = made
        for index, arrays in indexes:
            index.take(arrays, len(self._rows))
        self._index = self._declared
        self._known = {}

    # Answers

    def search(self, condition: Any, target_column: str) -> Any:
        """Return the value of a column in the first row of the matrix that a mask marks, None when it marks none.

        Args:
            condition: A mask over the rows, as indexes' `search` returns it, or a combination of several with & and |.
            target_column: The column.
        """
        rows = np.flatnonzero(condition)
        if not len(rows) or rows[0] >= len(self.Matrix.Array):
            return None
        return _plain(self.Matrix.Array[rows[0]], target_column)

    def get(self, key: Any, default: Any = None) -> Any:
        """Return the row that the key leads to, the lowest of several, as a dict or its `value` column; or `default`."""
        if self.options.index:
            row, array = self._row_of_value(key), self._rows
        else:
            row, array = self._row_of_name(key), self.Matrix.Array
        return default if row < 0 else _plain(array[row], self.options.value)

    def find_rows(self, values: Any) -> Array:
        """Return the row of each of many keys, -1 where there is none: one call for a whole column of a batch."""
        if self.options.index:
            return np.full(len(values), -1, dtype=np.intp) if self._index is None else self._index.first(values)
        return np.fromiter(map(self._row_of_name, values), np.intp)

    def take(self, values: Any, column: str, default: Any = 0) -> Array:
        """Return a column for each of many keys, `default` where there is none."""
        rows = self.find_rows(values)
        array = self._rows if self.options.index else self.Matrix.Array
        cells = array[column] if array.dtype.names else array
        return np.where(rows < 0, default, cells[rows]) if len(cells) else np.full(len(rows), default, cells.dtype)

    def _row_of_name(self, name: Any) -> int:
        row = getattr(self.Matrix, "N2IMap", {}).get(name)
        return -1 if row is None else int(row)

    def _row_of_value(self, value: Any) -> int:
        row = self._known.get(value)
        if row is None:
            found = () if value is None or self._index is None else self._index.rows(value)
            row = int(next(iter(found), -1))
            if len(self._known) >= _KNOWN:
                self._known.clear()
            self._known[value] = row
        return row

    # Slaves

    def serialize(self) -> bytes:
        """Return the matrix as bytes, as it stands between two batches of events."""
        return bytes(self._on_loop(lambda: self._named().serialize()))

    def deserialize(self, data: bytes) -> None:
        """Take the matrix that `serialize` of a lookup with the same dtype returned, and make the indexes anew.

        Raises:
            ValueError: It is of another dtype, or no matrix.
        """

        def take() -> None:
            self._named().deserialize(data)
            self.update_indexes()

        try:
            self._on_loop(take)
        except ConfigError as error:
            raise ValueError(str(error)) from error

    def _named(self) -> NamedMatrix:
        if not isinstance(self.Matrix, NamedMatrix):
            raise NotImplementedError(f"{type(self.Matrix).__name__} does not travel; NamedMatrix does")
        return self.Matrix

    def _on_loop(self, function: Callable[[], Any]) -> Any:
        """Call a function on the event loop, where the matrix is changed, and return its result."""
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            done: concurrent.futures.Future[Any] = concurrent.futures.Future()
            if not self.Loop.is_running():
                return function()
            self.Loop.call_soon_threadsafe(_call, function, done)
            return done.result()
        return function()

    def rest_get(self) -> dict[str, Any]:
        """Return what the web API shows of this lookup, with its matrix and indexes."""
        return {**super().rest_get(), "Matrix": self.Matrix.Id, "Indexes": list(self.Indexes)}


def _call(function: Callable[[], Any], done: concurrent.futures.Future[Any]) -> None:
    try:
        done.set_result(function())
    except BaseException as error:  # raised again in the thread that waits for it
        done.set_exception(error)


def _plain(row: Any, column: str) -> Any:
    """Return a row as a dict, or one figure of it, with Python's own types."""
    names: Iterable[str] | None = row.dtype.names
    if names is None:
        return row.tolist()
    if column:
        return row[column].tolist()
    return {name: row[name].tolist() for name in names}

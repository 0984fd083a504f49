"""NamedMatrix: rows that have names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..codec import decode, encode
from .closed import ClosedRows
from .matrix import Array, Matrix
from .saving import NAMES, NameLog, SavedMatrix, SavedNames, Stored, read_names
from .scatter import scatter

if TYPE_CHECKING:
    from ..application import BSPumpApplication

CHANGED = "Matrix changed!"
"""Published by a matrix on its `PubSub` when names of rows come or go."""


class NamedMatrix(Matrix):
    """A matrix whose rows have names: users, machines, airports.

    `N2IMap` is name -> index and `I2NMap` index -> name, of the open rows. A name is text; numbers and tuples serve as well.

    Example:
        matrices:
          - id: M
            class: NamedMatrix
            args: {dtype: {count: i8, delay: f8}}
        pipelines:
          - id: Count
            source:
              class: IteratorSource
              args:
                iterator:
                  - {airport: PRG, delay: 5}
                  - {airport: BRQ, delay: 7.5}
                  - {airport: PRG, delay: -1}
            processors:
              - class: MatrixUpdater
                config: {matrix: M, row: airport, cells: {count: count, delay: {sum: delay}}}
              - class: MatrixExporter
                config: {matrix: M}
            sink:
              class: PrintSink
    """

    def __init__(
        self,
        app: BSPumpApplication,
        dtype: Any = "float_",
        id: str | None = None,
        config: Mapping[str, Any] | None = None,
    ) -> None:
        """See `Matrix`."""
        self.N2IMap: dict[Any, int] = {}
        self.I2NMap: dict[int, Any] = {}
        self._log = NameLog()
        super().__init__(app, dtype, id, config)

    def zeros(self, rows: int = 1) -> None:
        """Begin anew without names, with rows that are zero and closed."""
        super().zeros(rows)
        self.N2IMap, self.I2NMap = {}, {}
        self._log.restart()
        self.PubSub.publish(CHANGED)

    # Rows

    def add_row(self, row_name: Any = None) -> int:
        """Return the index of the row of this name; open one when there is none.

        Raises:
            ValueError: There is no name.
        """
        row = self.N2IMap.get(row_name)
        if row is not None:
            return row
        if row_name is None:
            raise ValueError(f"a row of {self.Id} needs a name")
        row = super().add_row()
        self.N2IMap[row_name] = row
        self.I2NMap[row] = row_name
        self._log.add(((row_name, row),))
        self._opened(np.array((row,)))
        self.PubSub.publish(CHANGED)
        return row

    def add_rows(self, wanted: Any) -> Array:
        """Return the indexes of the rows of these names, in their order; rows that are missing are opened.

        Args:
            wanted: Names; they may come several times. A numpy array of them is as good as a list.
        """
        names = wanted.tolist() if isinstance(wanted, np.ndarray) else wanted
        if not isinstance(names, Sequence):
            names = list(names)
        find, count = self.N2IMap.__getitem__, len(names)
        try:
            return np.fromiter(map(find, names), np.intp, count)
        except KeyError:
            self._open_names(names)
        return np.fromiter(map(find, names), np.intp, count)

    def _open_names(self, names: Iterable[Any]) -> None:
        known = self.N2IMap
        fresh = [name for name in dict.fromkeys(names) if name not in known]
        if None in fresh:
            raise ValueError(f"a row of {self.Id} needs a name")
        rows = self._open(len(fresh))
        indexes = rows.tolist()
        known.update(zip(fresh, indexes, strict=True))
        self.I2NMap.update(zip(indexes, fresh, strict=True))
        self._log.add(zip(fresh, indexes, strict=True))
        self._opened(rows)
        self.PubSub.publish(CHANGED)

    def _opened(self, rows: Array) -> None:
        """Take note that rows were opened."""

    def get_row_index(self, row_name: Any) -> int | None:
        """Return the index of the open row of this name, None when there is none."""
        return self.N2IMap.get(row_name)

    def get_row_name(self, row_index: int) -> Any:
        """Return the name of an open row, None when there is none."""
        return self.I2NMap.get(row_index)

    def get_row_indexes(self, row_names: Iterable[Any]) -> Array:
        """Return the indexes of rows by their names, -1 where there is none."""
        find = self.N2IMap.get
        return np.fromiter((find(name, -1) for name in row_names), np.intp)

    def close_rows(self, row_names: Iterable[Any], clear: bool = True) -> int:
        """Close the rows of these names; unknown ones are passed over. Return how many were closed."""
        closed = super().close_rows(row_names, clear)
        if closed:
            self.PubSub.publish(CHANGED)
        return closed

    def _indexes_to_close(self, row_names: Iterable[Any]) -> list[int]:
        rows = []
        for name in row_names:
            row = self.N2IMap.pop(name, None)
            if row is not None:
                del self.I2NMap[row]
                rows.append(row)
        if rows:
            self._log.restart()
        return rows

    def _moved(self, saved: Array) -> None:
        old = self.I2NMap
        kept = [(new, old[row]) for new, row in enumerate(saved.tolist()) if row in old]
        self.I2NMap = dict(kept)
        self.N2IMap = {name: row for row, name in kept}
        self._log.restart()
        self.PubSub.publish(CHANGED)

    # State; see `SharedState`

    def _saved_names(self) -> SavedNames:
        return SavedNames(self._log, self.N2IMap)

    def _header(self) -> dict[str, Any]:
        return {**super()._header(), "closed": b""}  # all rows without a name

    def load(self, header: Mapping[str, Any], streams: Mapping[str, Sequence[bytes]]) -> None:
        """Take the state back that `save` gave; see `Matrix.load`."""
        super().load(header, streams)
        blocks = streams.get(NAMES, ())
        self.N2IMap = dict(read_names(blocks))
        self.I2NMap = {row: name for name, row in self.N2IMap.items()}
        self.ClosedRows = ClosedRows(row for row in range(len(self.Array)) if row not in self.I2NMap)
        self._log.restart()
        self._log.valid, self._log.blocks = True, len(blocks)
        self.PubSub.publish(CHANGED)

    def serialize(self) -> bytes:
        """Return the whole matrix as bytes: what the store keeps of it, in one piece."""
        self.settle()
        self._own()
        saved = SavedMatrix(self._header(), self._copied()[1], self.Array, Stored(), SavedNames(NameLog(), self.N2IMap))
        streams: dict[str, list[bytes]] = {}
        for name, _, block in saved.changes():
            if block is not None:
                streams.setdefault(name, []).append(block)
        return encode([dict(saved.header), streams])

    def deserialize(self, data: bytes) -> None:
        """Become what `serialize` of another matrix, of the same declaration, returned.

        Raises:
            ConfigError: That one is declared differently.
        """
        header, streams = decode(data)
        self.load(header, streams)
        self._stored.known = False
        self._log.restart()

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
        """Update the cells of many events in one call; see `Matrix.update_rows`.

        Args:
            rows: Names of rows, one an event; rows that are missing are opened.
            values: See `Matrix.update_rows`.
            how: See there.
            columns: See there.
            seen: See there.

        Raises:
            ProcessingError: A field is not there or values do not fit; no cell is changed then.
        """
        at = self.add_rows(rows)
        scatter(self.Array, at if columns is None else (at, np.asarray(columns, dtype=np.intp)), values, how, seen)

    def rest_get(self) -> dict[str, Any]:
        """Return what the web API shows of this matrix, with the number of names."""
        return {**super().rest_get(), "Names": len(self.N2IMap)}

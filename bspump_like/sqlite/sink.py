"""SQLiteSink: events as rows of an SQLite table."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from ..abc import Context, Event, ProcessorOptions, Sink, Snapshot
from ..config import Seconds, option
from ..errors import ConfigError, Problem
from .table import Table

if TYPE_CHECKING:
    from ..application import BSPumpApplication
    from ..pipeline import Pipeline


def _columns(declared: Any) -> dict[str, str]:
    if isinstance(declared, str):
        declared = [part for part in re.split(r"[,\s]+", declared) if part]
    if not isinstance(declared, Mapping):
        if not isinstance(declared, Iterable):
            raise ValueError("expected a list of columns, or columns with their types")
        declared = dict.fromkeys(declared, "")
    for column, kind in declared.items():
        if not re.fullmatch(r"[A-Za-z0-9_ (),]*", str(kind)):
            raise ValueError(f"column '{column}' has the type {kind!r}; expected one like INTEGER, REAL, TEXT or BLOB")
    return {str(column): str(kind) for column, kind in declared.items()}


class SQLiteSink(Sink):
    """Write each event as a row of a table.

        {"class": "SQLiteSink", "config": {"path": "var/flights.db", "table": "flights", "key": ["id"]}}

    In: dict. Fields become columns: those of `columns`; without it those of the table, or, when there is none yet, of the
    first event. Dates become ISO 8601 text, lists and dicts JSON. Out: nothing. Raises: see `flush`.

    All events of a barrier are one transaction. After a crash what was written behind the last stored position is taken back, so
    that every event is in the table exactly once; with a `key` a row replaces the earlier one with the same key.
    A row that the table refuses (a constraint, a column that is not there) goes the way of `on_error`, the others are written.

    Example:
        pipelines:
          - id: Example
            sources:
              - {class: IteratorSource, args: {iterator: [{flight: 1545, origin: EWR}, {flight: 1714, origin: LGA}]}}
            sink: {class: SQLiteSink, config: {path: flights.db, table: flights, key: flight}}
    """

    class Options(ProcessorOptions):
        """File, table and columns."""

        path: str = option(help="the SQLite file; made when missing", example="var/flights.db")
        table: str = option(help="the table; made when missing", example="flights")
        columns: Any = option(
            {}, "columns, as a list or with their SQLite types; other fields are left out; empty: see above", parse=_columns,
            example={"carrier": "TEXT", "dep_delay": "INTEGER"},
        )  # fmt: skip
        key: list[str] = option(
            [], "columns by which a row replaces an earlier one; empty: rows are appended", example=["id"]
        )
        mode: str = option(
            "append", "what a fresh start does with a table that is there: append to it, or replace it",
            choices=("append", "replace"),
        )  # fmt: skip
        busy_timeout: Seconds = option(5.0, "seconds to wait for another program that writes the file", ge=0)

    def __init__(
        self, app: BSPumpApplication, pipeline: Pipeline, id: str | None = None, config: Mapping[str, Any] | None = None
    ) -> None:
        """See `ProcessorBase`.

        Raises:
            ConfigError: A key column is not among the columns.
        """
        super().__init__(app, pipeline, id, config)
        options = self.options
        columns = _columns(options.columns)
        missing = [column for column in options.key if columns and column not in columns]
        if missing:
            where = f"pipeline {pipeline.Id}, {self.Id}"
            raise ConfigError([Problem(f"the key column '{missing[0]}' is not among 'columns'", ("key",), where=where)])
        self._table = Table(
            options.path, options.table, columns, options.key, f"{pipeline.Id}.{self.Id}", options.busy_timeout
        )
        self._rows: list[tuple[Context, Event]] = []
        self._batch: int | None = None
        self._covered = 0  # rows of the barrier under way; what came later belongs to the next

    async def on_start(self) -> None:
        """Open the file, and take back what a crash left behind the last position."""
        self._batch = await asyncio.to_thread(self._table.open, self._batch, replace=self.options.mode == "replace")

    def process(self, context: Context, event: Event) -> None:
        """Remember the event."""
        self._rows.append((context, event))

    def snapshot(self) -> Snapshot:
        """Return the number of the transaction that this barrier will write.

        It is a snapshot, not a mark, because only a snapshot is taken together with the positions: rows that come between
        here and `flush` belong to the next transaction.
        """
        self._covered = len(self._rows)
        return {"batch": (self._batch or 0) + (1 if self._covered else 0)}

    def restore(self, state: Snapshot) -> None:
        """Remember which transaction was the last that counts; `on_start` takes back those after it."""
        self._batch = state["batch"]

    async def flush(self) -> None:
        """Return when the events of this barrier are in the table and on disk.

        Raises:
            DeliveryError: The file is locked, read-only, or the disk is full. The events are kept, in order.
        """
        if not self._covered:
            return
        for context, event, error in await asyncio.to_thread(self._write):
            self.Pipeline.reject(self, context, event, error)

    def _write(self) -> list[tuple[Context, Event, Exception]]:
        # In a thread. What has been written is forgotten here, not behind the await: a flush that is cancelled meanwhile
        # must not write it again. Appending on the event loop goes on beside it.
        covered = self._rows[: self._covered]
        batch = (self._batch or 0) + 1
        refused = self._table.write(batch, [event for _, event in covered])
        self._batch = batch
        del self._rows[: len(covered)]
        self._covered = 0
        return [(*covered[number], error) for number, error in refused]

    async def on_stop(self) -> None:
        """Close the file."""
        await asyncio.to_thread(self._table.close)

    def rest_get(self) -> dict[str, Any]:
        """Return what the web API shows of this part, with the table and the rows not yet written."""
        return {
            **super().rest_get(),
            "Path": self.options.path,
            "Table": self.options.table,
            "Waiting": len(self._rows),
        }

"""SQLiteSource: rows of a query, or of a growing table."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..abc import SourceOptions, TriggerSource
from ..config import Seconds, nearest, option
from ..errors import ConfigError, ConnectionLost, Problem
from .table import quote

if TYPE_CHECKING:
    from ..application import BSPumpApplication
    from ..pipeline import Pipeline

_PARTITION = "row"


class SQLiteSource(TriggerSource):
    """Send on the rows of a query or a table.

        {"class": "SQLiteSource", "config": {"path": "var/in.db", "table": "orders", "incremental": "id"}}

    With `incremental`, a column that only grows (an id, a time of insertion), each cycle sends the rows that have come since the
    last, in its order, and a restart goes on behind the last row that was delivered. Rows that come later with a value already
    passed are not seen. Without it each cycle sends all rows. A trigger starts the cycles; without one there is a single cycle.

    Out: one dict a row, column -> value. Raises: ConnectionLost, if the file is locked or gone; the cycle is then run again.

    Example:
        pipelines:
          - id: Example
            sources:
              - {class: SQLiteSource, config: {path: flights.db, table: flights}}
            sink: {class: PPrintSink}
    """

    class Options(SourceOptions):
        """File, query and batches."""

        path: str = option(help="the SQLite file", example="var/in.db")
        table: str = option("", "the table to read; either this or 'query'", example="orders")
        query: str = option(
            "", "the SELECT to run; either this or 'table'", example="SELECT id, name FROM orders WHERE open"
        )
        incremental: str = option(
            "", "column that only grows, by which to go on; empty: all rows each time", example="id"
        )
        batch: int = option(1000, "rows handed over at a time", ge=1)
        busy_timeout: Seconds = option(5.0, "seconds to wait for another program that writes the file", ge=0)

    def __init__(
        self, app: BSPumpApplication, pipeline: Pipeline, id: str | None = None, config: Mapping[str, Any] | None = None
    ) -> None:  # fmt: skip
        """See `TriggerSource`.

        Raises:
            ConfigError: Both a table and a query are set, or neither.
        """
        super().__init__(app, pipeline, id, config)
        if bool(self.options.table) == bool(self.options.query):
            where = f"pipeline {pipeline.Id}, {self.Id}"
            raise ConfigError([Problem("either 'table' or 'query' must be set, and not both", ("table",), where=where)])

    async def cycle(self, *args: Any, **kwargs: Any) -> None:
        """Send on the rows there are now.

        Raises:
            ConnectionLost: The file cannot be read now.
            ConfigError: There is no such file, table or column.
        """
        reader = _Reader(self.options, self.position.get(_PARTITION))
        try:
            await asyncio.to_thread(reader.open)
            while rows := await asyncio.to_thread(reader.read):
                await self.deliver(rows, {_PARTITION: reader.last} if self.options.incremental else None)
        finally:
            await asyncio.to_thread(reader.close)


class _Reader:
    """One pass over the rows; every method blocks."""

    def __init__(self, options: Any, last: Any) -> None:
        self._options = options
        self.last = last
        self._db: sqlite3.Connection | None = None
        self._cursor: sqlite3.Cursor | None = None
        self._held: list[dict[str, Any]] = []

    def open(self) -> None:
        path = self._options.path
        if not os.path.exists(path):
            raise ConfigError(f"there is no SQLite file '{path}'", hint="see the option 'path'")
        # Read-only, so that a typing error makes no file, and a source changes nothing.
        self._db = sqlite3.connect(
            f"file:{path.replace('%', '%25').replace('?', '%3f').replace('#', '%23')}?mode=ro", uri=True,
            timeout=self._options.busy_timeout, check_same_thread=False, isolation_level=None,
        )  # fmt: skip
        statement, values = self._statement()
        try:
            self._cursor = self._db.execute(statement, values)
        except sqlite3.DatabaseError as error:
            if getattr(error, "sqlite_errorname", "") in ("SQLITE_ERROR", "SQLITE_NOTADB"):
                raise ConfigError(f"'{path}' cannot be read: {error}", hint=f"the statement is {statement}") from error
            raise ConnectionLost(f"'{path}' cannot be read", detail=str(error)) from error

    def _statement(self) -> tuple[str, tuple[Any, ...]]:
        options = self._options
        rows = options.query.strip().rstrip(";") if options.query else f"SELECT * FROM {quote(options.table)}"  # noqa: S608
        if not options.incremental:
            return rows, ()
        # [x] is always a name: in double quotes SQLite would take a misspelt column for text.
        column = f"[{options.incremental.replace(']', '')}]"
        after, values = ("", ()) if self.last is None else (f" AND {column} > ?", (self.last,))
        return f"SELECT * FROM ({rows}) WHERE {column} IS NOT NULL{after} ORDER BY {column}", values  # noqa: S608

    def read(self) -> list[dict[str, Any]]:
        """Return the next rows, none at the end; `last` is then the value from which to go on behind them."""
        assert self._cursor is not None
        names = [column[0] for column in self._cursor.description]
        column, size = self._options.incremental, self._options.batch
        if column and column not in names:
            raise ConfigError(f"the rows have no column '{column}'", hint=nearest(column, names))
        rows = self._held
        while True:
            try:
                fetched = self._cursor.fetchmany(size)
            except sqlite3.DatabaseError as error:
                raise ConnectionLost(f"'{self._options.path}' cannot be read", detail=str(error)) from error
            rows = rows + [dict(zip(names, row, strict=True)) for row in fetched]
            kept = len(rows)
            if column and len(fetched) == size:
                # Rows with the value of the last one may follow: they must not be split, since reading goes on behind a value.
                kept = next((at + 1 for at in range(kept - 2, -1, -1) if rows[at][column] != rows[-1][column]), 0)
            if kept or not fetched:
                break
        rows, self._held = rows[:kept], rows[kept:]
        if column and rows:
            self.last = rows[-1][column]
        return rows

    def close(self) -> None:
        if self._db is not None:
            self._db.close()

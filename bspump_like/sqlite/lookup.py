"""SQLiteLookup: rows of an SQLite table by a key."""

from __future__ import annotations

import asyncio
import datetime
import decimal
import logging
import os
import sqlite3
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import quote as quote_url

from ..abc.sql_lookup import Rows, SQLLookup, SQLLookupOptions
from ..config import Seconds, option
from ..errors import ConnectionLost

if TYPE_CHECKING:
    from ..application import BSPumpApplication

L = logging.getLogger(__name__)

_MOST_PARAMETERS = 32_766  # SQLITE_MAX_VARIABLE_NUMBER, since SQLite 3.32


class SQLiteLookupOptions(SQLLookupOptions):
    """Options of a lookup in an SQLite file."""

    path: str = option(help="the SQLite file", example="var/customers.db")
    busy_timeout: Seconds = option(5.0, "seconds to wait for another program that writes the file", ge=0)


class SQLiteLookup(SQLLookup):
    """Rows of an SQLite table by a key column, for `AsyncLookupEnricher`; the file may change meanwhile.

    All keys of a batch of events that are not in the cache are one SELECT, in a thread. Missing ones are remembered too.
    While the file is locked it is asked again. The key column should have an index; it is said if it has none.

    Example:
        lookups:
          - {id: Planes, class: SQLiteLookup, config: {path: var/planes.db, table: planes, key: tailnum}}
        pipelines:
          - id: Enrich
            sources:
              - {class: IteratorSource, args: {iterator: [{tailnum: N10156}, {tailnum: N102UW}]}}
            processors:
              - {class: AsyncLookupEnricher, config: {lookup: Planes, key: tailnum, fields: {manufacturer: maker}}}
            sink: {class: PrintSink}
    """

    class Options(SQLiteLookupOptions):
        """File, table, key, cache."""

    def __init__(
        self, app: BSPumpApplication, id: str | None = None, config: Mapping[str, Any] | None = None,
        cache: Any = None, lazy: bool = False,
    ) -> None:  # fmt: skip
        """See `CachedLookup`.

        Args:
            app: The application.
            id: Name within the pump.
            config: Options.
            cache: A mutable mapping to keep answers in, in place of ours.
            lazy: See `Lookup`.

        Raises:
            ConfigError: Both a table and a query are set, or neither.
        """
        super().__init__(app, id, config, cache, lazy)
        self.check_options()
        if self.options.batch_size * len(self.options.key) > _MOST_PARAMETERS:
            raise self.mistake("batch_size", f"one question of SQLite has at most {_MOST_PARAMETERS} values")
        self._db: sqlite3.Connection | None = None
        self._file: tuple[int, int] | None = None
        self._using = asyncio.Lock()  # one thread at a time

    async def load(self) -> bool:
        """Open the file, check that the table can be asked, and load all of it if `preload` is on.

        Raises:
            ConfigError: There is no such file, table or column.
            ConnectionLost: The file is locked.
        """
        _, plan = await self.fetch(f"EXPLAIN QUERY PLAN {self.select(1)}", [None] * len(self.options.key))
        if any(str(step[-1]).startswith("SCAN") for step in plan):
            L.warning(
                "lookup %s: no index helps to find %s, so each question reads all rows; CREATE INDEX in %s",
                self.Id, " and ".join(self.options.key), self.options.path,
            )  # fmt: skip
        return await super().load()

    def quote(self, name: str) -> str:
        """Return a name as SQL; what stands in double quotes and is no column would be text to SQLite."""
        return ".".join("`" + part.replace("`", "``") + "`" for part in name.split("."))

    def list_of_keys(self, keys: int) -> str:
        """Return what stands in the brackets of IN; SQLite wants VALUES before tuples."""
        return ("" if len(self.options.key) == 1 else "VALUES ") + super().list_of_keys(keys)

    async def fetch(self, statement: str, parameters: Sequence[Any]) -> Rows:
        """Run a SELECT in a thread; see `SQLLookup`."""
        async with self._using:
            return await asyncio.to_thread(self._fetch, statement, [_parameter(value) for value in parameters])

    def _fetch(self, statement: str, parameters: Sequence[Any]) -> Rows:
        path = self.options.path
        try:
            cursor = self._opened().execute(statement, parameters)
            return [column[0] for column in cursor.description], cursor.fetchall()
        except (sqlite3.ProgrammingError, sqlite3.InterfaceError, OverflowError) as error:
            raise TypeError(f"SQLite takes no such key: {error}") from error
        except sqlite3.OperationalError as error:
            if getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_ERROR:  # the statement, not the file
                raise self.mistake("", f"'{path}' cannot be asked: {error}") from error
            raise ConnectionLost(f"'{path}' cannot be read", detail=str(error)) from error
        except sqlite3.DatabaseError as error:
            raise self.mistake("", f"'{path}' cannot be read: {error}") from error

    def _opened(self) -> sqlite3.Connection:
        path = self.options.path
        try:
            found = os.stat(path)
        except FileNotFoundError:
            raise self.mistake("", f"there is no file '{path}'") from None
        file = (found.st_dev, found.st_ino)
        if self._db is None or file != self._file:  # it may have been replaced by a new one
            if self._db is not None:
                self._db.close()
            self._db, self._file = None, file
            self._db = sqlite3.connect(
                f"file:{quote_url(os.path.abspath(path))}?mode=ro", uri=True, timeout=self.options.busy_timeout,
                isolation_level=None, check_same_thread=False,
            )  # fmt: skip
        return self._db

    async def on_stop(self) -> None:
        """Leave open questions unanswered, and close the file."""
        await super().on_stop()
        async with self._using:
            if self._db is not None:
                await asyncio.to_thread(self._db.close)


def _parameter(value: Any) -> Any:
    """Return a key as SQLiteSink writes it."""
    if isinstance(value, datetime.datetime | datetime.date | datetime.time):
        return value.isoformat()
    return str(value) if isinstance(value, decimal.Decimal) else value

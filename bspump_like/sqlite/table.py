"""The blocking side of the SQLite sink: one table in one file, written in transactions.

Beside the table the file gets `_bspump_batches`: for each transaction of a sink its number and the range of rowids it
inserted. The number of the last transaction is stored with the positions. After a crash, transactions with higher numbers are
what the input will be read again for, and their rows are deleted: so each row is there exactly once. Rowids of one
transaction are without gaps, since it holds SQLite's one write lock and takes what follows the highest rowid; so the range is
right beside other writers too.
"""

from __future__ import annotations

import datetime
import decimal
import pathlib
import sqlite3
import threading
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from ..config import nearest
from ..errors import BSPumpError, ConfigError, DeliveryError, ProcessingError

_KEPT = 1000
"""Transactions remembered a sink; what is to be cut off after a crash is one or two."""

_PLAIN = frozenset({type(None), int, float, str, bytes, bool})

# What one row can be refused for. Everything else is about the file and concerns all rows.
_ROW_ERRORS = (sqlite3.IntegrityError, sqlite3.DataError, OverflowError, UnicodeEncodeError, ProcessingError)


def quote(name: str) -> str:
    """Return a name as SQL writes it."""
    return '"' + name.replace('"', '""') + '"'


def adapt(value: Any) -> Any:
    """Return a value that SQLite can keep: dates as ISO 8601 text, lists and dicts as JSON, Decimal as text.

    Raises:
        ProcessingError: It has no such form.
    """
    if isinstance(value, datetime.datetime | datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, decimal.Decimal):
        return str(value)
    try:
        return orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS).decode()
    except TypeError as error:
        raise ProcessingError(
            f"a value of type {type(value).__name__} has no place in SQLite", detail=str(error)
        ) from error


class Table:
    """One table, as a sink sees it; every method blocks.

    Args:
        path: The file; it and its folder are made when missing.
        name: The table; it is made when missing.
        columns: Name -> SQLite type, which may be empty; no columns: those of the table, or of the first row.
        key: Columns by which a row replaces an earlier one; empty: rows are appended.
        sink: Name of the sink in `_bspump_batches`.
        busy_timeout: Seconds to wait for others that write the file.
    """

    def __init__(
        self, path: str, name: str, columns: Mapping[str, str], key: Sequence[str], sink: str, busy_timeout: float
    ) -> None:
        """Remember what to open."""
        self.path, self.name, self.key, self.sink = path, name, list(key), sink
        self._declared = dict(columns)
        self._columns: list[str] = []
        self._insert = ""
        self._busy_timeout = busy_timeout
        self._db: sqlite3.Connection | None = None
        self._lock = threading.Lock()

    # Opening

    def open(self, last_batch: int | None, *, replace: bool) -> int:
        """Open the file and make the table as it was when the last positions were stored; return the number of the last batch.

        Args:
            last_batch: Its number as the store knows it; None when the sink starts afresh.
            replace: A fresh start drops the table first.

        Raises:
            ConfigError: The file cannot be opened, or the table is not what is declared.
            DeliveryError: The file cannot be written now.
        """
        try:
            pathlib.Path(self.path).parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(
                self.path, isolation_level=None, check_same_thread=False, timeout=self._busy_timeout
            )
            self._db.execute("PRAGMA journal_mode=WAL")
            # FULL: the positions are stored only after this table, so what they claim must survive a loss of power.
            self._db.execute("PRAGMA synchronous=FULL")
        except (sqlite3.OperationalError, OSError) as error:
            raise ConfigError(
                f"cannot open '{self.path}': {error}", hint="check the folder and its permissions"
            ) from error
        except sqlite3.DatabaseError as error:
            raise ConfigError(f"'{self.path}' is no SQLite file: {error}", hint="name another file") from error
        with self._transaction() as db:
            db.execute(
                "CREATE TABLE IF NOT EXISTS _bspump_batches (sink TEXT, batch INTEGER, first INTEGER, last INTEGER,"
                " PRIMARY KEY (sink, batch)) WITHOUT ROWID"
            )
            if last_batch is None:
                return self._begin_afresh(db, replace)
            if self._existing(db):
                self._prepare(db)
                self._cut_off(db, last_batch)
            elif self._declared:
                self._create(db, self._declared)
            return last_batch

    def _begin_afresh(self, db: sqlite3.Connection, replace: bool) -> int:
        if replace:
            db.execute(f"DROP TABLE IF EXISTS {quote(self.name)}")
            db.execute("DELETE FROM _bspump_batches WHERE sink = ?", (self.sink,))
        if self._existing(db):
            self._prepare(db)
        elif self._declared:
            self._create(db, self._declared)
        last: int = db.execute(
            "SELECT coalesce(max(batch), 0) FROM _bspump_batches WHERE sink = ?", (self.sink,)
        ).fetchone()[0]
        return last

    def _cut_off(self, db: sqlite3.Connection, last_batch: int) -> None:
        torn = db.execute(
            "SELECT first, last FROM _bspump_batches WHERE sink = ? AND batch > ?", (self.sink, last_batch)
        ).fetchall()
        if not self.key:  # with a key the rows are replaced when they come again
            for first, last in torn:
                db.execute(f"DELETE FROM {quote(self.name)} WHERE rowid BETWEEN ? AND ?", (first, last))  # noqa: S608
        db.execute("DELETE FROM _bspump_batches WHERE sink = ? AND batch > ?", (self.sink, last_batch))

    def _existing(self, db: sqlite3.Connection) -> list[sqlite3.Row]:
        """Return the columns of the table in the file: (number, name, type, not null, default, place in the primary key)."""
        return db.execute(f"PRAGMA table_info({quote(self.name)})").fetchall()

    def _prepare(self, db: sqlite3.Connection) -> None:
        """Take the table that is there, if it is one that can be written as declared."""
        existing = self._existing(db)
        names = [column[1] for column in existing]
        for column in (*self._declared, *self.key):
            if column not in names:
                raise ConfigError(
                    f"table '{self.name}' in '{self.path}' has no column '{column}'", hint=nearest(column, names)
                )
        self._use(list(self._declared) or names)
        primary = [column[1] for column in existing if column[5]]
        if not self.key:
            if set(primary) & set(self._columns) and self._declared:
                shown = ", ".join(primary)
                raise ConfigError(
                    f"table '{self.name}' has a primary key, so what is written twice after a crash would be refused",
                    hint=f"set 'key' to {shown}, or leave {shown} out of 'columns'",
                )
            self._use([column for column in self._columns if column not in primary])
            return
        if set(primary) != set(self.key):
            index = quote(f"_bspump_{self.name}_{'_'.join(self.key)}")
            columns = ", ".join(map(quote, self.key))
            try:
                db.execute(f"CREATE UNIQUE INDEX IF NOT EXISTS {index} ON {quote(self.name)} ({columns})")
            except sqlite3.IntegrityError as error:
                raise ConfigError(
                    f"table '{self.name}' holds several rows with the same {', '.join(self.key)}",
                    hint="remove them, or the key",
                ) from error

    def _create(self, db: sqlite3.Connection, columns: Mapping[str, str]) -> None:
        missing = [column for column in self.key if column not in columns]
        if missing:
            raise ProcessingError(f"the key column '{missing[0]}' is not among the columns", detail=", ".join(columns))
        # NULLs are never equal to one another: a key with one would be inserted again and again.
        parts = [f"{quote(name)} {kind}{' NOT NULL' if name in self.key else ''}" for name, kind in columns.items()]
        if self.key:
            parts.append(f"PRIMARY KEY ({', '.join(map(quote, self.key))})")
        db.execute(f"CREATE TABLE {quote(self.name)} ({', '.join(parts)})")
        self._use(list(columns))

    def _use(self, columns: list[str]) -> None:
        self._columns = columns
        names, places = ", ".join(map(quote, columns)), ", ".join("?" * len(columns))
        self._insert = f"INSERT INTO {quote(self.name)} ({names}) VALUES ({places})"  # noqa: S608 - names are quoted
        if self.key:
            changes = ", ".join(f"{quote(c)} = excluded.{quote(c)}" for c in columns if c not in self.key)
            target = ", ".join(map(quote, self.key))
            self._insert += f" ON CONFLICT ({target}) DO {f'UPDATE SET {changes}' if changes else 'NOTHING'}"

    # Writing

    def write(self, batch: int, events: Sequence[Any]) -> list[tuple[int, Exception]]:
        """Write events as rows, in one transaction; return index and error of each that no try will make fit.

        Raises:
            DeliveryError: Nothing is written; all can be tried again.
        """
        with self._lock:
            refused: list[tuple[int, Exception]] = []
            rows: list[tuple[int, tuple[Any, ...]]] = []
            for number, event in enumerate(events):
                try:
                    if not self._columns:
                        self._create_for(event)
                    rows.append((number, self._row(event)))
                except ProcessingError as error:
                    refused.append((number, error))
            try:
                self._write_rows(batch, rows)
            except _ROW_ERRORS:
                refused += self._write_one_by_one(batch, rows)
            return sorted(refused, key=lambda one: one[0])

    def _create_for(self, event: Any) -> None:
        if not isinstance(event, Mapping) or not event:
            raise ProcessingError(f"expected a dict as a row, got {type(event).__name__}", detail=repr(event)[:80])
        with self._transaction() as db:
            # Without types: SQLite then keeps each value as it comes.
            self._create(db, dict.fromkeys(map(str, event), ""))

    def _row(self, event: Any) -> tuple[Any, ...]:
        if not isinstance(event, Mapping):
            raise ProcessingError(f"expected a dict as a row, got {type(event).__name__}", detail=repr(event)[:80])
        if not self._declared and not event.keys() <= set(self._columns):
            extra = sorted(map(str, event.keys() - set(self._columns)))[0]
            raise ProcessingError(
                f"table '{self.name}' has no column '{extra}'", detail=f"columns {', '.join(self._columns)}",
                hint="set 'columns' to those that are to be written",
            )  # fmt: skip
        get = event.get
        return tuple([value if value.__class__ in _PLAIN else adapt(value) for value in map(get, self._columns)])

    def _write_rows(self, batch: int, rows: Sequence[tuple[int, tuple[Any, ...]]]) -> None:
        with self._transaction() as db:
            before = self._highest(db)
            if rows:
                db.executemany(self._insert, [row for _, row in rows])
            self._note(db, batch, before)

    def _write_one_by_one(self, batch: int, rows: Sequence[tuple[int, tuple[Any, ...]]]) -> list[tuple[int, Exception]]:
        refused: list[tuple[int, Exception]] = []
        with self._transaction() as db:
            before = self._highest(db)
            for number, row in rows:
                try:
                    db.execute(self._insert, row)
                except _ROW_ERRORS as error:
                    refused.append((number, _explained(self.name, error)))
            self._note(db, batch, before)
        return refused

    def _highest(self, db: sqlite3.Connection) -> int:
        if self.key or not self._columns:
            return 0
        highest: int = db.execute(f"SELECT coalesce(max(rowid), 0) FROM {quote(self.name)}").fetchone()[0]  # noqa: S608
        return highest

    def _note(self, db: sqlite3.Connection, batch: int, before: int) -> None:
        db.execute(
            "INSERT OR REPLACE INTO _bspump_batches VALUES (?, ?, ?, ?)",
            (self.sink, batch, before + 1, self._highest(db)),
        )
        db.execute("DELETE FROM _bspump_batches WHERE sink = ? AND batch <= ?", (self.sink, batch - _KEPT))

    def close(self) -> None:
        """Close the file, after a write that is under way."""
        with self._lock:
            if self._db is not None:
                self._db.close()
                self._db = None

    def _transaction(self) -> _Transaction:
        if self._db is None:
            raise DeliveryError(f"'{self.path}' is closed", retriable=False)
        return _Transaction(self._db, self.path)


class _Transaction:
    """`with` block of one transaction that takes the write lock at once; SQLite's errors about the file become sentences."""

    def __init__(self, db: sqlite3.Connection, path: str) -> None:
        self._db, self._path = db, path

    def __enter__(self) -> sqlite3.Connection:
        try:
            self._db.execute("BEGIN IMMEDIATE")
        except sqlite3.Error as error:
            raise _refusal(self._path, error) from error
        return self._db

    def __exit__(self, kind: Any, error: BaseException | None, traceback: Any) -> None:
        try:
            if error is None:
                self._db.execute("COMMIT")
                return
        except sqlite3.Error as failed:
            error = failed
            raise _refusal(self._path, failed) from failed
        finally:
            if error is not None and self._db.in_transaction:
                self._db.execute("ROLLBACK")
        if isinstance(error, sqlite3.Error) and not isinstance(error, _ROW_ERRORS):
            raise _refusal(self._path, error) from error


_HINTS = {
    "SQLITE_BUSY": "another program writes it; it goes on when that has ended",
    "SQLITE_LOCKED": "another program writes it; it goes on when that has ended",
    "SQLITE_FULL": "free space on the disk",
    "SQLITE_READONLY": "make the file and its folder writable",
    "SQLITE_IOERR": "check the disk",
    "SQLITE_CANTOPEN": "check the folder and its permissions",
}


def _refusal(path: str, error: sqlite3.Error) -> BSPumpError:
    name = getattr(error, "sqlite_errorname", "") or ""
    hint = next((hint for code, hint in _HINTS.items() if name.startswith(code)), "")
    # Corrupt files and defects of ours do not mend themselves; what an operator can change is tried again.
    return DeliveryError(
        f"cannot write '{path}'", detail=str(error), hint=hint, retriable=isinstance(error, sqlite3.OperationalError)
    )


def _explained(table: str, error: Exception) -> Exception:
    if isinstance(error, ProcessingError):
        return error
    explained = ProcessingError(f"table '{table}' does not take the row", detail=str(error))
    explained.__cause__ = error
    return explained

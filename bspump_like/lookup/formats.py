"""Tables in files: CSV, JSON, NDJSON, YAML, Parquet to rows."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import IO, Any

import orjson

from ..casting import cast_of, type_name
from ..config import nearest
from ..errors import needs
from ..resource import open_resource, plain_name

FORMATS = ("csv", "json", "ndjson", "yaml", "parquet")

_ENDINGS = {
    ".csv": "csv", ".json": "json", ".ndjson": "ndjson", ".jsonl": "ndjson", ".yaml": "yaml", ".yml": "yaml",
    ".parquet": "parquet", ".pq": "parquet",
}  # fmt: skip

Row = dict[str, Any]


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
    path: str, format: str, *, encoding: str, delimiter: str, null_values: Sequence[str], types: Mapping[str, Any],
    columns: Sequence[str] = (),
) -> Iterator[Row] | dict[Any, Any]:  # fmt: skip
    """Read a file; blocking.

    Args:
        path: See `resource.open_resource`.
        format: One of `FORMATS`.
        encoding: Of CSV and YAML.
        delimiter: Of CSV.
        null_values: Text that becomes None: in every column of CSV, in columns with a type elsewhere.
        types: Column -> type; see `casting`.
        columns: Those that are needed, all when empty; only Parquet can leave the others unread.

    Returns:
        Rows, read while they are iterated over (JSON and YAML are read as a whole), or the mapping that a JSON or YAML file is.

    Raises:
        ValueError: The content is not of the format, or a value not of its type; names row and column. While iterating, too.
        OSError: It cannot be read.
    """
    if format in ("json", "yaml"):
        with open_resource(path) as stream:
            content = orjson.loads(stream.read()) if format == "json" else _yaml(stream.read().decode(encoding))
        if isinstance(content, dict):
            for _ in _cast_rows((row for row in content.values() if isinstance(row, dict)), types, null_values):
                pass
            return content
        if not isinstance(content, list):
            raise ValueError(f"expected a list of rows or a mapping, got {type(content).__name__}")
        rows: Iterable[Any] = content
    elif format == "csv":
        rows = _csv(path, encoding, delimiter, frozenset(null_values))
    elif format == "parquet":
        rows = _parquet(path, columns)
    else:
        rows = _ndjson(path)
    return _cast_rows(_checked(rows), types, null_values)


def _checked(rows: Iterable[Any]) -> Iterator[Row]:
    for number, row in enumerate(rows, 1):
        if not isinstance(row, dict):
            raise ValueError(f"row {number} is {type(row).__name__}, expected a mapping")
        yield row


def _ndjson(path: str) -> Iterator[Any]:
    with open_resource(path) as stream:
        for line in stream:
            if line.strip():
                yield orjson.loads(line)


def _csv(path: str, encoding: str, delimiter: str, null_values: frozenset[str]) -> Iterator[Row]:
    # A byte order mark is no part of the first column's name.
    encoding = "utf-8-sig" if encoding.lower() in ("utf-8", "utf8") else encoding
    with open_resource(path) as stream, io.TextIOWrapper(stream, encoding=encoding, newline="") as text:
        reader = csv.DictReader(text, delimiter=delimiter, strict=True)
        try:
            for row in reader:
                if None in row:
                    raise ValueError(f"line {reader.line_num} has more values than there are columns")
                yield {
                    column: None if value is None or value in null_values else value for column, value in row.items()
                }
        except csv.Error as error:
            raise ValueError(f"line {reader.line_num}: {error}") from error


def _parquet(path: str, columns: Sequence[str]) -> Iterator[Row]:
    with needs("parquet"):
        import pyarrow
        import pyarrow.parquet
    try:
        with open_resource(path) as stream, pyarrow.parquet.ParquetFile(_seekable(stream)) as file:
            known = set(file.schema_arrow.names)
            # A column that is not there is told later, by its name.
            wanted = [column for column in columns if column in known] if set(columns) <= known else None
            for batch in file.iter_batches(batch_size=10_000, columns=wanted or None):
                yield from batch.to_pylist()
    except pyarrow.ArrowException as error:
        raise ValueError(str(error)) from error


def _seekable(stream: IO[bytes]) -> IO[bytes]:
    """Return the stream, or what is in it where it comes out of an archive: Parquet is read from its end."""
    return stream if isinstance(stream, io.BufferedReader) and stream.seekable() else io.BytesIO(stream.read())


def _yaml(text: str) -> Any:
    with needs("yaml"):
        import yaml
    try:
        return yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - both are safe loaders
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from error


def _cast_rows(rows: Iterable[Row], types: Mapping[str, Any], null_values: Sequence[str]) -> Iterator[Row]:
    casts = [(column, cast_of(wanted)) for column, wanted in types.items()]
    unseen = set(types)
    first: Row | None = None
    for number, row in enumerate(rows, 1):
        first = first or row
        if unseen:
            unseen.difference_update(row)
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
        yield row
    if unseen and first is not None:
        column = next(column for column in types if column in unseen)
        raise ValueError(f"there is no column '{column}' to give a type, {nearest(column, list(first))}")

"""Schemas of Parquet files: declared by name and type, or inferred from the first rows."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from ..config import Options, option
from ..errors import ConfigError, needs
from ..schema_file import schema_or_file


def pyarrow() -> Any:
    """Return the library, with its Parquet part.

    Raises:
        MissingDependency: It is not installed.
    """
    with needs("parquet"):
        import pyarrow
        import pyarrow.parquet
    return pyarrow


class SchemaOptions(Options):
    """Where a schema comes from."""

    schema: Any = option(
        None, "column -> type, as Arrow calls them: string, int64, double, bool, timestamp[us, UTC], date32, decimal128(9, 2), "
        "binary, [ITEM] for a list, {field: type} for a struct; empty: made from the first rows",
        example={"origin": "string", "dep_delay": "int32", "at": "timestamp[us, UTC]"},
    )  # fmt: skip
    schema_file: str = option("", "JSON file with the same", example="flights.schema.json")


def declared_schema(options: Any, where: str) -> Any:
    """Return the Arrow schema of `schema` or `schema_file`; None when neither is set. Reads the file.

    Args:
        options: A `SchemaOptions`.
        where: Who asks, for messages.

    Raises:
        ConfigError: Both are set, the file cannot be read, or a type is not known.
        MissingDependency: pyarrow is not installed.
    """
    pyarrow()
    declared = schema_or_file(options, where)
    return None if declared is None else arrow_schema(declared, where)


def arrow_schema(declared: Any, where: str) -> Any:
    """Return an Arrow schema: the declared one, of column -> type; a schema of pyarrow is handed back.

    Raises:
        ConfigError: It is neither, or a type is not known.
    """
    if isinstance(declared, pyarrow().Schema):
        if "dictionary<" in str(declared):
            raise ConfigError(
                f"{where}: a schema with dictionary types cannot be written", hint="take the types of the values"
            )
        return declared
    if not isinstance(declared, Mapping) or not declared:
        raise ConfigError(
            f"{where}: a schema has columns with their types", hint='{"origin": "string", "delay": "int32"}'
        )
    fields = []
    for name, wanted in declared.items():
        try:
            fields.append(pyarrow().field(str(name), _type_of(wanted)))
        except ValueError as error:
            raise ConfigError(
                f"{where}: column '{name}' has the type {wanted!r}: {error}",
                hint="such as string, int64, double, bool, timestamp[us, UTC], date32, decimal128(9, 2), binary",
            ) from error
    return pyarrow().schema(fields)


_WORDS = {"integer": "int64", "int": "int64", "number": "double", "float": "double", "boolean": "bool", "str": "string",
          "text": "string", "bytes": "binary", "datetime": "timestamp[us, UTC]", "date": "date32"}  # fmt: skip
"""Names that other places of a definition use (`CastProcessor`, JSON Schema) -> Arrow's."""


def _type_of(wanted: Any) -> Any:
    arrow = pyarrow()
    if isinstance(wanted, Mapping) and isinstance(wanted.get("type"), str | list):
        named = wanted["type"]  # {"type": ["string", "null"]}: every column may be null here
        kinds = [named] if isinstance(named, str) else [one for one in named if one != "null"]
        if len(kinds) != 1:
            raise ValueError("expected one type besides null")
        return _type_of(kinds[0])
    if isinstance(wanted, Mapping):
        return arrow.struct([arrow.field(str(name), _type_of(inner)) for name, inner in wanted.items()])
    if isinstance(wanted, list):
        if len(wanted) != 1:
            raise ValueError("a list has one type of items")
        return arrow.list_(_type_of(wanted[0]))
    text = _WORDS.get(str(wanted), str(wanted))
    match = re.fullmatch(r"timestamp\[(s|ms|us|ns)\s*(?:,\s*(?:tz=)?(\S+))?\]", text)
    if match:
        return arrow.timestamp(match[1], tz=match[2])
    match = re.fullmatch(r"decimal(?:128)?\(\s*(\d+)\s*,\s*(\d+)\s*\)", text)
    if match:
        return arrow.decimal128(int(match[1]), int(match[2]))
    try:
        return arrow.type_for_alias(text)
    except ValueError:
        raise ValueError("there is no such type") from None


_VALUES = 5000


def rows_per_call(schema: Any) -> int:
    """Return how many rows pyarrow may turn into columns, or back, in one call: it holds the interpreter all the while.

    5,000 values take about a millisecond.
    """
    return max(1, _VALUES // max(1, len(schema.names)))


def inferred_schema(rows: Sequence[Mapping[str, Any]]) -> Any:
    """Return a schema that rows fit; a column without any value is taken for text.

    Raises:
        ValueError: The values of a column have types that do not go together; it names the column.
    """
    arrow = pyarrow()
    names: dict[str, None] = {}
    for row in rows:
        names.update(dict.fromkeys(row))
    fields = []
    for name in names:
        if not isinstance(name, str):
            raise ValueError(f"the column {name!r} is not named by text")
        values = [row.get(name) for row in rows]
        try:
            found = arrow.array(values).type  # infer_type() itself passes over contradictions
        except (arrow.ArrowInvalid, arrow.ArrowTypeError, arrow.ArrowNotImplementedError) as error:
            kinds = sorted({type(value).__name__ for value in values if value is not None})
            raise ValueError(f"the column '{name}' has {' and '.join(kinds)}: {_first_line(error)}") from error
        fields.append(arrow.field(name, arrow.string() if arrow.types.is_null(found) else found))
    return arrow.schema(fields)


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [""])[0]


def misfit(schema: Any, row: Mapping[str, Any]) -> str:
    """Return which column of a row does not fit, and why; '' when all do."""
    arrow = pyarrow()
    for field in schema:
        try:
            arrow.array([row.get(field.name)], field.type)
        except (arrow.ArrowException, ValueError, TypeError, OverflowError) as error:
            return f"column '{field.name}' is {field.type} and has {row.get(field.name)!r}: {_first_line(error)}"
    return ""

"""Schemas: declared in a definition or in a file, or made from a first event; and the fastavro that reads them."""

from __future__ import annotations

import datetime
import decimal
import io
import uuid
from collections.abc import Mapping
from typing import Any, Literal

import orjson

from ..config import Options, option
from ..errors import ConfigError, ProcessingError, needs
from ..schema_file import schema_or_file


def fastavro() -> Any:
    """Return the library.

    Raises:
        MissingDependency: It is not installed.
    """
    with needs("avro"):
        import fastavro
        import fastavro.schema
    return fastavro


class SchemaOptions(Options):
    """Where a schema comes from."""

    schema_file: str = option("", "file with the schema as JSON, usually *.avsc", example="flight.avsc")
    schema: Any = option(
        None, "the schema itself, in place of a file", example={"type": "record", "name": "R", "fields": []}
    )


class WriterSchemaOptions(SchemaOptions):
    """What is written."""

    unknown_fields: Literal["reject", "drop"] = option(
        "reject", "what becomes of a field that is not in the schema: the event fails, or goes without it"
    )


def declared_schema(options: Any, where: str) -> Any:
    """Return the schema of `schema` or `schema_file`, parsed by fastavro; None when neither is set. Reads the file.

    Args:
        options: A `SchemaOptions`.
        where: Who asks, for messages.

    Raises:
        ConfigError: Both are set, the file cannot be read, or it is no Avro schema.
        MissingDependency: fastavro is not installed.
    """
    library = fastavro()
    declared = schema_or_file(options, where)
    if declared is None:
        return None
    try:
        if isinstance(options.schema, str | bytes):
            declared = orjson.loads(options.schema)
        return library.parse_schema(declared)
    except orjson.JSONDecodeError as error:
        raise ConfigError(f"{where}: the schema is no JSON: {error}") from error
    except (
        library.schema.SchemaParseException,
        library.schema.UnknownType,
        KeyError,
        TypeError,
        AttributeError,
    ) as error:
        text = f"unknown type {error.name!r}" if isinstance(error, library.schema.UnknownType) else str(error)
        raise ConfigError(
            f"{where}: no Avro schema: {text}", hint="see the Avro specification, Schema Declaration"
        ) from error


_SIMPLE: list[tuple[type, Any]] = [
    (bool, "boolean"),
    (int, "long"),
    (float, "double"),
    (str, "string"),
    (bytes, "bytes"),
    (datetime.datetime, {"type": "long", "logicalType": "timestamp-micros"}),
    (datetime.date, {"type": "int", "logicalType": "date"}),
    (uuid.UUID, {"type": "string", "logicalType": "uuid"}),
]


def inferred_schema(event: Any) -> Any:
    """Return a schema that fits an event: a record whose fields may all be null.

    Raises:
        ProcessingError: Avro has no type for one of its values, or no name.
    """
    if not isinstance(event, Mapping):
        raise ProcessingError(
            f"no schema can be made from {type(event).__name__}", hint="set 'schema' or 'schema_file', or send dicts"
        )
    try:
        return fastavro().parse_schema(_record(event, "Event"))
    except fastavro().schema.SchemaParseException as error:
        raise ProcessingError(
            "no schema can be made from the first event", detail=str(error), hint="set 'schema' or 'schema_file'"
        ) from error


def _record(event: Mapping[Any, Any], name: str) -> dict[str, Any]:
    fields = []
    for key, value in event.items():
        # Without a value nothing is known of the type; text is the most frequent guess that JSON allows.
        wanted = "string" if value is None else _type_of(value, f"{name}_{key}")
        fields.append({"name": str(key), "type": ["null", wanted], "default": None})
    return {"type": "record", "name": name, "fields": fields}


def _type_of(value: Any, name: str) -> Any:
    for kind, wanted in _SIMPLE:
        if isinstance(value, kind):
            return wanted
    if isinstance(value, Mapping):
        return _record(value, name)
    if isinstance(value, list | tuple):
        first = next((item for item in value if item is not None), None)
        return {"type": "array", "items": ["null", "string" if first is None else _type_of(first, name)]}
    hint = "set 'schema' or 'schema_file'"
    if isinstance(value, decimal.Decimal):
        raise ProcessingError(f"the scale of {value!r} cannot be guessed", hint=hint)
    raise ProcessingError(f"Avro has no type for {value!r}", hint=hint)


class RecordEncoder:
    """Encodes events as Avro's bare binary form of a record.

    Args:
        schema: As `parse_schema` returned it.
        strict: Refuse events with fields that are not in the schema; else they are left out.
    """

    def __init__(self, schema: Any, *, strict: bool) -> None:
        """Keep the schema."""
        self.schema = schema
        self._strict = strict
        self._write = fastavro().schemaless_writer

    def encode(self, event: Any) -> bytes:
        """Return the bytes of an event.

        Raises:
            ProcessingError: The event does not fit the schema; it says where.
        """
        buffer = io.BytesIO()
        try:
            self._write(buffer, self.schema, event, strict_allow_default=self._strict)
        except (ValueError, TypeError, KeyError, AttributeError, OverflowError, ArithmeticError) as error:
            raise ProcessingError(
                "the event does not fit the Avro schema", detail=self._misfit(event, error)
            ) from error
        return buffer.getvalue()

    def _misfit(self, event: Any, error: Exception) -> str:
        """Return which field is at fault; asked only when something is, since validation costs as much as writing."""
        from fastavro.validation import ValidationError, validate

        try:
            validate(event, self.schema)
        except ValidationError as told:
            return "; ".join(str(one) for one in told.errors)
        return str(error) or type(error).__name__

"""Values by schema: Avro, JSON Schema and Protobuf, as they stand behind the schema's id in a message."""

from __future__ import annotations

import base64
import binascii
import importlib.util
import io
import pathlib
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from typing import Any, Protocol

import orjson

from ..errors import ConfigError, MissingDependency, ProcessingError, needs
from .registry import Schema

_SOURCE = "schema_of_the_message.proto"  # a name that no schema imports


class Codec(Protocol):
    """Turns what stands behind the id into an event, and back."""

    def decode(self, data: bytes) -> Any:
        """Return the event. Raises: ProcessingError."""

    def encode(self, event: Any) -> bytes:
        """Return the bytes of an event. Raises: ProcessingError."""


def codec_of(schema: Schema, message: str = "") -> Codec:
    """Return the codec of a schema.

    Args:
        schema: From the registry.
        message: For Protobuf, the full name of the message to encode; empty: the first of the file.

    Raises:
        ConfigError: The schema cannot be used.
        MissingDependency: A package is not installed.
    """
    match schema.kind:
        case "AVRO":
            return _Avro(schema)
        case "JSON":
            return _JSON(schema)
        case "PROTOBUF":
            return _Protobuf(schema, message)
    raise ConfigError(f"a schema of the kind '{schema.kind}' is not known", hint="known: AVRO, JSON, PROTOBUF")


class _Avro:
    def __init__(self, schema: Schema) -> None:
        with needs("schema"):
            import fastavro
        self._fastavro = fastavro
        named: dict[str, Any] = {}
        for _, reference in _in_order(schema):
            fastavro.parse_schema(orjson.loads(reference.text), named_schemas=named)
        self._schema = fastavro.parse_schema(orjson.loads(schema.text), named_schemas=named)

    def decode(self, data: bytes) -> Any:
        try:
            return self._fastavro.schemaless_reader(io.BytesIO(data), self._schema, None)
        except (EOFError, ValueError, IndexError, KeyError) as error:
            raise ProcessingError("not Avro of this schema", detail=f"{type(error).__name__}: {error}") from error

    def encode(self, event: Any) -> bytes:
        out = io.BytesIO()
        try:
            self._fastavro.schemaless_writer(out, self._schema, event)
        except (ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
            raise ProcessingError("the event does not fit the Avro schema", detail=str(error)) from error
        return out.getvalue()


class _JSON:
    def __init__(self, schema: Schema) -> None:
        with needs("schema"):
            import jsonschema
            import referencing
            import referencing.jsonschema
        document = orjson.loads(schema.text)
        draft = jsonschema.validators.validator_for(document, default=jsonschema.Draft202012Validator)
        specification = referencing.jsonschema.DRAFT202012
        known: Any = referencing.Registry().with_resources(
            (name, specification.create_resource(orjson.loads(one.text))) for name, one in _in_order(schema)
        )
        self._validator = draft(document, registry=known)

    def _check(self, event: Any) -> None:
        error = next(self._validator.iter_errors(event), None)
        if error is not None:
            raise ProcessingError(
                "the event does not fit the JSON schema", detail=f"{error.json_path}: {error.message}"
            )

    def decode(self, data: bytes) -> Any:
        try:
            event = orjson.loads(data)
        except orjson.JSONDecodeError as error:
            raise ProcessingError("not JSON", detail=str(error)) from error
        self._check(event)
        return event

    def encode(self, event: Any) -> bytes:
        self._check(event)
        return orjson.dumps(event)


class _Protobuf:
    """Messages of one file; which of them it is stands before each, as a path of indexes (zigzag varints, 0 for [0])."""

    def __init__(self, schema: Schema, message: str) -> None:
        with needs("schema", package="protobuf"):
            from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory
            from google.protobuf.message import DecodeError
        self._json, self._factory, self._decode_error = json_format, message_factory, DecodeError
        pool, added = descriptor_pool.DescriptorPool(), set[str]()
        for name, one in (*_in_order(schema), ("", schema)):
            file = descriptor_pb2.FileDescriptorProto.FromString(_compiled(one))
            file.name = name or file.name or "schema.proto"
            _add_well_known(pool, file, descriptor_pb2, added)
            pool.Add(file)
        self._names = dict(_paths(file.message_type, f"{file.package}." if file.package else "", ()))
        self._pool = pool
        self._classes: dict[tuple[int, ...], Any] = {}
        if message and message not in self._names.values():
            known = ", ".join(self._names.values())
            raise ConfigError(f"the Protobuf schema has no message '{message}'", hint=f"known: {known}")
        self._path = next((path for path, name in self._names.items() if name == message), (0,))

    def _class(self, path: tuple[int, ...]) -> Any:
        found = self._classes.get(path)
        if found is None:
            if path not in self._names:
                raise ProcessingError(f"the Protobuf schema has no message at {list(path)}")
            descriptor = self._pool.FindMessageTypeByName(self._names[path])
            found = self._classes[path] = self._factory.GetMessageClass(descriptor)
        return found

    def decode(self, data: bytes) -> Any:
        path, start = read_path(data)
        try:
            message = self._class(path).FromString(data[start:])
        except self._decode_error as error:
            raise ProcessingError("not Protobuf of this schema", detail=str(error)) from error
        return self._json.MessageToDict(message, preserving_proto_field_name=True)

    def encode(self, event: Any) -> bytes:
        try:
            message = self._json.ParseDict(event, self._class(self._path)())
        except (self._json.ParseError, TypeError, AttributeError) as error:
            raise ProcessingError("the event does not fit the Protobuf schema", detail=str(error)) from error
        return write_path(self._path) + bytes(message.SerializeToString())


def _paths(types: Any, prefix: str, path: tuple[int, ...]) -> Iterator[tuple[tuple[int, ...], str]]:
    """Yield the indexes and the full name of each message of a file, nested ones too."""
    for index, one in enumerate(types):
        yield (*path, index), prefix + one.name
        yield from _paths(one.nested_type, f"{prefix}{one.name}.", (*path, index))


def _compiled(schema: Schema) -> bytes:
    """Return the compiled file of a Protobuf schema: as the registry gives it, or compiled here; blocks.

    Raises:
        ConfigError: It does not compile.
        MissingDependency: There is no compiler.
    """
    try:
        return base64.b64decode(schema.text, validate=True)
    except (binascii.Error, ValueError):  # the source text: it has blanks and braces
        pass
    compiler = importlib.util.find_spec("grpc_tools")
    if compiler is None:
        raise MissingDependency("grpcio-tools", "schema")
    # Beside the schema: what schemas import of Google's.
    google = [f"-I{folder}/_proto" for folder in compiler.submodule_search_locations or ()]
    with tempfile.TemporaryDirectory() as folder:
        for name, one in (*_in_order(schema), (_SOURCE, schema)):
            path = pathlib.Path(folder, *pathlib.PurePosixPath("/", name).relative_to("/").parts)
            if ".." in path.parts:
                raise ConfigError(f"a Protobuf schema refers to '{name}', which is no name of a file")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(one.text)
        # A process of its own: the compiler writes what is wrong to standard error, whoever calls it.
        command = [
            sys.executable,
            "-m",
            "grpc_tools.protoc",
            f"-I{folder}",
            *google,
            "--descriptor_set_out",
        ]
        command += [f"{folder}/{_SOURCE}.compiled", _SOURCE]
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
        if done.returncode:
            raise ConfigError("a Protobuf schema does not compile", hint=" ".join(done.stderr.split())[:500])
        from google.protobuf import descriptor_pb2

        found = descriptor_pb2.FileDescriptorSet.FromString(pathlib.Path(folder, f"{_SOURCE}.compiled").read_bytes())
        return bytes(found.file[0].SerializeToString())


def _add_well_known(pool: Any, file: Any, descriptors: Any, added: set[str]) -> None:
    """Add google's own files that a file imports, each once; registries do not keep them."""
    from google.protobuf import descriptor_pool

    for name in file.dependency:
        if name.startswith("google/protobuf/") and name not in added:
            added.add(name)
            __import__(name.removesuffix(".proto").replace("/", ".") + "_pb2")
            known = descriptors.FileDescriptorProto()
            descriptor_pool.Default().FindFileByName(name).CopyToProto(known)
            pool.Add(known)


def _in_order(schema: Schema) -> list[tuple[str, Schema]]:
    """Return all that a schema refers to, each after what it needs itself, none twice."""
    found: dict[str, Schema] = {}
    for name, one in schema.references:
        found.update((known, other) for known, other in _in_order(one) if known not in found)
        found.setdefault(name, one)
    return list(found.items())


def write_path(path: tuple[int, ...]) -> bytes:
    """Return the indexes of a message within its file as they stand in messages."""
    if path == (0,):
        return b"\0"
    return b"".join(map(_varint, (len(path), *path)))


def read_path(data: bytes) -> tuple[tuple[int, ...], int]:
    """Return the indexes of a message, and where the message begins. Raises: ProcessingError."""
    try:
        count, place = _read_varint(data, 0)
        if count == 0:
            return (0,), place
        path = []
        for _ in range(min(count, 64)):
            index, place = _read_varint(data, place)
            path.append(index)
    except IndexError:
        raise ProcessingError("the message ends within its Protobuf indexes") from None
    return tuple(path), place


def _varint(number: int) -> bytes:
    number, out = number << 1, bytearray()  # zigzag of what is never negative
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes((*out, number))


def _read_varint(data: bytes, place: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        byte = data[place]
        place += 1
        number |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return (number >> 1) ^ -(number & 1), place

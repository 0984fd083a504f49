"""SchemaDecoder and SchemaEncoder: messages that begin with the id of their schema (Confluent's wire format).

The format: a zero byte, the id in four bytes, big-endian, then the value; for Protobuf the indexes of the message before it.
"""

from __future__ import annotations

import asyncio
import pathlib
import struct
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..abc import Context, Event, Processor
from ..abc.processor import ConcurrencyOptions
from ..config import option
from ..errors import ConfigError, ProcessingError
from .codecs import Codec, codec_of
from .registry import Schema, SchemaRegistryConnection

if TYPE_CHECKING:
    from ..application import BSPumpApplication
    from ..pipeline import Pipeline

_HEAD = struct.Struct(">bI")


class SchemaDecoder(Processor):
    """Decode messages by the schema whose id they begin with: Avro, JSON Schema or Protobuf.

    In: bytes. Out: what they say, usually a dict; a tombstone (None) drops the event. Context: `schema_id`.
    Raises: ProcessingError, when a message has no such id or does not fit its schema.

    While the registry does not answer, events with ids that were not seen before wait.
    """

    class Options(ConcurrencyOptions):
        """How many events are in work at once."""

    def __init__(
        self, app: BSPumpApplication, pipeline: Pipeline, connection: str | SchemaRegistryConnection, id: str | None = None,
        config: Mapping[str, Any] | None = None,
    ) -> None:  # fmt: skip
        """See `Processor`; `connection` is the SchemaRegistryConnection or its id."""
        super().__init__(app, pipeline, id, config)
        self._registry: SchemaRegistryConnection = pipeline.locate_connection(app, connection)
        self._codecs: dict[int, Codec] = {}
        self._asking = asyncio.Lock()

    async def process(self, context: Context, event: Event) -> Event:
        """Return the decoded value."""
        if event is None:
            return None
        if not isinstance(event, bytes) or len(event) < _HEAD.size or event[0] != 0:
            raise ProcessingError(
                "no message with the id of a schema: it must begin with a zero byte and four of an id"
            )
        _, id = _HEAD.unpack_from(event)
        context["schema_id"] = id
        codec = self._codecs.get(id) or await self._learn(id)
        return codec.decode(event[_HEAD.size :])

    async def _learn(self, id: int) -> Codec:
        async with self._asking:  # many events wait for one answer
            if id not in self._codecs:
                schema = await self._registry.patiently(self, lambda: self._registry.by_id(id))
                self._codecs[id] = await asyncio.to_thread(codec_of, schema)
        return self._codecs[id]


class SchemaEncoderOptions(ConcurrencyOptions):
    """Options of an encoder."""

    subject: str = option(
        help="name under which the registry keeps the schema, usually TOPIC-value", example="flights-value"
    )
    schema_file: str = option(
        "", "file with the schema, registered at the first event; empty: the subject's last version"
    )
    schema_type: str = option("AVRO", "kind of the schema in schema_file", choices=("AVRO", "JSON"))
    message: str = option("", "for Protobuf, the full name of the message; empty: the first of the file")


class SchemaEncoder(Processor):
    """Encode events by a schema, with its id before them.

    In: what fits the schema, usually a dict. Out: bytes. Raises: ProcessingError, when an event does not fit.

    While the registry does not answer, events wait.
    """

    class Options(SchemaEncoderOptions):
        """The schema."""

    def __init__(
        self, app: BSPumpApplication, pipeline: Pipeline, connection: str | SchemaRegistryConnection, id: str | None = None,
        config: Mapping[str, Any] | None = None,
    ) -> None:  # fmt: skip
        """See `Processor`; `connection` is the SchemaRegistryConnection or its id.

        Raises:
            ConfigError: The file cannot be read.
        """
        super().__init__(app, pipeline, id, config)
        self._registry: SchemaRegistryConnection = pipeline.locate_connection(app, connection)
        self._asking = asyncio.Lock()
        self._head = b""
        self._codec: Codec | None = None
        self._text = ""
        if self.options.schema_file:
            try:
                self._text = pathlib.Path(self.options.schema_file).read_text()
            except OSError as error:
                raise ConfigError(f"option 'schema_file' has '{self.options.schema_file}': {error}") from error

    async def process(self, context: Context, event: Event) -> Event:
        """Return the encoded event."""
        if event is None:
            return None
        codec = self._codec or await self._learn()
        return self._head + codec.encode(event)

    async def _learn(self) -> Codec:
        async with self._asking:
            if self._codec is None:
                id, schema = await self._registry.patiently(self, self._schema)
                self._head = _HEAD.pack(0, id)
                self._codec = await asyncio.to_thread(codec_of, schema, self.options.message)
        return self._codec

    async def _schema(self) -> tuple[int, Schema]:
        if not self._text:
            return await self._registry.latest(self.options.subject)
        schema = Schema(self.options.schema_type, self._text)
        return await self._registry.register(self.options.subject, schema), schema

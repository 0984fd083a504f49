"""AvroDeserializer: Avro bytes to records."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from ..abc import Context, Event, Generator, ProcessorOptions
from ..config import Size, option
from ..errors import ConfigError, ProcessingError
from .schema import SchemaOptions, declared_schema, fastavro
from .source import MALFORMED, AvroSplitter

if TYPE_CHECKING:
    from ..application import BSPumpApplication
    from ..pipeline import Pipeline


class DeserializerOptions(SchemaOptions, ProcessorOptions):
    """Schema and form."""

    form: Literal["container", "record"] = option(
        "container",
        "container: a whole file in memory, with its schema; record: one bare record, for which a schema must be set",
    )
    max_block_length: Size = option(64 << 20, "largest block, decompressed, in bytes", gt=0)


class AvroDeserializer(Generator):
    """Send on each record of an Avro container, or the one of a bare record.

    In: bytes. Out: records, usually dicts, in order; with a schema they are read as that (see `AvroSource`).
    Raises: ProcessingError, if the bytes are no Avro or do not fit; then nothing of them is sent on.

    Example:
        pipelines:
          - id: Example
            sources:
              - {class: IteratorSource, args: {iterator: [{origin: EWR}, {origin: JFK}, {origin: LGA}]}}
            processors:
              - {class: AvroSerializer, config: {max_block_size: 2}}
              - {class: AvroDeserializer}
            sink: {class: PPrintSink}
    """

    class Options(DeserializerOptions):
        """Schema and form."""

    def __init__(
        self, app: BSPumpApplication, pipeline: Pipeline, id: str | None = None, config: Mapping[str, Any] | None = None
    ) -> None:
        """See `Generator`.

        Raises:
            ConfigError: The schema cannot be used, or is missing for bare records.
            MissingDependency: fastavro is not installed.
        """
        super().__init__(app, pipeline, id, config)
        self.Schema = declared_schema(self.options, self.locate_address())
        if self.Schema is None and self.options.form == "record":
            raise ConfigError(
                f"{self.locate_address()} needs a schema for bare records", hint="set 'schema' or 'schema_file'"
            )
        self._library = fastavro()
        self._bare: bool = self.options.form == "record"

    def generate(self, context: Context, event: Event, depth: int) -> None:
        """Send on the records."""
        if not isinstance(event, bytes | bytearray | memoryview):
            raise ProcessingError(f"expected bytes of Avro, got {type(event).__name__}")
        inject = self.Pipeline.inject
        for record in self._record(event) if self._bare else self._records(bytes(event)):
            inject(context, record, depth)

    def _record(self, event: Any) -> list[Any]:
        try:
            return [self._library.schemaless_reader(io.BytesIO(event), self.Schema, None)]
        except MALFORMED as error:
            raise ProcessingError(
                "the bytes are no record of the schema", detail=str(error) or type(error).__name__
            ) from error

    def _records(self, event: bytes) -> list[Any]:
        splitter = AvroSplitter("the event", self.options.max_block_length, self.Schema)
        chunks = splitter.feed(event) + splitter.finish()
        if not event:
            raise ProcessingError("expected an Avro container, got no bytes")
        if splitter.failure is not None:
            raise splitter.failure
        return [record for chunk in chunks for record in chunk.events]

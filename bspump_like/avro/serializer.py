"""AvroSerializer: events to Avro bytes, gathered or one by one."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from ..abc import Context, Event
from ..common.aggregator import AggregationStrategy, Aggregator
from ..config import Seconds, option
from .container import SYNC_LENGTH, Header, encode_block
from .schema import RecordEncoder, WriterSchemaOptions, declared_schema, inferred_schema

if TYPE_CHECKING:
    from ..application import BSPumpApplication
    from ..pipeline import Pipeline


class ContainerStrategy(AggregationStrategy):
    """Gathers events into an Avro container of one block.

    Args:
        schema: Of the records; None: the first event makes it.
        codec: Compression of the block.
        strict: See `RecordEncoder`.
    """

    def __init__(self, schema: Any, codec: str, *, strict: bool) -> None:
        """Begin with no record."""
        self._strict = strict
        self._encoder = None if schema is None else RecordEncoder(schema, strict=strict)
        self._codec = codec
        self._records: list[bytes] = []

    def append(self, context: Context, event: Event) -> None:
        """Take one event; ProcessingError if it does not fit."""
        if self._encoder is None:
            self._encoder = RecordEncoder(inferred_schema(event), strict=self._strict)
        self._records.append(self._encoder.encode(event))

    def flush(self) -> bytes:
        """Return the container."""
        assert self._encoder is not None  # is_empty() was asked before
        records, self._records = self._records, []
        header = Header(self._encoder.schema, self._codec, os.urandom(SYNC_LENGTH), 0)
        return header.encode() + encode_block(records, header)

    def is_empty(self) -> bool:
        """Tell whether there is no record."""
        return not self._records


class SerializerOptions(WriterSchemaOptions, Aggregator.Options):
    """Schema and form."""

    completion_size: int = option(10, "events of a container", ge=1, aliases=("max_block_size",))
    completion_timeout: Seconds = option(1.0, "seconds after its first event; 0: never", ge=0)
    compression: Literal["null", "deflate", "snappy", "zstandard", "bzip2", "xz"] = option(
        "null", "how the block of a container is compressed"
    )
    form: Literal["container", "record"] = option(
        "container",
        "container: a whole file in memory, with its schema; record: each event as a bare record, without it",
    )


class AvroSerializer(Aggregator):
    """Turn events into Avro: gathered in containers, or each into a bare record.

    In: what fits the schema, usually dicts; without a schema the first event makes it. Out: bytes. A container is complete with
    `max_block_size` events (10), after `completion_timeout`, or at the end of the input; what is gathered is stored with each
    barrier (see `Aggregator`).
    Raises: ProcessingError for an event that does not fit.

    Example:
        pipelines:
          - id: Example
            sources:
              - {class: IteratorSource, args: {iterator: [{origin: EWR, delay: 4}, {origin: JFK, delay: null}]}}
            processors:
              - {class: AvroSerializer}
            sink: {class: FileBlockSink, config: {path: example.avro}}
    """

    class Options(SerializerOptions):
        """The schema, and when a container is complete."""

    def __init__(
        self, app: BSPumpApplication, pipeline: Pipeline, id: str | None = None, config: Mapping[str, Any] | None = None
    ) -> None:
        """See `Aggregator`.

        Raises:
            ConfigError: The schema cannot be used.
            MissingDependency: fastavro, or the package for `compression`, is not installed.
        """
        super().__init__(app, pipeline, None, id, config)
        self._strict: bool = self.options.unknown_fields == "reject"
        schema = declared_schema(self.options, self.locate_address())
        encode_block([], Header(None, self.options.compression, b"", 0))  # finds out now that a package is missing
        self.AggregationStrategy = ContainerStrategy(schema, self.options.compression, strict=self._strict)
        self._encoder = None if schema is None else RecordEncoder(schema, strict=self._strict)
        self._bare: bool = self.options.form == "record"

    def process(self, context: Context, event: Event) -> None:
        """Gather one event, or send on its record."""
        if not self._bare:
            super().process(context, event)
            return
        if self._encoder is None:
            self._encoder = RecordEncoder(inferred_schema(event), strict=self._strict)
        self.Pipeline.inject(context, self._encoder.encode(event), self.PipelineDepth + 1)

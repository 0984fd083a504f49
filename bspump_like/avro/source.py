"""AvroSource: the records of container files."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from ..config import Size, option
from ..errors import ProcessingError
from ..file.opened import FileStream
from ..file.reading import Chunk, Splitter
from ..file.records import RecordSource, RecordSourceOptions
from .container import Header, IncompleteError, decompress, find_block, read_header
from .schema import SchemaOptions, declared_schema, fastavro

if TYPE_CHECKING:
    from ..application import BSPumpApplication
    from ..pipeline import Pipeline


MALFORMED = (EOFError, ValueError, IndexError, KeyError, TypeError, AttributeError, OverflowError, MemoryError)
"""What fastavro raises for bytes that are no record of a schema."""


class AvroSplitter(Splitter):
    """Cuts a container file at its blocks; a chunk is a block, since reading can begin only there.

    Args:
        name: The file, for messages.
        most: Most bytes of a block, compressed and not.
        reader_schema: What records are read as; None: what they were written as.
    """

    def __init__(self, name: str, most: int, reader_schema: Any) -> None:
        """Begin at byte 0."""
        super().__init__(name, 1, most)
        self._reader_schema = reader_schema
        self._read = fastavro().schemaless_reader
        self._header: Header | None = None
        self._rest = b""

    def start(self, stream: FileStream) -> None:
        """Read the header again when the file resumes behind it."""
        begin, line = stream.begin, stream.line
        if begin > 0:
            while self._header is None and self.failure is None and (block := stream.read_block(1 << 16)):
                self._take(block)
        self._rest = b""
        stream.skip_to(begin)
        self.offset, self.line = begin, line

    def feed(self, block: bytes) -> list[Chunk]:
        """Return the blocks that are complete."""
        chunks: list[Chunk] = []
        at = 0
        try:
            header = self._take(block)
            while header is not None and at < len(self._rest):
                found = find_block(self._rest, at, header, self.name, self.max_length)
                data = decompress(header.codec, self._rest[found.begin : found.end], self.name, self.max_length)
                events = self._records(data, found.records, header)
                self.offset += found.next - at
                self.line += found.records
                at = found.next
                chunks.append(Chunk(events, self.offset, self.line))
        except IncompleteError:
            pass
        except ProcessingError as error:
            self.failure = error
        self._rest = self._rest[at:]
        return chunks

    def finish(self) -> list[Chunk]:
        """Note it when the file ends within a block."""
        if self.failure is None and self._rest:  # a file of no bytes holds no record: a sink has just begun it
            self.failure = ProcessingError(
                f"{self.name} ends within a block, behind record {self.line}", hint="it was cut short"
            )
        return []

    def _take(self, block: bytes) -> Header | None:
        self._rest += block
        if self._header is None:
            try:
                self._header = read_header(self._rest, self.name)
            except IncompleteError:
                if len(self._rest) > self.max_length:
                    raise ProcessingError(f"{self.name} has a header of more than {self.max_length} bytes") from None
                return None
            self._rest = self._rest[self._header.length :]
            self.offset = self._header.length
        return self._header

    def _records(self, data: bytes, count: int, header: Header) -> list[Any]:
        buffer, read = io.BytesIO(data), self._read
        writer_schema, reader_schema = header.schema, self._reader_schema
        try:
            return [read(buffer, writer_schema, reader_schema) for _ in range(count)]
        except (*MALFORMED, fastavro().read.SchemaResolutionError) as error:
            raise ProcessingError(
                f"{self.name} has a block that does not fit its schema, behind record {self.line}",
                detail=str(error) or type(error).__name__,
            ) from error


class AvroSource(RecordSource):
    """Read Avro container files record by record.

    Out: what the schema in the file says, usually dicts; contexts carry `filename`. With `schema` or `schema_file` records are
    read as that schema, by Avro's rules of resolution: fields that it adds get their defaults, those that it lacks are left out.
    Blocks of the codecs null, deflate, snappy, zstandard, bzip2 and xz. Reading resumes at a block.

    Example:
        pipelines:
          - id: Example
            sources:
              - {class: AvroSource, config: {path: "in/*.avro", post: noop}}
            sink: {class: PPrintSink}
    """

    class Options(SchemaOptions, RecordSourceOptions):
        """The reader's schema, and options of file sources."""

        path: str = option("./*.avro", "globs of the files to read, joined by ':'; '**' matches directories")
        post: Literal["move", "delete", "noop"] = option("noop", "what becomes of a file that has been delivered")
        max_block_length: Size = option(
            64 << 20, "largest block, decompressed, in bytes; a larger one fails the file", gt=0
        )

    def __init__(
        self, app: BSPumpApplication, pipeline: Pipeline, id: str | None = None, config: Mapping[str, Any] | None = None
    ) -> None:
        """See `FileABCSource`.

        Raises:
            ConfigError: The schema cannot be used.
            MissingDependency: fastavro is not installed.
        """
        super().__init__(app, pipeline, id, config)
        self.Schema = declared_schema(self.options, self.locate_address())

    def splitter(self, filename: str) -> Splitter:
        """Return a splitter at blocks."""
        return AvroSplitter(filename, self.options.max_block_length, self.Schema)

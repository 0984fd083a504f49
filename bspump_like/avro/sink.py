"""AvroSink: records appended to container files, a block at a barrier."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Literal

from ..abc import Event
from ..config import option
from ..errors import DeliveryError, ProcessingError
from ..file.naming import Naming
from ..file.output import Layout, Output
from ..file.rolling import RollingOptions, RollingSink
from .container import SYNC_LENGTH, Header, IncompleteError, encode_block, find_block, read_header
from .schema import RecordEncoder, WriterSchemaOptions, declared_schema, inferred_schema

if TYPE_CHECKING:
    from ..application import BSPumpApplication
    from ..pipeline import Pipeline

_PIECE = 1 << 20
_LARGEST = 1 << 31  # bytes of a block; what was written here is far below


class AvroOutput(Output):
    """One container file, or one after another.

    Args:
        naming: See `Output`.
        layout: See `Output`.
        throttle: See `Output`.
        schema: Returns the schema of the records; None while there was none from which to make it.
        codec: Compression of the blocks of new files.
        records: Most records of a block.
    """

    def __init__(
        self, naming: Naming, layout: Layout, throttle: Callable[[bool], None], schema: Callable[[], Any], codec: str,
        records: int,
    ) -> None:  # fmt: skip
        """Open nothing yet."""
        super().__init__(naming, layout, lambda: b"", throttle)
        self._schema, self._codec, self._records = schema, codec, records
        self._container: tuple[int, Header] | None = None  # inode and header of the open file

    def _encoded(self, lines: list[bytes]) -> tuple[bytes, int]:
        parts = []
        inode = os.fstat(self._file).st_ino
        if self._good == 0:
            parts.append(self._new_header(inode))
        elif self._container is None or self._container[0] != inode:
            self._container = inode, self._header_of(self._path)
        assert self._container is not None
        header = self._container[1]
        size = self._records
        parts += [encode_block(lines[first : first + size], header) for first in range(0, len(lines), size)]
        return b"".join(parts), len(lines)

    def _open(self) -> None:
        super()._open()
        if self._good == 0 and self._schema() is not None:
            self._write_durably(self._new_header(os.fstat(self._file).st_ino))  # without a record, too, it is Avro

    def _new_header(self, inode: int) -> bytes:
        header = Header(self._schema(), self._codec, os.urandom(SYNC_LENGTH), 0)
        self._container = inode, header
        return header.encode()

    def _publish(self, final: str) -> None:
        if self._good:
            super()._publish(final)
        else:
            os.unlink(self._path)  # no record, and so no schema: no file

    def _header_of(self, path: str) -> Header:
        """Return the header of a file that is appended to.

        Raises:
            DeliveryError: Its records have another schema.
        """
        with open(path, "rb") as file:
            try:
                header = read_header(file.read(_PIECE), path)
            except (ProcessingError, IncompleteError) as error:
                raise DeliveryError(
                    f"cannot append to {path}: it is no Avro container file", detail=str(error),
                    hint="set another 'path', or 'mode: overwrite'", retriable=False,
                ) from error  # fmt: skip
        if not header.same_schema(self._schema()):
            raise DeliveryError(
                f"cannot append to {path}: it has another schema", hint="put {index} into 'path', or set 'mode: overwrite'",
                retriable=False,
            )  # fmt: skip
        return header

    def _whole_prefix(self, file: int, size: int) -> int:
        """Return the size up to the last whole block, and count the records before it."""
        with open(self._path, "rb") as whole:
            data = whole.read(_PIECE)
            try:
                header = read_header(data, self._path)
            except IncompleteError:
                return 0
            except ProcessingError as error:
                raise FileExistsError(17, f"{error}", self._path) from error
            good = header.length
            rest = data[good:]
            while True:
                try:
                    block = find_block(rest, 0, header, self._path, _LARGEST)
                except ProcessingError:
                    return good
                except IncompleteError:
                    piece = whole.read(max(_PIECE, len(rest)))
                    if not piece:
                        return good
                    rest += piece
                    continue
                good += block.next
                self._written += block.records
                rest = rest[block.next :]


class AvroSinkOptions(WriterSchemaOptions, RollingOptions):
    """Options of the sink."""

    path: str = option(
        "./sink{index}.avro", "file to write; {index}: number of the file, {worker}: number of the process",
        aliases=("file_name_template",),
    )  # fmt: skip
    compression: Literal["null", "deflate", "snappy", "zstandard", "bzip2", "xz"] = option(
        "deflate", "how the blocks within a file are compressed"
    )
    events_per_file: int = option(1000, "records of a file, for 'rollover_mechanism: rows'", ge=1)
    events_per_chunk: int = option(1000, "most records of a block", ge=1)


class AvroSink(RollingSink):
    """Append events as records to Avro container files.

    In: what fits the schema, usually dicts. Without `schema` and `schema_file` the first event makes it: a record whose fields
    may all be null; later events must have no other fields and types.

    Files, barriers and rotation as in all sinks that append (`FileLineSink`): each barrier ends a block on disk, and after
    a crash the file is cut back to the last barrier.
    Raises: ProcessingError for an event that does not fit; DeliveryError (from `flush`), see `AppendingSink`.

    Example:
        pipelines:
          - id: Example
            sources:
              - {class: IteratorSource, args: {iterator: [{origin: EWR, delay: 4}, {origin: JFK, delay: null}]}}
            sink:
              class: AvroSink
              config:
                path: flights-{index}.avro
                schema:
                  type: record
                  name: Flight
                  fields:
                    - {name: origin, type: string}
                    - {name: delay, type: ["null", int]}
    """

    class Options(AvroSinkOptions):
        """The schema, and options of sinks that append."""

    records_per_file = "events_per_file"

    def __init__(
        self, app: BSPumpApplication, pipeline: Pipeline, id: str | None = None, config: Mapping[str, Any] | None = None
    ) -> None:
        """See `AppendingSink`.

        Raises:
            ConfigError: The schema cannot be used.
            MissingDependency: fastavro, or the package for `compression`, is not installed.
        """
        super().__init__(app, pipeline, id, config)
        schema = declared_schema(self.options, self.locate_address())
        self._strict: bool = self.options.unknown_fields == "reject"
        self._encoder = None if schema is None else RecordEncoder(schema, strict=self._strict)
        encode_block([], Header(None, self.options.compression, b"", 0))  # finds out now that a package is missing

    def new_output(self, path: str, naming: Naming, layout: Layout, throttle: Callable[[bool], None]) -> Output:
        """Return an output of blocks."""
        o = self.options
        return AvroOutput(naming, layout, throttle, self._schema, o.compression, o.events_per_chunk)

    def _schema(self) -> Any:
        return None if self._encoder is None else self._encoder.schema

    def encode(self, event: Event) -> bytes:
        """Return an event as a record."""
        if self._encoder is None:
            self._encoder = RecordEncoder(inferred_schema(event), strict=self._strict)
        return self._encoder.encode(event)

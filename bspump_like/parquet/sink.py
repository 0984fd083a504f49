"""ParquetSink: rows into Parquet files that appear when they are complete."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Literal

from ..abc import Context, Event
from ..config import Size, option
from ..errors import ProcessingError
from ..file.naming import Naming
from ..file.output import Layout, Output
from ..file.rolling import RollingOptions, RollingSink
from .journal import ParquetOutput
from .schema import SchemaOptions, arrow_schema, declared_schema

if TYPE_CHECKING:
    from ..application import BSPumpApplication
    from ..pipeline import Pipeline


_CHUNK = 1000  # rows that are written without being asked


class ParquetSinkOptions(SchemaOptions, RollingOptions):
    """Options of the sink."""

    path: str = option(
        "./sink{index}.parquet", "file to write; {index}: number of the file, {worker}: number of the process",
        aliases=("file_name_template",),
    )  # fmt: skip
    compression: Literal["snappy", "zstd", "gzip", "lz4", "brotli", "none"] = option(
        "snappy", "how the columns within a file are compressed"
    )
    rows_in_chunk: int = option(1000, "rows of a row group", ge=1)
    rollover_mechanism: Literal["none", "rows", "time"] = option(
        "rows", "begin a new file by rows_per_file or by writing_period; none: as the options rotate_... say"
    )
    rows_per_file: int = option(10000, "rows of a file, for 'rollover_mechanism: rows'", ge=1)
    unknown_fields: Literal["reject", "drop"] = option(
        "reject", "what becomes of a field that is no column: the event is rejected, or goes without it"
    )
    atomic: bool = option(True, "always so: a Parquet file can be read only when it is complete", choices=(True,))
    rotate_size: Size = option(0, "complete a file when so many bytes wait for it, uncompressed; 0: never", ge=0)


class ParquetSink(RollingSink):
    """Write events as rows of Parquet files.

    In: dicts. The columns are declared in `schema` or `schema_file`; else they are made from the rows of the first barrier, where
    a column without any value is taken for text. A field that an event lacks is null.

    A file appears when it is complete: by rows, by time, by `rotate()`, and at the end of the input. Until then its rows are
    in `PATH.part`, durable at each barrier; after a stop or a crash the next run goes on with it.
    An event that does not fit the schema is rejected alone: it goes where `on_error` says, with `stop` to the dead letters.
    Raises: ProcessingError, if an event is no dict; DeliveryError (from `flush`), if a file cannot be written, or no schema can
    be made.

    Example:
        pipelines:
          - id: Example
            sources:
              - {class: IteratorSource, args: {iterator: [{origin: EWR, delay: 4}, {origin: JFK, delay: null}]}}
            sink:
              class: ParquetSink
              config:
                path: flights-{index}.parquet
                schema: {origin: string, delay: int32}
    """

    class Options(ParquetSinkOptions):
        """Schema, sizes, and options of sinks that append."""

    records_per_file = "rows_per_file"

    def __init__(
        self, app: BSPumpApplication, pipeline: Pipeline, id: str | None = None, config: Mapping[str, Any] | None = None
    ) -> None:
        """See `AppendingSink`.

        Raises:
            ConfigError: The schema cannot be used.
            MissingDependency: pyarrow is not installed.
        """
        super().__init__(app, pipeline, id, config)
        self.Schema: Any = declared_schema(self.options, self.locate_address())
        self._known: frozenset[str] | None = None
        if self.Schema is not None and self.options.unknown_fields == "drop":
            self._known = frozenset(self.Schema.names)

    def schema_validator(self, schema: Any) -> Any:
        """Return the Arrow schema that a declared one means; ConfigError if it means none."""
        return arrow_schema(schema, self.locate_address())

    def apply_schema(self, event: Event) -> Mapping[str, Any]:
        """Return the row of an event; called in a thread, for every event. Override it to rename or convert.

        Raises:
            ProcessingError: There is none; the event is rejected.
        """
        row: Mapping[str, Any] = event
        if self._known is not None and not self._known.issuperset(row):
            return {name: value for name, value in row.items() if name in self._known}
        return row

    def new_output(self, path: str, naming: Naming, layout: Layout, throttle: Callable[[bool], None]) -> Output:
        """Return an output with a journal."""
        o = self.options
        writing = {"compression": o.compression.upper()}
        return ParquetOutput(naming, layout, throttle, self.Schema, self.apply_schema, o.rows_in_chunk, writing)

    def process(self, context: Context, event: Event) -> None:
        """Take one row."""
        if event.__class__ is not dict and not isinstance(event, Mapping):
            raise ProcessingError(f"expected a dict as a row, got {type(event).__name__}")
        output = self.output if self.output is not None else self.output_for(context, event)
        output.lines.append((context, event))
        if len(output.lines) >= _CHUNK:
            output.spill()

    async def flush(self) -> None:
        """Return when every row handed over before this call is on disk, in a journal or a file.

        Raises:
            DeliveryError: It is not; it is kept, and the barrier is tried again.
        """
        await super().flush()
        for output in self._outputs.values():
            assert isinstance(output, ParquetOutput)
            refused, output.refused = output.refused, []
            for context, event, error in refused:
                self.Pipeline.reject(self, context, event, error)

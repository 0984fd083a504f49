"""FrameCSVSource: CSV files as frames."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..config import Size, option
from ..errors import ConfigError, ProcessingError
from ..file.opened import FileStream
from ..file.reading import Chunk, Splitter
from ..file.records import RecordSource, RecordSourceOptions
from .frame import ROWS, polars

if TYPE_CHECKING:
    from ..application import BSPumpApplication
    from ..pipeline import Pipeline

_TYPES = {
    "int": polars.Int64, "float": polars.Float64, "str": polars.String, "bool": polars.Boolean, "date": polars.Date,
    "datetime": polars.Datetime("us"),
}  # fmt: skip


def _schema(declared: Any) -> dict[str, Any]:
    if not isinstance(declared, Mapping):
        raise ValueError("expected columns with their types")
    for column, name in declared.items():
        if name not in _TYPES:
            raise ValueError(f"column '{column}' has the type '{name}'; use one of {', '.join(_TYPES)}")
    return dict(declared)


class FrameCSVSplitter(Splitter):
    """Cuts blocks at ends of rows and lets Polars parse them; a line end within quotes is none.

    Args:
        name: The file, for messages.
        rows: Most rows of a frame.
        max_length: Most bytes of a row.
        delimiter: Character between fields.
        schema: Column -> type; the others are told from the first block.
        nulls: Texts that mean null.
    """

    def __init__(
        self, name: str, rows: int, max_length: int, delimiter: str, schema: Mapping[str, str], nulls: list[str]
    ) -> None:
        """Begin without a header."""
        super().__init__(name, rows, max_length)
        self._delimiter, self._nulls = delimiter, nulls
        self._declared = {column: _TYPES[kind] for column, kind in schema.items()}
        self._header = b""
        self._types: dict[str, Any] = {}  # told by the rows so far
        self._columns = -1
        self._rest = b""

    def start(self, stream: FileStream) -> None:
        """Read header and first rows again when the file resumes behind them: they tell the types."""
        begin, line = stream.begin, stream.line
        if begin > 0 and (block := stream.read_block()):
            self.feed(block)
        self._rest, self.failure = b"", None
        stream.skip_to(begin)
        self.offset, self.line = begin, line

    def feed(self, block: bytes) -> list[Chunk]:
        """Return the frames that are complete."""
        data = self._rest + block
        cut = self._end_of_rows(data)
        self._rest = data[cut:]
        if len(self._rest) > self.max_length:
            self.failure = self.too_long(self.line + 1)
        return self._frames(data[:cut])

    def finish(self) -> list[Chunk]:
        """Return the last row, when it has no line end."""
        rest, self._rest = self._rest, b""
        return self._frames(rest)

    def _end_of_rows(self, data: bytes) -> int:
        """Return where the last complete row ends: behind a line end with an even number of quotes before it."""
        quotes, end = data.count(b'"'), len(data)
        while (cut := data.rfind(b"\n", 0, end)) >= 0:
            quotes -= data.count(b'"', cut, end)
            if quotes % 2 == 0:
                return cut + 1
            end = cut
        return 0

    def _frames(self, data: bytes) -> list[Chunk]:
        if not self._header and data:
            cut = data.find(b"\n") + 1 or len(data)
            self._header, data = data[:cut], data[cut:]
            self.offset += cut
            self.line += 1
        if not data:
            return []
        try:
            whole = self._parse(data)
        except (polars.exceptions.PolarsError, UnicodeDecodeError) as error:
            self.failure = ProcessingError(
                f"{self.name}, behind line {self.line}: not such CSV as the rows before it", detail=str(error)[:300],
                hint="give columns with mixed values a type in 'schema': str takes all",
            )  # fmt: skip
            return []
        lines = data.count(b"\n")
        if whole.height <= self.batch_size or lines != whole.height:
            # Rows over several lines: where a row ends is known for all of them together only.
            self.offset += len(data)
            self.line += lines
            return [Chunk([whole], self.offset, self.line)]
        chunks, end = [], 0
        for first in range(0, whole.height, self.batch_size):
            frame = whole.slice(first, self.batch_size)
            begin = end
            for _ in range(frame.height):
                end = data.index(b"\n", end) + 1
            self.offset += end - begin
            self.line += frame.height
            chunks.append(Chunk([frame], self.offset, self.line))
        return chunks

    def _parse(self, data: bytes) -> Any:
        types: Any = {**self._declared, **self._types}
        told = len(types) == self._columns
        frame = polars.read_csv(
            io.BytesIO(self._header + data), separator=self._delimiter, schema_overrides=types,
            null_values=self._nulls or None, infer_schema_length=0 if told else None, try_parse_dates=not told,
        )  # fmt: skip
        if not told:
            self._columns = frame.width
            # A column without any value so far tells nothing.
            self._types |= {
                name: kind for name, kind in frame.schema.items() if frame[name].null_count() < frame.height
            }
        return frame


class FrameCSVSourceOptions(RecordSourceOptions):
    """Options of the source."""

    rows: int = option(ROWS, "most rows of a frame", ge=1)
    delimiter: str = option(",", "character between fields")
    schema: dict[str, str] = option(
        {}, "column -> int, float, str, bool, date or datetime; the others are told from the first megabyte",
        parse=_schema, example={"flight": "str"},
    )  # fmt: skip
    null_values: list[str] = option([], "texts that mean null, besides nothing", example=["NA"])
    max_line_length: Size = option(1 << 20, "longest row in bytes; a longer one fails the file", gt=0)


class FrameCSVSource(RecordSource):
    """Read CSV files as frames, at the speed of Polars; the first row has the names of the columns.

    Out: frames of at most `rows` rows; contexts carry `filename`. Types are told from the first megabyte of each file and stay:
    a value that is different further on fails the file, with the place; `schema` says what cannot be told. Reading resumes at
    the frame. It is a megabyte ahead, in a thread. Text is UTF-8.

    Example:
        pipelines:
          - id: Example
            sources:
              - class: FrameCSVSource
                config: {path: "in/*.csv", post: noop, null_values: [NA]}
            processors:
              - class: SQLProcessor
                config: {query: "SELECT origin, count(*) AS flights FROM events GROUP BY origin ORDER BY origin"}
              - class: FrameToEventsGenerator
            sink: {class: PPrintSink}
    """

    class Options(FrameCSVSourceOptions):
        """Options of file sources, and how to parse."""

    def __init__(
        self, app: BSPumpApplication, pipeline: Pipeline, id: str | None = None, config: Mapping[str, Any] | None = None
    ) -> None:
        """See `FileABCSource`.

        Raises:
            ConfigError: The delimiter is not one character of ASCII.
        """
        super().__init__(app, pipeline, id, config)
        delimiter = self.options.delimiter
        if len(delimiter.encode()) != 1:
            raise ConfigError(f"option 'delimiter' has {delimiter!r}, expected one character of ASCII")

    def splitter(self, filename: str) -> Splitter:
        """Return a splitter that asks Polars."""
        o = self.options
        return FrameCSVSplitter(filename, o.rows, o.max_line_length, o.delimiter, o.schema, o.null_values)

"""CSV: FileCSVSource, one dict per row, and FileCSVSink."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from ..abc import Context, Event
from ..config import Options, option
from ..errors import ProcessingError
from ..text_options import character, optional_character, optional_encoding
from .line import encoding_of
from .opened import FileStream
from .output import SPILL
from .reading import Chunk, Splitter
from .records import RecordSource, RecordSourceOptions
from .sink import AppendingSink, AppendingSinkOptions

if TYPE_CHECKING:
    from ..application import BSPumpApplication
    from ..pipeline import Pipeline

_BOM = b"\xef\xbb\xbf"


def _quoting(value: Any) -> int:
    names = {name.removeprefix("QUOTE_").lower(): getattr(csv, name) for name in dir(csv) if name.startswith("QUOTE_")}
    text = str(value).strip().lower().removeprefix("quote_")
    if text.isdigit() and int(text) in names.values():
        return int(text)
    if text in names:
        return int(names[text])
    raise ValueError(f"expected one of {', '.join(names)}")


class CSVOptions(Options):
    """The options of Python's csv module, for source and sink alike."""

    dialect: str = option("excel", "dialect of the csv module; the options below override it")
    delimiter: str = option(",", "character between fields; tab for a tabulator", parse=character)
    doublequote: bool = option(True, "a quote within a quoted field is written twice")
    escapechar: str = option("", "character that takes the meaning from the next one; empty: none", parse=optional_character)
    lineterminator: str = option(os.linesep, "line end that is written; both kinds are read")
    quotechar: str = option('"', "character around fields; empty: none", parse=optional_character)
    quoting: int = option(csv.QUOTE_MINIMAL, "when to quote: minimal, all, nonnumeric, none", parse=_quoting)
    skipinitialspace: bool = option(False, "skip spaces behind the delimiter")
    strict: bool = option(False, "raise on bad input")

    def csv(self) -> dict[str, Any]:
        """Return the arguments for `csv.reader` and `csv.writer`."""
        return {
            "dialect": self.dialect, "delimiter": self.delimiter, "doublequote": self.doublequote,
            "escapechar": self.escapechar or None, "lineterminator": self.lineterminator, "quotechar": self.quotechar or None,
            "quoting": self.quoting, "skipinitialspace": self.skipinitialspace, "strict": self.strict,
        }  # fmt: skip


class _NeedMoreError(Exception):
    """The block ends within a record."""


class CSVSplitter(Splitter):
    """Cuts into records with the csv module, which says how many lines each has taken; so a quoted line end is no border.

    Args:
        name: The file, for messages.
        batch_size: Most rows of a chunk.
        max_length: Most bytes of a record; a quote that is never closed ends here.
        encoding: Of the text.
        dialect: Arguments for `csv.reader`.
        fieldnames: Names of the columns; None: the first row has them.
    """

    def __init__(
        self, name: str, batch_size: int, max_length: int, encoding: str, dialect: Mapping[str, Any],
        fieldnames: Sequence[str] | None,
    ) -> None:  # fmt: skip
        """Begin at byte 0."""
        super().__init__(name, batch_size, max_length)
        self._encoding, self._dialect = encoding, dialect
        self._names = None if fieldnames is None else list(fieldnames)
        self._rest = b""

    def start(self, stream: FileStream) -> None:
        """Read the header again when the file resumes behind it."""
        begin, line = stream.begin, stream.line
        if self._names is None and begin > 0:
            while self._names is None and self.failure is None and (block := stream.read_block(1 << 16)):
                self.feed(block)
            if self._names is None:
                self.finish()
        self._rest = b""
        self.failure = None
        stream.skip_to(begin)
        self.offset, self.line = begin, line

    def feed(self, block: bytes) -> list[Chunk]:
        """Return the rows that are complete."""
        data = self._rest + block
        cut = data.rfind(b"\n") + 1
        chunks = self._parse(data[:cut], last=False)
        used = sum(self._used)
        self._rest = data[used:]
        if len(self._rest) > self.max_length and self.failure is None:
            self.failure = self.too_long(self.line + 1)
        return chunks

    def finish(self) -> list[Chunk]:
        """Return the last row, when it has no line end."""
        rest, self._rest = self._rest, b""
        return self._parse(rest, last=True)

    def _parse(self, data: bytes, *, last: bool) -> list[Chunk]:
        """Parse whole lines; `_used` gets the lengths of those that complete records were made of."""
        lines = io.BytesIO(data).readlines()
        self._used: list[int] = []
        try:
            text = self._text(data)
        except UnicodeDecodeError as error:
            self.failure = ProcessingError(
                f"{self.name}, behind line {self.line}: not {self._encoding}", detail=str(error), hint="set 'encoding'"
            )
            return []
        chunks: list[Chunk] = []
        rows: list[Any] = []
        taken = done = 0
        reader = csv.reader(_lines(text, last=last), **self._dialect)
        try:
            for row in reader:
                if row and self._names is None:
                    self._names = row
                elif row:
                    rows.append(self._event(row))
                taken = reader.line_num
                if len(rows) == self.batch_size:
                    chunks.append(self._chunk(rows, lines[done:taken]))
                    rows, done = [], taken
        except _NeedMoreError:
            pass
        except csv.Error as error:
            self.failure = ProcessingError(
                f"{self.name}, line {self.line + taken - done + 1}: bad CSV", detail=str(error)
            )
        if taken > done:
            chunks.append(self._chunk(rows, lines[done:taken]))
        return chunks

    def _chunk(self, rows: list[Any], lines: list[bytes]) -> Chunk:
        lengths = list(map(len, lines))
        self._used += lengths
        self.offset += sum(lengths)
        self.line += len(lengths)
        return Chunk(rows, self.offset, self.line)

    def _text(self, data: bytes) -> str:
        if self.offset == 0 and data.startswith(_BOM) and self._encoding == "utf-8":
            data = data[len(_BOM) :]
        return data.decode(self._encoding)

    def _event(self, row: list[str]) -> dict[Any, Any]:
        names = self._names or ()
        event: dict[Any, Any] = dict(zip(names, row, strict=False))
        if len(row) < len(names):
            event.update(dict.fromkeys(names[len(row) :]))
        elif len(row) > len(names):
            event[None] = row[len(names) :]
        return event


def _lines(text: str, *, last: bool) -> Iterator[str]:
    yield from io.StringIO(text, newline="\n")  # cuts at \n alone, as the count of bytes does
    if not last:
        raise _NeedMoreError


class FileCSVSource(RecordSource):
    """Read CSV files row by row.

    Out: a dict for each row; a short row has None for what is missing, a long one the rest in a list under None. Contexts
    carry `filename`. A record may hold line ends within quotes; reading resumes at the byte behind a record.

    Example:
        pipelines:
          - id: Example
            sources:
              - {class: FileCSVSource, config: {path: "in/*.csv", post: noop}}
            sink: {class: PPrintSink}
    """

    class Options(CSVOptions, RecordSourceOptions):
        """Options of the csv module and of record sources."""

        mode: str = option("r", "text; kept for definitions of BSPump", choices=("r", "rt"))
        newline: str = option("", "for readers that override read(); the csv module wants it empty")
        escapechar: str = option("\\", "character that takes the meaning from the next one; empty: none")

    def __init__(
        self, app: BSPumpApplication, pipeline: Pipeline, fieldnames: Sequence[str] | None = None, id: str | None = None,
        config: Mapping[str, Any] | None = None,
    ) -> None:  # fmt: skip
        """See `FileABCSource`.

        Args:
            app: The application.
            pipeline: The pipeline this source feeds.
            fieldnames: Names of the columns; None: the first row of each file has them.
            id: Name within the pipeline.
            config: Options.
        """
        super().__init__(app, pipeline, id, config)
        self.FieldNames = fieldnames
        # The csv module's own limit is 128 KB a field, for the whole process; ours bounds whole records.
        csv.field_size_limit(max(csv.field_size_limit(), self.options.max_line_length))

    def splitter(self, filename: str) -> Splitter:
        """Return a splitter that asks the csv module."""
        o = self.options
        return CSVSplitter(filename, o.batch_size, o.max_line_length, encoding_of(self), o.csv(), self.FieldNames)

    def reader(self, f: Any) -> Any:
        """Return an iterator over the rows of a text file; override it for files that the csv module cannot read.

        An override is used as it is: its files are delivered as a whole and do not resume at the byte.
        """
        return csv.DictReader(f, self.FieldNames, **self.options.csv())

    async def read(self, filename: str, f: Any) -> None:
        """Read the file row by row from where it resumes."""
        if type(self).reader is FileCSVSource.reader:
            await super().read(filename, f)
            return
        for row in self.reader(f):
            await self.process(row)
            await self.simulate_event()


class _Text:
    """The file that a csv writer writes to: keeps the last line."""

    line = ""

    def write(self, text: str) -> None:
        self.line = text


class FileCSVSink(AppendingSink):
    """Append each event as a row; a new file begins with the header.

    In: dicts; the first one fixes the columns of a path, unless the file has a header already. Missing fields are empty.
    Raises: ProcessingError for an event with a field that is no column; DeliveryError (from `flush`), see `AppendingSink`.

    Example:
        pipelines:
          - id: Example
            sources:
              - {class: IteratorSource, args: {iterator: [{carrier: UA, delay: 4}, {carrier: AA, delay: 7}, {carrier: UA}]}}
            sink: {class: FileCSVSink, config: {path: out.csv}}
    """

    class Options(CSVOptions, AppendingSinkOptions):
        """Options of the csv module and of appending sinks."""

        encoding: str = option("utf-8", "encoding of the file", parse=optional_encoding)

    def __init__(
        self, app: BSPumpApplication, pipeline: Pipeline, id: str | None = None, config: Mapping[str, Any] | None = None
    ) -> None:
        """See `AppendingSink`."""
        super().__init__(app, pipeline, id, config)
        self._writers: dict[str, tuple[_Text, csv.DictWriter[Any]]] = {}

    def writer(self, f: Any, fieldnames: Sequence[str]) -> csv.DictWriter[Any]:
        """Return the writer of rows; override it for another format of rows."""
        return csv.DictWriter(f, fieldnames=fieldnames, **self.options.csv())

    def process(self, context: Context, event: Event) -> None:
        """Take one row."""
        path = self.get_file_name(context, event)
        text, writer = self._writers.get(path) or self._new_writer(path, event)
        try:
            writer.writerow(event)
        except (ValueError, csv.Error, AttributeError) as error:
            raise ProcessingError(
                f"cannot write a row to {path}", detail=str(error), hint="the first event for a path fixes the columns"
            ) from error
        line = text.line.encode(self.options.encoding)
        output = self.output_at(path)
        output.lines.append(line)
        output.size += len(line)
        if output.size >= SPILL:
            output.spill()

    def _new_writer(self, path: str, event: Event) -> tuple[_Text, csv.DictWriter[Any]]:
        if not isinstance(event, Mapping):
            raise ProcessingError(f"expected a dict as a row, got {type(event).__name__}")
        text = _Text()
        columns = self.output_at(path).first_line()
        names = (
            next(csv.reader([columns.decode(self.options.encoding)], **self.options.csv())) if columns else list(event)
        )
        one = text, self.writer(text, cast(Sequence[str], names))
        self._writers[path] = one
        return one

    def header(self, path: str) -> bytes:
        """Return the header row."""
        text = _Text()
        self.writer(text, self._writers[path][1].fieldnames).writeheader()  # type: ignore[arg-type]
        return text.line.encode(self.options.encoding)

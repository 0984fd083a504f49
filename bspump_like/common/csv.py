"""CSV in events: CSVParserProcessor and CSVDumperProcessor. Files have sources and sinks of their own."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..abc import Context, Event, Processor
from ..abc.processor import ConcurrencyOptions
from ..config import option
from ..errors import ConfigError, ProcessingError
from ..text_options import character
from .text_parser import TextParser, TextParserOptions

if TYPE_CHECKING:
    from ..application import BSPumpApplication
    from ..pipeline import Pipeline


class CSVParserOptions(TextParserOptions):
    """Columns and characters."""

    columns: list[str] = option(help="names of the columns, in order", example=["origin", "dest", "delay"])
    delimiter: str = option(",", "character between fields; tab for a tabulator", parse=character)
    quotechar: str = option('"', "character around fields", parse=character)


class CSVParserProcessor(TextParser):
    """Parse a row of CSV.

    In: text, or a dict that has it in `field`: one row, which may have line ends within quotes. Out: a dict of text. A
    row that is too short has None for what is missing. Raises: ProcessingError, if it is too long, or more than one row.

    Example:
        pipelines:
          - id: Example
            sources:
              - {class: IteratorSource, args: {iterator: ['EWR,"Bob Hope, CA",4', 'JFK,LAX,7']}}
            processors:
              - {class: CSVParserProcessor, config: {columns: [origin, dest, delay]}}
            sink: {class: PPrintSink}
    """

    class Options(CSVParserOptions):
        """Columns and characters."""

    def __init__(
        self, app: BSPumpApplication, pipeline: Pipeline, id: str | None = None, config: Mapping[str, Any] | None = None
    ) -> None:
        """See `TextParser`."""
        super().__init__(app, pipeline, id, config)
        self._columns: list[str] = self.options.columns or []

    def parse(self, text: str) -> dict[str, Any]:
        """Return the row."""
        o, columns = self.options, self._columns
        try:
            rows = [row for row in csv.reader(io.StringIO(text), delimiter=o.delimiter, quotechar=o.quotechar) if row]
        except csv.Error as error:
            raise ValueError(f"bad CSV: {error}") from error
        if len(rows) != 1:
            raise ValueError(f"expected one row of CSV, got {len(rows)}")
        if len(rows[0]) > len(columns):
            raise ValueError(f"the row has {len(rows[0])} fields for {len(columns)} columns")
        return dict(zip(columns, rows[0] + [None] * (len(columns) - len(rows[0])), strict=True))


class CSVDumperOptions(ConcurrencyOptions):
    """Columns and characters."""

    columns: list[str] = option(help="fields to write, in order", example=["origin", "dest", "delay"])
    delimiter: str = option(",", "character between fields; tab for a tabulator", parse=character)
    quotechar: str = option('"', "character around fields that need it", parse=character)


class _Line:
    """The file of a csv writer; keeps what was written last."""

    text = ""

    def write(self, text: str) -> None:
        self.text = text


class CSVDumperProcessor(Processor):
    """Turn an event into a row of CSV.

    In: dict. Out: text without a line end; a field that is missing is empty. Raises: ProcessingError, if the event is no dict.

    Example:
        pipelines:
          - id: Example
            sources:
              - {class: IteratorSource, args: {iterator: [{origin: EWR, dest: "Bob Hope, CA"}, {origin: JFK}]}}
            processors:
              - {class: CSVDumperProcessor, config: {columns: [origin, dest]}}
            sink: {class: PrintSink}
    """

    class Options(CSVDumperOptions):
        """Columns and characters."""

    def __init__(
        self, app: BSPumpApplication, pipeline: Pipeline, id: str | None = None, config: Mapping[str, Any] | None = None
    ) -> None:
        """See `Processor`.

        Raises:
            ConfigError: Delimiter and quotechar are the same.
        """
        super().__init__(app, pipeline, id, config)
        o = self.options
        if o.delimiter == o.quotechar:
            raise ConfigError(f"{self.locate_address()} has {o.delimiter!r} for 'delimiter' and for 'quotechar'")
        self._columns: list[str] = o.columns or []
        self._line = _Line()
        self._writer = csv.writer(self._line, delimiter=o.delimiter, quotechar=o.quotechar, lineterminator="")

    def process(self, context: Context, event: Event) -> Event:
        """Return the row."""
        try:
            self._writer.writerow([event.get(column) for column in self._columns])
        except (AttributeError, TypeError) as error:
            raise ProcessingError(f"expected a dict as a row, got {type(event).__name__}") from error
        return self._line.text

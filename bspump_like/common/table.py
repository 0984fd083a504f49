"""TableSink: rows as a table for people, at the end of the input."""

from __future__ import annotations

import asyncio
import io
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TextIO

from ..abc import Context, Event, ProcessorOptions, Sink, Snapshot
from ..config import option
from ..errors import DeliveryError, ProcessingError
from .print import write

if TYPE_CHECKING:
    from ..application import BSPumpApplication
    from ..pipeline import Pipeline


def _checked_formats(declared: Any) -> Any:
    if not isinstance(declared, Mapping):
        raise ValueError("expected column names with formats")
    for column, layout in declared.items():
        try:
            format(1, str(layout))
        except ValueError:
            raise ValueError(
                f"column '{column}' has {layout!r}; expected a number format such as .1f or ,d or .0%"
            ) from None
    return dict(declared)


class TableSink(Sink):
    """Collect events and print them as one table when the input has ended, or the pump is stopped.

    On a terminal the table is drawn by `rich`, elsewhere it is plain text, aligned, numbers to the right.

    In: dict. Out: nothing. Raises: ProcessingError, if an event is not a dict. Rows past `max_rows` are counted, not kept.
    The rows are stored with each barrier; after a crash some may be there twice.

    Example:
        pipelines:
          - id: Example
            sources:
              - {class: IteratorSource, args: {iterator: [{carrier: UA, delay: 4}, {carrier: AA, delay: 7}, {carrier: UA}]}}
            sink: {class: TableSink}
    """

    class Options(ProcessorOptions):
        """What the table shows."""

        columns: list[str] = option(
            [], "columns in this order; empty: those of the first row", example=["carrier", "flights"]
        )
        title: str = option("", "line above the table")
        sort_by: str = option(
            "", "column to sort by; with a minus in front: descending; empty: as they came", example="-mean"
        )
        limit: int = option(0, "rows to print, after sorting; 0: all", ge=0)
        max_rows: int = option(1000, "rows to keep in memory", ge=1)
        formats: dict[str, str] = option(
            {}, "column -> Python number format", parse=_checked_formats, example={"mean_delay": ".1f", "late": ".0%"}
        )
        headings: dict[str, str] = option({}, "column -> heading; otherwise the name of the column")

    def __init__(
        self, app: BSPumpApplication, pipeline: Pipeline, id: str | None = None, config: Mapping[str, Any] | None = None,
        stream: TextIO | None = None,
    ) -> None:  # fmt: skip
        """See `ProcessorBase`.

        Args:
            app: The application.
            pipeline: The pipeline.
            id: Name within the pipeline.
            config: Options.
            stream: Where to print; standard output when left out.
        """
        super().__init__(app, pipeline, id, config)
        self.Stream = stream
        self.Rows: list[Mapping[str, Any]] = []
        self.left_out = 0
        """Rows past `max_rows`."""
        self._max_rows: int = self.options.max_rows
        self._marked: Snapshot = None

    def process(self, context: Context, event: Event) -> None:
        """Keep one row."""
        if event.__class__ is not dict and not isinstance(event, Mapping):
            raise ProcessingError(f"expected a dict as a row, got {type(event).__name__}", detail=repr(event)[:80])
        self._marked = None
        if len(self.Rows) < self._max_rows:
            self.Rows.append(event)
        else:
            self.left_out += 1

    async def flush(self) -> None:
        """Do nothing: `mark` has the rows stored."""

    def mark(self) -> Snapshot:
        """Return the rows, for the store.

        A mark, not a snapshot: a snapshot would pause the input at each barrier, to spare a few rows that come twice after
        a crash.
        """
        if self._marked is None:
            rows = [{key: _plain(value) for key, value in row.items()} for row in self.Rows]
            self._marked = {"rows": rows, "left_out": self.left_out}
        return self._marked

    def restore(self, state: Snapshot) -> None:
        """Take the rows back."""
        self.Rows, self.left_out = list(state["rows"]), state["left_out"]

    async def on_end_of_input(self) -> None:
        """Print the table and begin a new one.

        Raises:
            DeliveryError: The stream does not take it; the rows are kept.
        """
        await self._print()
        self.Rows, self.left_out, self._marked = [], 0, None

    async def on_stop(self) -> None:
        """Print what there is when the pump is stopped midway; it stays stored and is printed again at the end."""
        if self.Rows:
            await self._print()

    async def _print(self) -> None:
        stream = self.Stream or sys.stdout
        text = self.render(terminal=stream.isatty())
        try:
            await asyncio.to_thread(write, stream, text)
        except (OSError, ValueError) as error:  # ValueError: the stream is closed
            raise DeliveryError(
                f"{self.locate_address()} cannot print its table", detail=str(error), retriable=False
            ) from error

    # How it looks

    def render(self, *, terminal: bool = False) -> str:
        """Return the table as text, for a terminal with colours and frames."""
        columns = self.options.columns or list(self.Rows[0] if self.Rows else ())
        rows = self._chosen()
        numeric = [any(_is_number(row.get(c)) for row in rows) for c in columns]
        cells = [[self._cell(column, row.get(column)) for column in columns] for row in rows]
        headings = [str(self.options.headings.get(column, column)) for column in columns]
        draw = _rich if terminal else _plain_table
        return draw(self.options.title, headings, numeric, cells) + self._footer(len(rows))

    def _chosen(self) -> list[Mapping[str, Any]]:
        rows, sort_by = self.Rows, self.options.sort_by
        if sort_by:
            column, descending = sort_by.removeprefix("-"), sort_by.startswith("-")
            present = sorted((row for row in rows if row.get(column) is not None), key=_by(column), reverse=descending)
            rows = present + [row for row in rows if row.get(column) is None]
        return rows[: self.options.limit] if self.options.limit else rows

    def _cell(self, column: str, value: Any) -> str:
        if value is None:
            return "-"
        layout = self.options.formats.get(column)
        if layout is not None and _is_number(value):
            return format(value, layout)
        return f"{value:.2f}" if isinstance(value, float) else str(value)

    def _footer(self, shown: int) -> str:
        total = len(self.Rows) + self.left_out
        if self.left_out:
            return f"{shown} of {total} rows; {self.left_out} came after 'max_rows' was reached and are not sorted in\n"
        return f"{shown} of {total} rows\n" if shown < total else ""


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _by(column: str) -> Any:
    # Numbers before text: a column may hold both.
    return lambda row: (0, row[column], "") if _is_number(row[column]) else (1, 0, str(row[column]))


def _plain(value: Any) -> Any:
    return value if isinstance(value, None | bool | int | float | str) else str(value)


def _plain_table(title: str, headings: Sequence[str], numeric: Sequence[bool], cells: Sequence[Sequence[str]]) -> str:
    if not headings:
        return f"{title}\n(no rows)\n" if title else "(no rows)\n"
    widths = [max(len(heading), *(len(row[at]) for row in cells), 0) for at, heading in enumerate(headings)]

    def line(texts: Sequence[str]) -> str:
        placed = zip(texts, widths, numeric, strict=True)
        return "  ".join(text.rjust(width) if right else text.ljust(width) for text, width, right in placed).rstrip()

    lines = [title] if title else []
    lines += [line(headings), "  ".join("-" * width for width in widths), *map(line, cells)]
    return "\n".join(lines) + "\n"


def _rich(title: str, headings: Sequence[str], numeric: Sequence[bool], cells: Sequence[Sequence[str]]) -> str:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table(title=escape(title) or None, title_justify="left")
    for heading, right in zip(headings, numeric, strict=True):
        table.add_column(escape(heading), justify="right" if right else "left")
    for row in cells:
        table.add_row(*map(escape, row))
    console = Console(file=io.StringIO(), force_terminal=True)
    console.print(table)
    drawn: str = console.file.getvalue()  # type: ignore[attr-defined]
    return drawn

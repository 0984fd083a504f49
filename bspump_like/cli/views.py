"""How a run shows what it does: a live table on a terminal, log lines elsewhere."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from .rows import Rates, Row, plain_line, summary_line

L = logging.getLogger(__name__)

_SUMMED_ABOVE = 30
"""Pipelines beyond so many are not shown one by one in the table: a terminal has no more lines."""


class View(Protocol):
    """Shows rows."""

    period: float
    """Seconds between two calls of `show`."""

    def start(self) -> None:
        """Begin; called once, when the pump runs."""

    def show(self, rows: Sequence[Row]) -> None:
        """Show how it stands."""

    def end(self, rows: Sequence[Row], code: int) -> None:
        """Show how it ended, with the exit code; called once, also when `start` never was."""


class PlainView:
    """A log line per period for each pipeline that changed, and a summary of each at the end on standard error.

    Args:
        period: Seconds between two reports.
        say: Takes a line; the log when left out.
    """

    def __init__(self, period: float, say: Callable[[str], None] | None = None) -> None:
        """Begin with nothing shown."""
        self.period = period
        self._say = say or _log
        self._rates = Rates()
        self._shown: dict[str, tuple[Any, ...]] = {}

    def start(self) -> None:
        """Do nothing: there is nothing to say yet."""

    def show(self, rows: Sequence[Row]) -> None:
        """Log the pipelines that changed."""
        for row in rows:
            if self._shown.get(row.id) != row.counts:
                self._shown[row.id] = row.counts
                self._say(plain_line(row, self._rates.of(row)))

    def end(self, rows: Sequence[Row], code: int) -> None:
        """Print the summaries."""
        for row in rows:
            print(summary_line(row), file=sys.stderr)


def _log(line: str) -> None:
    import asab

    L.log(asab.LOG_NOTICE, "%s", line)


class LiveView:
    """A table on standard error that follows the run, drawn by rich in a thread of its own."""

    period = 0.5

    def __init__(self) -> None:
        """Draw nothing yet."""
        self._live: Any = None
        self._rates = Rates()
        self._rows: Sequence[Row] = ()

    def start(self) -> None:
        """Put the table on the screen; what is logged or printed meanwhile scrolls above it."""
        from rich.console import Console
        from rich.live import Live

        self._live = Live(get_renderable=self._table, console=Console(stderr=True), refresh_per_second=2)
        self._live.start()
        for handler in logging.getLogger().handlers:
            if isinstance(handler, logging.StreamHandler) and handler.stream is sys.__stderr__:
                handler.setStream(sys.stderr)  # which is now a proxy of the table

    def show(self, rows: Sequence[Row]) -> None:
        """Take new rows; the next drawing shows them."""
        self._rows = rows

    def end(self, rows: Sequence[Row], code: int) -> None:
        """Draw the last state, leave it on the screen, and print the summaries."""
        if self._live is not None:
            self._rows = rows
            self._live.stop()
            for handler in logging.getLogger().handlers:
                if isinstance(handler, logging.StreamHandler):
                    handler.setStream(sys.stderr)
        for row in rows:
            print(summary_line(row), file=sys.stderr)

    def _table(self) -> Any:
        from rich.markup import escape
        from rich.progress_bar import ProgressBar
        from rich.table import Table

        rows = self._rows[:_SUMMED_ABOVE]
        finite = any(row.total for row in rows)
        # Eighty columns must do: the bar and long names give way, numbers never.
        table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))
        table.add_column("pipeline", no_wrap=True, min_width=8)
        for name, width in (("in", 9), ("out", 9), ("drop", 7), ("errors", 6), ("events/s", 8)):
            table.add_column(name, justify="right", no_wrap=True, min_width=width)
        table.add_column("state", no_wrap=True, min_width=9)
        if finite:
            table.add_column("input", width=10)
        for row in rows:
            errors = f"[red]{row.errors:,}[/]" if row.errors else "0"
            numbers = (
                f"{row.events_in:,}",
                f"{row.events_out:,}",
                f"{row.dropped:,}",
                errors,
                f"{self._rates.of(row):,.0f}",
            )
            bar = [ProgressBar(total=row.total, completed=row.done) if row.total else ""] if finite else []
            table.add_row(escape(row.id), *numbers, _coloured(escape(row.state)), *bar)
        if len(self._rows) > len(rows):
            table.caption = f"and {len(self._rows) - len(rows)} more"
        return table


def _coloured(state: str) -> str:
    colour = "red" if "error" in state else "yellow" if "throttled" in state else "green"
    return f"[{colour}]{state}[/]"


def choose_view(*, plain: bool, period: float, say: Callable[[str], None] | None = None) -> View:
    """Return the view for this run: the table on a terminal unless `plain`, else lines every `period` seconds."""
    if plain or not sys.stderr.isatty():
        return PlainView(period, say)
    return LiveView()

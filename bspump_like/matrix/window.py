"""TimeWindowMatrix: columns that are pieces of time."""

from __future__ import annotations

import asyncio
import itertools
import logging
import math
import numbers
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..config import Seconds, option
from ..errors import ConfigError, Problem, ProcessingError
from .columns import ColumnMatrix
from .matrix import Array, MatrixOptions
from .scatter import chosen, scatter

if TYPE_CHECKING:
    from ..application import BSPumpApplication

L = logging.getLogger(__name__)

COMPLETE = "Window complete!"
"""Published by a TimeWindowMatrix on its `PubSub`, with `matrix=`, `start=` and `end=` (UNIX seconds), before that time leaves
the window. One column in a sliding window, the whole in a tumbling one: the first columns of `Array`, up to `end`."""

FIRST_EVENT = "first event"
"""A `start_time`: the window is placed by the first event."""

_MARGIN = 0.25  # of a column: an event that near to the end of a sliding window moves it on


class TimeWindowMatrixOptions(MatrixOptions):
    """Options of matrices over time."""

    window: str = option(
        "sliding",
        "sliding: the window moves by one column; tumbling: by all of them, and keeps more columns behind it for `lateness`",
        choices=("sliding", "tumbling"),
    )
    lateness: Seconds | None = option(
        None, "an event is late when its column ended more than so many seconds before the newest event; "
        "empty: when it is out of the window", ge=0, example="10m",
    )  # fmt: skip
    max_advance: Seconds | None = option(
        None, "an event more than so many seconds ahead of the window is refused as early; empty: it moves the window",
        ge=0, example="1d",
    )  # fmt: skip


class TimeWindowMatrix(ColumnMatrix):
    """A named matrix whose columns are pieces of time of `resolution` seconds, the oldest first.

    The window ends at `Start` (which is in the future of what it holds) and reaches back to `End`; both are multiples of
    `resolution`. `advance(timestamp)` moves it on. Events from before it are late, from behind it early; both are counted.

    Time is event time: nothing reads the clock unless `clock_driven`. `update_events` takes a whole batch in order: each event
    moves the window when it has to, and is late or not by what the events before it have done, however they are batched.
    The watermark is the newest event less `lateness`.

    Example:
        matrices:
          - id: M
            class: TimeWindowMatrix
            args: {dtype: i8, start_time: 1000, resolution: 60, columns: 3}
        pipelines:
          - id: Count
            source:
              class: IteratorSource
              args:
                iterator:
                  - {user: anna, time: 1002}
                  - {user: anna, time: 1061}
                  - {user: bea, time: 10}
            processors:
              - class: MatrixUpdater
                config: {matrix: M, row: user, time: time, cells: count}
              - class: MatrixExporter
                config: {matrix: M}
            sink:
              class: PrintSink
    """

    class Options(TimeWindowMatrixOptions):
        """How the window moves."""

    def __init__(
        self,
        app: BSPumpApplication,
        dtype: Any = "float_",
        start_time: float | str | None = None,
        resolution: float = 60,
        columns: int = 15,
        clock_driven: bool = False,
        id: str | None = None,
        config: Mapping[str, Any] | None = None,
    ) -> None:
        """See `Matrix`.

        Args:
            app: The application.
            dtype: Type of a cell.
            start_time: A time within the last column, UNIX seconds; now when left out. `first event`: that of the first event.
            resolution: Seconds of one column.
            columns: Number of columns.
            clock_driven: Move the window on with the clock, too, every quarter of `resolution`.
            id: Name within the pump.
            config: Options.

        Raises:
            ConfigError: There is no column, the resolution is not above 0, or the start time is no number.
        """
        self.Resolution = resolution
        self.ClockDriven = clock_driven
        self.newest: float | None = None
        """Time of the newest event, UNIX seconds."""
        self.late = self.early = 0
        """Events that were refused as late or early."""
        self._given_start = start_time
        self._placed = False
        super().__init__(app, dtype, columns, id, config)
        self._late_counter: Any = None
        metrics: Any = app.get_service("asab.MetricsService")
        if metrics is not None:
            zero = {"events.late": 0, "events.early": 0}
            self._late_counter = metrics.create_counter(
                "EarlyLateEventCounter", tags={"matrix": self.Id}, init_values=zero
            )
            self._counted = (0, 0)

    def _configured(self) -> None:
        super()._configured()
        where = f"matrix {self.Id}"
        start: Any = self._given_start
        resolution: Any = self.Resolution
        if not isinstance(resolution, int | float | np.number) or not resolution > 0:
            problem = f"resolution is {resolution!r}, expected a number of seconds above 0"
            raise ConfigError([Problem(problem, ("args", "resolution"), where)])
        if not isinstance(start, numbers.Real | None) and start != FIRST_EVENT:
            raise ConfigError(
                [
                    Problem(
                        f"start_time is {start!r}", ("args", "start_time"), where, f"UNIX seconds, or '{FIRST_EVENT}'"
                    )
                ]
            )
        self._tumbling = tumbling = self.options.window == "tumbling"
        self._step = self.Columns if tumbling else 1
        self._margin = 0.0 if tumbling else _MARGIN
        if tumbling:
            self.Columns += math.ceil((self.options.lateness or 0) / self.Resolution)
        self._placed = start != FIRST_EVENT
        if self._placed:
            self._head = self._head_of(self.time() if start is None else float(start))

    # Time

    @property
    def Start(self) -> float:
        """Return where the window ends, UNIX seconds; not in it any more."""
        return self._head * self.Resolution

    @property
    def End(self) -> float:
        """Return where the window begins, UNIX seconds."""
        return (self._head - self.Columns) * self.Resolution

    def get_column(self, event_timestamp: float) -> int | None:
        """Return the column of a time, UNIX seconds; None, and counted as late or early, when it is not in the window."""
        if not self._placed:
            self._place(event_timestamp)
        if event_timestamp < self.End or (event_timestamp == self.End and not self._tumbling):
            self.late += 1
            return None
        if event_timestamp >= self.Start:
            self.early += 1
            return None
        return math.floor(event_timestamp / self.Resolution) - self._head + self.Columns

    def advance(self, target_ts: float) -> int:
        """Move the window on until a time, UNIX seconds, is in it, with a quarter of a column to spare.

        Returns:
            By how many columns it has moved.
        """
        if not self._placed:
            self._place(target_ts)
        return self._advance_to(math.floor(target_ts / self.Resolution + self._margin) + 1)

    def _place(self, timestamp: float) -> None:
        self._placed = True
        self.moves += 1
        self._head = self._head_of(timestamp)

    def _head_of(self, timestamp: float) -> int:
        number = math.floor(timestamp / self.Resolution)
        if not self._tumbling:
            return 1 + number
        return number // self._step * self._step + self.Columns  # a tumbling window begins at a multiple of its length

    def _advance_to(self, head: int) -> int:
        count = max(0, -(-(head - self._head) // self._step) * self._step)
        if count:
            self.settle()
        if type(self).add_column is not TimeWindowMatrix.add_column:
            for _ in range(0, count, self._step):  # somebody looks at each column before it leaves
                self.add_column()
            return count
        return self._move(count)

    def _move(self, count: int) -> int:
        moved = 0
        if COMPLETE in self.PubSub.Subscribers:
            while moved < min(count, self.Columns):  # beyond, there is nothing to look at
                start = self.End
                self.PubSub.publish(COMPLETE, matrix=self, start=start, end=start + self._step * self.Resolution)
                self._shift(self._step)
                moved += self._step
        self._shift(count - moved)
        return count

    def move_past(self) -> int:
        """Move the window on until everything in it has left, as at the end of the input; return by how many columns."""
        return self._advance_to(self._head + self.Columns)

    def add_column(self) -> None:
        """Move the window on by one column, a tumbling one by all of them. Override it to look at what leaves."""
        self.settle()
        self._move(self._step)

    @property
    def watermark(self) -> float | None:
        """Return the time before which columns are complete, UNIX seconds; None before the first event."""
        if self.newest is None:
            return None
        lateness = self.options.lateness
        return self.End if lateness is None else max(self.End, self.newest - lateness)

    # State; see `SharedState`

    def _layout(self) -> dict[str, Any]:
        return {**super()._layout(), "resolution": self.Resolution, "window": self.options.window}

    def _header(self) -> dict[str, Any]:
        window = {"placed": self._placed, "newest": self.newest, "late": self.late, "early": self.early}
        return {**super()._header(), "time": window}

    def load(self, header: Mapping[str, Any], streams: Mapping[str, Sequence[bytes]]) -> None:
        """Take the state back that `save` gave; see `Matrix.load`."""
        super().load(header, streams)
        window = header["time"]
        self._placed, self.newest = window["placed"], window["newest"]
        self.late, self.early = window["late"], window["early"]

    # Many events at once

    def update_events(
        self, names: Any, timestamps: Any, values: Any, how: str | Mapping[str, str] = "add", *, seen: str | None = None
    ) -> Array:
        """Update the cells of many events in one call, each moving the window on as it has to.

        Args:
            names: Names of rows, one an event; rows that are missing are opened, not for events that are late or early.
            timestamps: UNIX seconds, one an event.
            values: See `Matrix.update_rows`.
            how: See there.
            seen: See there.

        Returns:
            For each event whether it was taken; False: it was late or early.

        Raises:
            ProcessingError: A field is not there or values do not fit; events from before the window last moved have counted.
        """
        self.settle()
        times = np.asarray(timestamps, dtype=float)
        given = names.tolist() if isinstance(names, np.ndarray) else list(names)
        taken = np.ones(len(times), dtype=bool)
        if not len(times):
            return taken
        if not np.isfinite(times).all():
            raise ProcessingError(
                "a timestamp is no number", detail=f"event {int(np.argmin(np.isfinite(times)))} of the batch"
            )
        if not self._placed:
            self._place(times[0])
        heads = self._judge(times, taken)
        edges = [0, *(np.flatnonzero(np.diff(heads)) + 1).tolist(), len(times)]
        for first, last in itertools.pairwise(edges):
            self._advance_to(int(heads[first]))
            which = np.arange(first, last)[taken[first:last]]
            if len(which):
                some = [given[one] for one in which] if len(which) < last - first else given[first:last]
                cells = self.cells_of(some, times[which])
                scatter(self.Array, cells, chosen(values, which), how, seen)
        return taken

    def cells_of(self, names: Any, timestamps: Any) -> tuple[Array, Array]:
        """Return rows and columns of events that are in the window; rows that are missing are opened."""
        times = np.asarray(timestamps, dtype=float)
        self.newest = max(float(times.max()), -math.inf if self.newest is None else self.newest)
        columns = np.floor(times / self.Resolution).astype(np.intp) - (self._head - self.Columns)
        return self.add_rows(names), columns

    def accept(self, timestamp: float) -> bool:
        """Move the window on as one event at this time has to; return whether it is taken, not late and not early."""
        self.settle()
        if not self._placed:
            self._place(timestamp)
        taken = np.ones(1, dtype=bool)
        self._advance_to(int(self._judge(np.array([timestamp], dtype=float), taken)[0]))
        return bool(taken[0])

    def quiet_times(self) -> tuple[float, float]:
        """Return two times between which, exclusively, events are taken and the window stays as long as `moves` stays."""
        until = (self._head - self._margin) * self.Resolution
        lateness = self.options.lateness
        return max(self.End, -math.inf if lateness is None else until - lateness), until

    def _judge(self, times: Array, taken: Array) -> Array:
        """Set `taken` to False for late and early events; return by event where the window must stand (number of its head)."""
        numbers = np.floor(times / self.Resolution)
        wanted = np.floor(times / self.Resolution + self._margin) + 1
        limit = self.options.max_advance
        if limit is not None:
            self._refuse_early(times, wanted, taken, limit)
        wanted[~taken] = self._head
        heads = np.maximum.accumulate(np.maximum(wanted, self._head))
        heads = self._head + np.ceil((heads - self._head) / self._step) * self._step
        ends = (heads - self.Columns) * self.Resolution
        late = taken & (times < ends if self._tumbling else times <= ends)  # the contract has that edge outside
        counted = np.where(taken, times, -np.inf)
        newest = np.maximum.accumulate(np.maximum(counted, -np.inf if self.newest is None else self.newest))
        if self.options.lateness is not None:
            late |= taken & ((numbers + 1) * self.Resolution <= newest - self.options.lateness)
        taken &= ~late
        self.late += int(late.sum())
        if np.isfinite(newest[-1]):
            self.newest = float(newest[-1])
        return heads

    def _refuse_early(self, times: Array, wanted: Array, taken: Array, limit: float) -> None:
        """Refuse, in order, what is too far ahead of the window as it stands then."""
        if times.max() <= self.Start + limit:
            return
        head, step = self._head, self._step
        for index, (time, needed) in enumerate(zip(times.tolist(), wanted.tolist(), strict=True)):
            if time > head * self.Resolution + limit:
                taken[index] = False
                self.early += 1
            elif needed > head:
                head += math.ceil((needed - head) / step) * step

    # Beside

    async def on_start(self) -> None:
        """Begin to move with the clock, when `clock_driven`."""
        await super().on_start()
        if self.ClockDriven:
            self.App.pump_service.start_background(self._tick(), f"clock of matrix {self.Id}")

    async def _tick(self) -> None:
        while True:
            await self.on_clock_tick()
            await asyncio.sleep(self.Resolution / 4)

    async def on_clock_tick(self) -> None:
        """Move the window on to now; called every quarter of `resolution` when `clock_driven`."""
        self.advance(self.time())

    def rest_get(self) -> dict[str, Any]:
        """Return what the web API shows of this matrix, with its window."""
        return {
            **super().rest_get(), "Start": self.Start, "End": self.End, "Resolution": self.Resolution,
            "Watermark": self.watermark, "Late": self.late, "Early": self.early,
        }  # fmt: skip

    def _on_metrics(self, message_type: str) -> None:
        super()._on_metrics(message_type)
        self._late_counter.add("events.late", self.late - self._counted[0])
        self._late_counter.add("events.early", self.early - self._counted[1])
        self._counted = (self.late, self.early)

"""MatrixUpdater: count events into a matrix, by the batch."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..abc import Context, Event, Processor
from ..abc.processor import ConcurrencyOptions
from ..config import option
from ..errors import ConfigError, Problem, ProcessingError
from .cells import Cells
from .geo import GeoMatrix
from .named import NamedMatrix
from .places import MapPlaces, Places, RowPlaces, TimePlaces
from .window import TimeWindowMatrix

if TYPE_CHECKING:
    from ..application import BSPumpApplication
    from ..pipeline import Pipeline


class MatrixUpdaterOptions(ConcurrencyOptions):
    """Options of `MatrixUpdater`."""

    matrix: str = option(help="id of the matrix", refers="matrix", example="Delays")
    row: list[str] = option([], "field whose value names the row; several make a tuple", example=["origin"])
    time: str = option(
        "",
        "field of the event's time, UNIX seconds, a datetime or ISO 8601 text; for a TimeWindowMatrix",
        example="time",
    )
    lat: str = option("", "field of the latitude, degrees; for a GeoMatrix", example="lat")
    lon: str = option("", "field of the longitude, degrees; for a GeoMatrix", example="lon")
    cells: Any = option(
        help="field of the cell -> count, or {count|sum|min|max|last: field of the event}; only that when cells have no fields",
        example={"flights": "count", "delay": {"sum": "dep_delay"}},
    )
    late: str = option(
        "", "source that late and early events are sent to, instead of on; empty: they go on", example="Late"
    )
    batch: int = option(1000, "events collected before the matrix is updated in one call", ge=1)


class MatrixUpdater(Processor):
    """Count, sum and compare events into the cells of a matrix.

    In: dict. Out: the same, unchanged. Events are collected and brought into the matrix by the batch: before each barrier, before
    anybody looks through `Matrix.settle`, and at the latest every `batch` events. Values that are None or missing are left out
    of sums and extremes. An extreme (`min`, `max`) needs a count of the same field beside it, since an empty cell is 0.

    In a TimeWindowMatrix the events move the window on. Events that are late or early count nowhere but in the matrix's
    counters, and are sent to `late` when that is set. On a GeoMatrix events that are off the map count nowhere.

    The matrix is stored with each barrier, so a crash counts nothing twice. It is over all partitions of the sources: run such a
    pipeline with one worker.

    Raises: ProcessingError, if a field is missing that names the row, the time or the place, or a value does not fit its cell. A
    sum of whole numbers that does not fit any more halts the pipeline, whatever its `on_error`: nothing is counted wrongly.

    Example:
        matrices:
          - id: Delays
            class: NamedMatrix
            args:
              dtype: {flights: i8, known: i8, delay: f8, worst: f8}
        pipelines:
          - id: Count
            source:
              class: IteratorSource
              args:
                iterator:
                  - {origin: JFK, dep_delay: 12}
                  - {origin: JFK, dep_delay: -3}
                  - {origin: LGA, dep_delay: null}
            processors:
              - class: MatrixUpdater
                config:
                  matrix: Delays
                  row: origin
                  cells:
                    flights: count
                    known: {count: dep_delay}
                    delay: {sum: dep_delay}
                    worst: {max: dep_delay}
            sink:
              class: PrintSink
    """

    class Options(MatrixUpdaterOptions):
        """The matrix, the row, and what goes into the cells."""

    def __init__(
        self, app: BSPumpApplication, pipeline: Pipeline, id: str | None = None, config: Mapping[str, Any] | None = None
    ) -> None:
        """See `Processor`.

        Raises:
            ConfigError: What is declared does not suit the matrix.
            KeyError: There is no such matrix.
        """
        super().__init__(app, pipeline, id, config)
        self.Matrix: Any = app.pump_service.locate_matrix(self.options.matrix)
        self._check()
        self._cells = Cells(self.options.cells, self.Matrix.DType)
        self._read = self._cells.reader()
        self._finder = self._places_of()
        self._place = self._finder.of
        self._batch: int = self.options.batch
        self._places: list[Any] = []
        self._values: list[Any] = []
        self._target: Any = None
        self.Matrix.feed(self._bring_in)

    def _check(self) -> None:
        matrix, options = self.Matrix, self.options
        timed, mapped = isinstance(matrix, TimeWindowMatrix), isinstance(matrix, GeoMatrix)
        problems = [
            Problem(f"a {type(matrix).__name__} {'needs' if wanted else 'takes no'} '{name}'", (name,))
            for name, wanted in (("row", not mapped), ("time", timed), ("lat", mapped), ("lon", mapped))
            if bool(getattr(options, name)) != wanted
        ]
        if not mapped and not isinstance(matrix, NamedMatrix):
            problems = [Problem(f"the rows of {matrix.Id} have no names", ("matrix",), hint="make it a NamedMatrix")]
        if problems:
            raise ConfigError(problems)

    def _places_of(self) -> Places:
        matrix, options = self.Matrix, self.options
        if isinstance(matrix, TimeWindowMatrix):
            return TimePlaces(matrix, options.row, options.time)
        if isinstance(matrix, GeoMatrix):
            return MapPlaces(matrix, options.lat, options.lon)
        return RowPlaces(matrix, options.row)

    async def on_start(self) -> None:
        """Find where late events go."""
        if self.options.late:
            self._target = self.App.pump_service.connect_input(self.Pipeline, self.options.late)

    def process(self, context: Context, event: Event) -> Event:
        """Collect what the event brings."""
        try:
            values = self._read(event)
            place = self._place(event)
        except KeyError as error:
            raise ProcessingError(f"the event has no field {error}", detail=repr(event)[:200]) from error
        if place is None:
            return self._send_late(context, event)
        places = self._places
        places.append(place)
        self._values.append(values)
        if len(places) >= self._batch:
            with contextlib.suppress(ProcessingError):  # the pipeline has halted with it
                self._bring_in()
        return event

    def _send_late(self, context: Context, event: Event) -> Event:
        if self._target is None:
            return event
        self._target.accept(context, event)
        return None

    def _bring_in(self) -> None:
        if not self._places:
            return
        places, self._places = self._places, []
        values, self._values = self._values, []
        cells, there = self._finder.cells(places)
        try:
            brought = values if there is None else list(itertools.compress(values, there))
            self._cells.apply(self.Matrix.Array, cells, brought)
        except ProcessingError as error:
            # It is none of a single event, so no policy for events may pass over it.
            self._places, self._values = places + self._places, values + self._values
            self._batch = 2 * len(self._places)  # not with every event that is still under way
            self.Pipeline.set_error(None, None, error)
            raise
        self._batch = self.options.batch

"""Matrices as events: a source of whole matrices, and generators of their rows."""

from __future__ import annotations

import asyncio
import itertools
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..abc import Context, Event, Generator, ProcessorOptions, TriggerSource
from ..abc.state import SharedState
from ..config import option
from ..errors import ConfigError, Problem, ProcessingError
from .extract import Extract, extract_beside
from .matrix import Matrix
from .window import COMPLETE, TimeWindowMatrix

if TYPE_CHECKING:
    from ..application import BSPumpApplication
    from ..pipeline import Pipeline

_CHUNK = 500  # rows sent on in one step of the loop


class MatrixSource(TriggerSource):
    """Send a matrix, itself, at each firing of a trigger; put a `MatrixRowsGenerator` behind it.

    Out: the matrix. It goes on changing: what follows reads it at once or takes an `Extract`.

    Example:
        matrices:
          - id: M
            class: NamedMatrix
            args: {dtype: i8}
        pipelines:
          - id: Show
            source:
              class: MatrixSource
              args: {matrix_id: M}
            processors:
              - class: MatrixRowsGenerator
            sink:
              class: PrintSink
    """

    def __init__(
        self,
        app: BSPumpApplication,
        pipeline: Pipeline,
        matrix_id: str,
        id: str | None = None,
        config: Mapping[str, Any] | None = None,
    ) -> None:
        """See `TriggerSource`.

        Args:
            app: The application.
            pipeline: The pipeline.
            matrix_id: Id of the matrix.
            id: Name within the pipeline.
            config: Options.

        Raises:
            KeyError: There is no such matrix.
        """
        super().__init__(app, pipeline, id, config)
        self.Matrix: Matrix = app.pump_service.locate_matrix(matrix_id)

    async def cycle(self, *args: Any, **kwargs: Any) -> None:
        """Send the matrix."""
        self.Matrix.settle()
        await self.process(self.Matrix)


class MatrixRowsOptions(ProcessorOptions):
    """Options of generators of rows."""

    row: list[str] = option(
        ["name"], "field for the name of a row; several when names have parts", example=["origin", "carrier"]
    )


class MatrixRowsGenerator(Generator):
    """Turn a matrix into one event a row.

    In: a matrix, from a `MatrixSource`. Out: dicts, as `Extract` says: an open row with its name and fields; of a window
    each cell that is not empty, with name and time; of a map each cell that is not empty, with its place.
    Raises: ProcessingError, if the event is no matrix.

    Example:
        matrices:
          - id: Delays
            class: NamedMatrix
            args: {dtype: i8}
        pipelines:
          - id: Show
            source:
              class: MatrixSource
              args: {matrix_id: Delays}
            processors:
              - class: MatrixRowsGenerator
            sink:
              class: PrintSink
    """

    class Options(MatrixRowsOptions):
        """The names of fields."""

    def generate(self, context: Context, event: Event, depth: int) -> Any:
        """Inject the rows, in a task: there may be many."""
        if not isinstance(event, Matrix):
            raise ProcessingError(f"expected a matrix, got {type(event).__name__}", hint="put it behind a MatrixSource")
        return self._send(context, event, depth)

    async def _send(self, context: Context, matrix: Matrix, depth: int) -> None:
        extract = await extract_beside(matrix, name=self.options.row)
        rows: Iterable[dict[str, Any]] = await asyncio.to_thread(lambda: list(extract.rows()))
        rows = iter(rows)
        while chunk := list(itertools.islice(rows, _CHUNK)):
            for row in chunk:
                self.Pipeline.inject(context, row, depth)
            await asyncio.sleep(0)  # a turn for the others


class TimeWindowMatrixExportCSVGenerator(MatrixRowsGenerator):
    """Turn a TimeWindowMatrix into one event a row and column; BSPump's name of `MatrixRowsGenerator`.

    Example:
        matrices:
          - id: M
            class: TimeWindowMatrix
            args: {dtype: i8}
        pipelines:
          - id: Show
            source:
              class: MatrixSource
              args: {matrix_id: M}
            processors:
              - class: TimeWindowMatrixExportCSVGenerator
            sink:
              class: PrintSink
    """


class SessionMatrixExportCSVGenerator(MatrixRowsGenerator):
    """Turn a SessionMatrix into one event a row; BSPump's name of `MatrixRowsGenerator`.

    Example:
        matrices:
          - id: M
            class: SessionMatrix
            args: {dtype: {user: U16, hits: i8}}
        pipelines:
          - id: Show
            source:
              class: MatrixSource
              args: {matrix_id: M}
            processors:
              - class: SessionMatrixExportCSVGenerator
            sink:
              class: PrintSink
    """


class MatrixExporterOptions(MatrixRowsOptions):
    """Options of `MatrixExporter`."""

    matrix: str = option(help="id of the matrix", refers="matrix", example="Delays")
    when: str = option(
        "end", "end: all rows when the input has ended; window: a piece of a window when it is complete, what is left at the end",
        choices=("end", "window"),
    )  # fmt: skip


class MatrixExporter(Generator):
    """Send on what a matrix holds, behind the part that fills it: when the input has ended, or as windows are complete.

    In: any event; it ends here. Out: dicts, as `Extract` says. With `when: window` each column that leaves a sliding window, and
    the whole of a tumbling one, is sent on; then a crash may send a piece again, never leave one out.

    Example:
        matrices:
          - id: PerMinute
            class: TimeWindowMatrix
            args: {dtype: i8, start_time: 0, resolution: 60, columns: 1}
            config: {window: tumbling}
        pipelines:
          - id: Count
            source:
              class: IteratorSource
              args:
                iterator: [{user: anna, time: 3}, {user: anna, time: 59}, {user: bea, time: 61}]
            processors:
              - class: MatrixUpdater
                config: {matrix: PerMinute, row: user, time: time, cells: count}
              - class: MatrixExporter
                config: {matrix: PerMinute, when: window, row: user}
            sink:
              class: PrintSink
    """

    class Options(MatrixExporterOptions):
        """The matrix, and when to send it."""

    def __init__(
        self, app: BSPumpApplication, pipeline: Pipeline, id: str | None = None, config: Mapping[str, Any] | None = None
    ) -> None:
        """See `Generator`.

        Raises:
            ConfigError: Windows are wanted of a matrix that has none.
            KeyError: There is no such matrix.
        """
        super().__init__(app, pipeline, id, config)
        self.Matrix: Matrix = app.pump_service.locate_matrix(self.options.matrix)
        self._waiting: deque[Extract] = deque()
        self._sending: asyncio.Task[Any] | None = None
        if self.options.when == "window":
            if not isinstance(self.Matrix, TimeWindowMatrix):
                raise ConfigError(
                    [Problem(f"{self.Matrix.Id} has no window", ("when",), hint="make it a TimeWindowMatrix")]
                )
            self.Matrix.PubSub.subscribe(COMPLETE, self._on_complete)

    def shared_states(self) -> Sequence[SharedState]:
        """Return nothing: it only reads, beside the part that fills the matrix."""
        return () if self.options.when == "end" else (self.Matrix,)

    def process(self, context: Context, event: Event) -> None:
        """Take an event out of the way."""

    def _on_complete(self, _message_type: str, matrix: TimeWindowMatrix, start: float, end: float) -> None:
        self._waiting.append(Extract(matrix, columns=round((end - start) / matrix.Resolution), name=self.options.row))
        if self._sending is None or self._sending.done():
            self._sending = self.Pipeline.start_task(self._send_waiting(), self.PipelineDepth, {}, None, self)

    async def _send_waiting(self) -> None:
        while self._waiting:
            await self._send(self._waiting.popleft())

    async def on_end_of_input(self) -> None:
        """Send on everything, or what is left in the window."""
        if not isinstance(self.Matrix, TimeWindowMatrix) or self.options.when == "end":
            await self._send(await extract_beside(self.Matrix, name=self.options.row))
            return
        self.Matrix.settle()
        self.Matrix.move_past()
        if self._sending is not None:
            await asyncio.wait([self._sending])  # what stands behind is told of the end next

    async def _send(self, extract: Extract) -> None:
        for number, row in enumerate(extract.rows(), 1):
            self.Pipeline.inject({}, row, self.PipelineDepth + 1)
            if number % _CHUNK == 0:
                await asyncio.sleep(0)  # a turn for the others

"""TimeWindowAnalyzer: figures by name and time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from ..matrix import PersistentTimeWindowMatrix, TimeWindowMatrix
from .analyzer import MatrixAnalyzer

if TYPE_CHECKING:
    from ..application import BSPumpApplication
    from ..pipeline import Pipeline


class TimeWindowAnalyzer(MatrixAnalyzer):
    """Gather figures in a TimeWindowMatrix, `self.TimeWindow`; override `evaluate` and `analyze`.

    The matrix is stored with each barrier, so that a crash counts nothing twice.

    Example:
        from bspump_like.analyzer import TimeWindowAnalyzer


        class Hits(TimeWindowAnalyzer):
            def evaluate(self, context, event):
                self.TimeWindow.advance(event["time"])
                row, column = self.TimeWindow.add_row(event["user"]), self.TimeWindow.get_column(event["time"])
                if column is not None:
                    self.TimeWindow.Array[row, column] += 1

            def analyze(self):
                busy = self.TimeWindow.Array.sum(axis=1) > 1000
                for row in busy.nonzero()[0]:
                    self.send_alarm({"busy": self.TimeWindow.get_row_name(row)})
    """

    to_override: ClassVar[tuple[str, ...]] = ("evaluate",)

    def __init__(
        self,
        app: BSPumpApplication,
        pipeline: Pipeline,
        matrix_id: str | None = None,
        dtype: Any = "float_",
        columns: int = 15,
        analyze_on_clock: bool = False,
        resolution: float = 60,
        start_time: float | str | None = None,
        clock_driven: bool = False,
        persistent: bool = False,
        id: str | None = None,
        config: Mapping[str, Any] | None = None,
    ) -> None:
        """See `Analyzer`.

        Args:
            app: The application.
            pipeline: The pipeline.
            matrix_id: A matrix of the service; without one, a new matrix `IDMatrix` is made of the arguments that follow.
            dtype: Type of a cell.
            columns: Pieces of time.
            analyze_on_clock: Call `analyze` every `analyze_period` seconds.
            resolution: Seconds of one column.
            start_time: See `TimeWindowMatrix`.
            clock_driven: Move the window on with the clock, too.
            persistent: Keep the matrix in files.
            id: Name within the pipeline.
            config: Options.
        """
        super().__init__(app, pipeline, analyze_on_clock, id, config)
        columns, resolution = self._window(columns, resolution)
        cls = PersistentTimeWindowMatrix if persistent else TimeWindowMatrix
        self.TimeWindow = self.Matrix = self._own_or_located(
            matrix_id, lambda name: cls(app, dtype, start_time, resolution, columns, clock_driven, id=name)
        )

    def _window(self, columns: int, resolution: float) -> tuple[int, float]:
        """Return number and seconds of the columns; overridden where options say."""
        return columns, resolution

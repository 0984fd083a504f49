"""SessionAnalyzer: figures by session."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from ..matrix import PersistentSessionMatrix, SessionMatrix
from .analyzer import MatrixAnalyzer

if TYPE_CHECKING:
    from ..application import BSPumpApplication
    from ..pipeline import Pipeline


class SessionAnalyzer(MatrixAnalyzer):
    """Gather the fields of sessions in a SessionMatrix, `self.Sessions`; override `evaluate` and `analyze`.

    The matrix is stored with each barrier, so that a crash counts nothing twice.

    Example:
        from bspump_like.analyzer import SessionAnalyzer


        class Visits(SessionAnalyzer):
            def evaluate(self, context, event):
                sessions = self.Sessions
                row = sessions.add_row(event["session"])
                sessions.Array[row]["hits"] += 1
                if event.get("path") == "/logout":
                    self.send_alarm(sessions.decode_row(row))
                    sessions.close_row(event["session"])
    """

    to_override: ClassVar[tuple[str, ...]] = ("evaluate",)

    def __init__(
        self,
        app: BSPumpApplication,
        pipeline: Pipeline,
        matrix_id: str | None = None,
        dtype: Any = "float_",
        analyze_on_clock: bool = False,
        persistent: bool = False,
        id: str | None = None,
        config: Mapping[str, Any] | None = None,
    ) -> None:
        """See `Analyzer`.

        Args:
            app: The application.
            pipeline: The pipeline.
            matrix_id: A matrix of the service; without one, a new matrix `IDMatrix` is made.
            dtype: Type of a cell.
            analyze_on_clock: Call `analyze` every `analyze_period` seconds.
            persistent: Keep the matrix in files.
            id: Name within the pipeline.
            config: Options.
        """
        super().__init__(app, pipeline, analyze_on_clock, id, config)
        cls = PersistentSessionMatrix if persistent else SessionMatrix
        self.Sessions = self.Matrix = self._own_or_located(matrix_id, lambda name: cls(app, dtype, id=name))

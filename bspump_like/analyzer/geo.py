"""GeoAnalyzer: figures by place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from ..config import option
from ..matrix import GeoMatrix, PersistentGeoMatrix
from .analyzer import AnalyzerOptions, MatrixAnalyzer

if TYPE_CHECKING:
    from ..application import BSPumpApplication
    from ..pipeline import Pipeline


class GeoAnalyzerOptions(AnalyzerOptions):
    """The box on the map, Europe unless said otherwise."""

    max_lat: float = option(71.26, "northern edge, degrees", ge=-90, le=90)
    min_lat: float = option(23.33, "southern edge, degrees", ge=-90, le=90)
    min_lon: float = option(-10.10, "western edge, degrees", ge=-180, le=180)
    max_lon: float = option(40.6, "eastern edge, degrees", ge=-180, le=180)


class GeoAnalyzer(MatrixAnalyzer):
    """Gather figures on a GeoMatrix, `self.GeoMatrix`; override `evaluate` and `analyze`.

    The matrix is stored with each barrier, so that a crash counts nothing twice.

    Example:
        from bspump_like.analyzer import GeoAnalyzer


        class Traffic(GeoAnalyzer):
            def predicate(self, context, event):
                return self.GeoMatrix.is_in_boundaries(event["lat"], event["lon"])

            def evaluate(self, context, event):
                self.GeoMatrix.Array[self.GeoMatrix.project_equirectangular(event["lat"], event["lon"])] += 1
    """

    to_override: ClassVar[tuple[str, ...]] = ("evaluate",)

    class Options(GeoAnalyzerOptions):
        """The box on the map."""

    def __init__(
        self,
        app: BSPumpApplication,
        pipeline: Pipeline,
        matrix_id: str | None = None,
        dtype: Any = "float_",
        analyze_on_clock: bool = False,
        bbox: Mapping[str, float] | None = None,
        resolution: float = 5,
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
            analyze_on_clock: Call `analyze` every `analyze_period` seconds.
            bbox: `max_lat`, `min_lat`, `min_lon`, `max_lon` in degrees; the options when left out.
            resolution: Height of a cell in km.
            persistent: Keep the matrix in files.
            id: Name within the pipeline.
            config: Options.
        """
        super().__init__(app, pipeline, analyze_on_clock, id, config)
        options = self.options
        box = {corner: getattr(options, corner) for corner in ("max_lat", "min_lat", "min_lon", "max_lon")}
        cls = PersistentGeoMatrix if persistent else GeoMatrix
        self.GeoMatrix = self.Matrix = self._own_or_located(
            matrix_id, lambda name: cls(app, dtype, {**box, **(bbox or {})}, resolution, id=name)
        )

"""GeoMatrix: cells that are squares of a map."""

from __future__ import annotations

import math
import numbers
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ..config import option
from ..errors import ConfigError, Problem
from .matrix import Array, Matrix, MatrixOptions
from .scatter import chosen, scatter

if TYPE_CHECKING:
    from ..application import BSPumpApplication

EARTH_RADIUS = 6371.0
"""Mean radius of the Earth in km (IUGG)."""

CORNERS = ("max_lat", "min_lat", "min_lon", "max_lon")


class GeoMatrixOptions(MatrixOptions):
    """Options of matrices over a map: its bounding box, Europe by default."""

    max_lat: float = option(71.26, "northern edge of the map, degrees", ge=-90, le=90)
    min_lat: float = option(23.33, "southern edge of the map, degrees", ge=-90, le=90)
    min_lon: float = option(-10.1, "western edge of the map, degrees", ge=-180, le=180)
    max_lon: float = option(40.6, "eastern edge of the map, degrees", ge=-180, le=180)


class GeoMatrix(Matrix):
    """A map in squares: `Array[row, column]` is the cell of a place, the first row in the north, the first column in the west.

    The projection is equirectangular: degrees are divided evenly, so a cell is `resolution` km high, and as wide at the
    southern edge. The matrix has a fixed shape; it has no rows to open or close.

    Example:
        matrices:
          - id: M
            class: GeoMatrix
            args: {dtype: i8, resolution: 50}
        pipelines:
          - id: Count
            source:
              class: IteratorSource
              args:
                iterator:
                  - {lat: 50.1, lon: 14.4}
                  - {lat: 41.9, lon: 12.5}
                  - {lat: 0, lon: 0}
            processors:
              - class: MatrixUpdater
                config: {matrix: M, lat: lat, lon: lon, cells: count}
              - class: MatrixExporter
                config: {matrix: M}
            sink:
              class: PrintSink
    """

    class Options(GeoMatrixOptions):
        """The bounding box."""

    def __init__(
        self,
        app: BSPumpApplication,
        dtype: Any = "float_",
        bbox: Mapping[str, float] | None = None,
        resolution: float = 5,
        id: str | None = None,
        config: Mapping[str, Any] | None = None,
    ) -> None:
        """See `Matrix`.

        Args:
            app: The application.
            dtype: Type of a cell.
            bbox: `max_lat`, `min_lat`, `min_lon`, `max_lon` in degrees; those left out come from the options.
            resolution: Height of a cell in km.
            id: Name within the pump.
            config: Options.

        Raises:
            ConfigError: The box is empty, or has another key, or the resolution is not above 0.
        """
        self.Bbox: dict[str, float] = {}
        self.Resolution = resolution
        self.MapHeight = self.MapWidth = 1
        self._bbox: Any = bbox or {}
        super().__init__(app, dtype, id, config)

    def _configured(self) -> None:
        where = f"matrix {self.Id}"
        if not isinstance(self._bbox, Mapping):
            problem = f"bbox has {self._bbox!r}, expected keys with degrees"
            raise ConfigError([Problem(problem, ("args", "bbox"), where, ", ".join(CORNERS))])
        unknown = set(self._bbox).difference(CORNERS)
        if unknown:
            raise ConfigError([Problem(f"bbox has no '{unknown.pop()}'", ("args", "bbox"), where, ", ".join(CORNERS))])
        for corner, degrees in self._bbox.items():
            if isinstance(degrees, bool) or not isinstance(degrees, numbers.Real):
                problem = f"bbox has {degrees!r} for '{corner}', expected degrees"
                raise ConfigError([Problem(problem, ("args", "bbox"), where)])
        self.Bbox = {corner: float(self._bbox.get(corner, getattr(self.options, corner))) for corner in CORNERS}
        north, south, west, east = self.Bbox.values()
        if south >= north or west >= east:
            raise ConfigError(
                [Problem(f"the box {self.Bbox} is empty", ("args", "bbox"), where, "min must be below max")]
            )
        resolution: Any = self.Resolution
        if not isinstance(resolution, int | float | np.number) or not resolution > 0:
            raise ConfigError(
                [Problem(f"resolution {self.Resolution!r} is no number of km above 0", ("args", "resolution"), where)]
            )
        self.MapHeight = math.ceil(self.get_gps_distance(south, west, north, west) / self.Resolution)
        self.MapWidth = math.ceil(self.get_gps_distance(south, west, south, east) / self.Resolution)
        self.SizeHeight, self.SizeWidth = self.MapHeight * self.Resolution, self.MapWidth * self.Resolution

    # Shape: that of the map, always

    def build_shape(self, rows: int = 0) -> tuple[int, ...]:
        """Return the shape of the map."""
        return (self.MapHeight, self.MapWidth)

    def zeros(self, rows: int = 1) -> None:
        """Set every cell to zero."""
        super().zeros(self.MapHeight)
        self.ClosedRows.clear()

    def add_row(self) -> int:
        """Refuse: a map has no rows to open."""
        raise self._refuse("a map has a fixed shape, it has no rows to open")

    def add_rows(self, wanted: Any) -> Array:
        """Refuse: a map has no rows to open."""
        raise self._refuse("a map has a fixed shape, it has no rows to open")

    def close_rows(self, row_names: Iterable[Any], clear: bool = True) -> int:
        """Refuse: a map has no rows to close."""
        raise self._refuse("a map has a fixed shape, it has no rows to close")

    def _layout(self) -> dict[str, Any]:
        shape = list(self.build_shape())
        return {**super()._layout(), "shape": shape, "bbox": self.Bbox, "resolution": self.Resolution}

    # Places

    def is_in_boundaries(self, lat: float, lon: float) -> bool:
        """Tell whether a place, in degrees, is on the map; its edges are not."""
        return self.Bbox["min_lat"] < lat < self.Bbox["max_lat"] and self.Bbox["min_lon"] < lon < self.Bbox["max_lon"]

    def degrees_to_radians(self, degrees: float) -> float:
        """Return an angle in radians."""
        return math.radians(degrees)

    def get_gps_distance(self, lat1: float, lon1: float, lat2: float, lon2: float) -> float:
        """Return the distance of two places, given in degrees, in km, on a sphere (haversine formula)."""
        phi1, phi2 = math.radians(lat1), math.radians(lat2)
        across = math.sin(math.radians(lon2 - lon1) / 2) ** 2 * math.cos(phi1) * math.cos(phi2)
        return 2 * EARTH_RADIUS * math.asin(math.sqrt(math.sin((phi2 - phi1) / 2) ** 2 + across))

    def project_equirectangular(self, lat: float, lon: float) -> tuple[int, int]:
        """Return row and column of a place. That it is on the map is the caller's business: `is_in_boundaries`."""
        north, south, west, east = self.Bbox.values()
        row = (north - lat) / (north - south) * (self.MapHeight - 1)
        return int(row), int((lon - west) / (east - west) * (self.MapWidth - 1))

    def inverse_equirectangular(self, row: int, column: int) -> tuple[float, float]:
        """Return latitude and longitude of the middle of a cell, degrees."""
        north, south, west, east = self.Bbox.values()
        lat = north - (row + 0.5) / max(self.MapHeight - 1, 1) * (north - south)
        return lat, west + (column + 0.5) / max(self.MapWidth - 1, 1) * (east - west)

    def update_places(
        self, lats: Any, lons: Any, values: Any, how: str | Mapping[str, str] = "add", *, seen: str | None = None
    ) -> Array:
        """Update the cells of many places in one call.

        Args:
            lats: Latitudes in degrees, one an event.
            lons: Longitudes in degrees.
            values: See `Matrix.update_rows`.
            how: See there.
            seen: See there.

        Returns:
            For each event whether it was on the map; those that were not have changed nothing.

        Raises:
            ProcessingError: A field is not there or values do not fit.
        """
        cells, inside = self.cells_of(lats, lons)
        scatter(self.Array, cells, chosen(values, inside), how, seen)
        return inside

    def cells_of(self, lats: Any, lons: Any) -> tuple[tuple[Array, Array], Array]:
        """Return rows and columns of those of many places that are on the map, and which these are."""
        north, south, west, east = self.Bbox.values()
        lat, lon = np.asarray(lats, dtype=float), np.asarray(lons, dtype=float)
        inside: Array = (lat > south) & (lat < north) & (lon > west) & (lon < east)
        rows = ((north - lat[inside]) / (north - south) * (self.MapHeight - 1)).astype(np.intp)
        columns = ((lon[inside] - west) / (east - west) * (self.MapWidth - 1)).astype(np.intp)
        return (rows, columns), inside

    def rest_get(self) -> dict[str, Any]:
        """Return what the web API shows of this matrix, with its place on Earth."""
        return {**super().rest_get(), "Bbox": self.Bbox, "Resolution": self.Resolution}

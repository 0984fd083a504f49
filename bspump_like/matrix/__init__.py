"""Matrices: figures by row and column in numpy arrays, shared by the parts of a pump and stored with its positions."""

from ..errors import MissingDependency

try:
    import numpy  # noqa: F401 - here once, so that its absence is said in one sentence
except ModuleNotFoundError as error:
    raise MissingDependency("numpy", "matrix") from error

from .closed import ClosedRows
from .export import (
    MatrixExporter,
    MatrixRowsGenerator,
    MatrixSource,
    SessionMatrixExportCSVGenerator,
    TimeWindowMatrixExportCSVGenerator,
)
from .extract import Extract
from .geo import GeoMatrix
from .matrix import Matrix
from .named import NamedMatrix
from .persistent import (
    PersistentGeoMatrix,
    PersistentMatrix,
    PersistentNamedMatrix,
    PersistentSessionMatrix,
    PersistentTimeWindowMatrix,
)
from .picture import heat_map
from .session import SessionMatrix
from .updater import MatrixUpdater
from .window import TimeWindowMatrix

__all__ = [
    "ClosedRows", "Extract", "GeoMatrix", "Matrix", "MatrixExporter", "MatrixRowsGenerator", "MatrixSource", "MatrixUpdater",
    "NamedMatrix", "PersistentGeoMatrix", "PersistentMatrix", "PersistentNamedMatrix", "PersistentSessionMatrix",
    "PersistentTimeWindowMatrix", "SessionMatrix", "SessionMatrixExportCSVGenerator", "TimeWindowMatrix",
    "TimeWindowMatrixExportCSVGenerator", "heat_map",
]  # fmt: skip

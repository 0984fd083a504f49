"""Matrices: figures by row and column in numpy arrays, shared by the parts of a pump and stored with its positions."""

from ..errors import MissingDependency

try:
    import numpy  # noqa: F401 - here once, so that its absence is said in one sentence
except ModuleNotFoundError as error:
    raise MissingDependency("numpy", "matrix") from error

from .closed import ClosedRows
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
from .session import SessionMatrix
from .updater import MatrixUpdater
from .window import TimeWindowMatrix

__all__ = [
    "ClosedRows", "GeoMatrix", "Matrix", "MatrixUpdater", "NamedMatrix", "PersistentGeoMatrix", "PersistentMatrix",
    "PersistentNamedMatrix", "PersistentSessionMatrix", "PersistentTimeWindowMatrix", "SessionMatrix", "TimeWindowMatrix",
]  # fmt: skip

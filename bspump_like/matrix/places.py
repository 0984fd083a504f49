"""Where events belong in a matrix: a row, a row and a column, a square of a map."""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any, Protocol

import numpy as np

from ..errors import ProcessingError
from ..event_time import seconds_of
from .geo import GeoMatrix
from .named import NamedMatrix
from .window import TimeWindowMatrix

Array = np.ndarray[Any, Any]


class Places(Protocol):
    """Finds the place of one event, and the cells of many."""

    def of(self, event: Any) -> Any:
        """Return the place of an event, None when it is late or early.

        Raises:
            KeyError: The event has not a field that says it.
            ProcessingError: A field is there and says nothing.
        """

    def cells(self, places: Sequence[Any]) -> tuple[Any, Array | None]:
        """Return an index of the array for places, and which of them are in the matrix (None: all)."""


def name_reader(fields: Sequence[str]) -> Callable[[Any], Any]:
    """Return a function that reads the name of a row off an event: the value of one field, or a tuple of several."""
    find = itemgetter(*fields)

    def name_of(event: Any) -> Any:
        name = find(event)
        if name.__class__ is str:
            return name
        if not all(isinstance(part, str | int | float) for part in (name if isinstance(name, tuple) else (name,))):
            raise ProcessingError(f"{name!r} cannot name a row", hint="take text, a number, or several of them")
        return name

    return name_of


class RowPlaces:
    """Rows of a NamedMatrix, by name."""

    def __init__(self, matrix: NamedMatrix, row: Sequence[str]) -> None:
        """Take the fields that name the row."""
        self._matrix = matrix
        self.of = name_reader(row)

    def cells(self, places: Sequence[Any]) -> tuple[Any, Array | None]:
        """Return the rows."""
        return self._matrix.add_rows(places), None


class TimePlaces:
    """Rows and columns of a TimeWindowMatrix."""

    def __init__(self, matrix: TimeWindowMatrix, row: Sequence[str], time: str) -> None:
        """Take the fields that name the row, and the one that holds the time."""
        self._matrix, self._name_of, self._time = matrix, name_reader(row), time
        self._from, self._until, self._moves = math.inf, -math.inf, -1

    def of(self, event: Any) -> Any:
        """Return name and time; an event that moves the window on has done so."""
        time = event[self._time]
        if time.__class__ is not float and time.__class__ is not int:
            time = seconds_of(self._time, time)
        name = self._name_of(event)
        matrix = self._matrix
        if not self._from < time < self._until or self._moves != matrix.moves:
            if not matrix.accept(seconds_of(self._time, time)):
                return None
            self._from, self._until = matrix.quiet_times()
            self._moves = matrix.moves
        return name, time

    def cells(self, places: Sequence[Any]) -> tuple[Any, Array | None]:
        """Return rows and columns; the window has not moved since the places were found."""
        names, times = zip(*places, strict=True)
        return self._matrix.cells_of(names, times), None


class MapPlaces:
    """Squares of a GeoMatrix."""

    def __init__(self, matrix: GeoMatrix, lat: str, lon: str) -> None:
        """Take the fields that hold latitude and longitude."""
        self._matrix, self._lat, self._lon = matrix, lat, lon

    def of(self, event: Any) -> Any:
        """Return latitude and longitude."""
        return number(self._lat, event[self._lat]), number(self._lon, event[self._lon])

    def cells(self, places: Sequence[Any]) -> tuple[Any, Array | None]:
        """Return rows and columns of those that are on the map."""
        return self._matrix.cells_of(*zip(*places, strict=True))


def number(field: str, value: Any) -> float:
    """Return a number as it is; ProcessingError for anything else."""
    if isinstance(value, numbers.Real) and math.isfinite(value):
        return float(value)
    raise ProcessingError(f"'{field}' is {value!r}, which is no number", hint="put a CastProcessor before")

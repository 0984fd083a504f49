"""Many values into many cells at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from ..errors import ProcessingError
from .sums import check_sums

HOWS = ("add", "max", "min", "set")
"""How a value goes into a cell."""


class Plan(NamedTuple):
    """An update that has been checked: nothing can go wrong any more."""

    cells: np.ndarray[Any, Any]
    places: Any
    values: Any
    how: str
    fresh: Any


def scatter(
    array: np.ndarray[Any, Any], places: Any, values: Any, how: str | Mapping[str, str] = "add", seen: str | None = None
) -> None:
    """Put values into the cells at `places`, of which some may be the same.

    Args:
        array: The cells.
        places: What numpy takes as an index: an array of rows, or a tuple of arrays, one a dimension.
        values: One value or an array of them; for a structured dtype a mapping of field -> the same.
        how: `add`, `max`, `min`, or `set` (the last wins); for a structured dtype also a mapping of field -> that.
        seen: A field of numbers that is 0 in cells without events: there `max` and `min` start from nothing, not from 0.

    Raises:
        ProcessingError: A field is not there, the values do not fit into it, or a sum of whole numbers does not; nothing is
            changed then.
    """
    carry_out(planned(array, places, values, how, seen))


def planned(
    array: np.ndarray[Any, Any], places: Any, values: Any, how: str | Mapping[str, str] = "add", seen: str | None = None
) -> list[Plan]:
    """Check an update and change nothing; arguments and errors are those of `scatter`."""
    if array.dtype.names is None:
        named = [("", array, values, how if isinstance(how, str) else "add")]
    else:
        if not isinstance(values, Mapping):
            raise ProcessingError(
                "the cells have fields, so the values need names",
                hint=f"{{field: values}} of {', '.join(array.dtype.names)}",
            )
        named = [(name, _field(array, name), value, how if isinstance(how, str) else how.get(name, "add"))
                 for name, value in values.items()]  # fmt: skip
    fresh: Any = None
    if seen is not None and any(one in ("max", "min") for _, _, _, one in named):
        fresh = _fresh(_field(array, seen), places)
    plans = []
    for name, cells, value, one in named:
        given = _fitting(cells, value, one)
        if one == "add" and cells.dtype.kind in "iu":
            check_sums(name, cells, places, given)
        plans.append(Plan(cells, places, given, one, fresh))
    return plans


def carry_out(plans: list[Plan]) -> None:
    """Change the cells."""
    for cells, places, values, how, fresh in plans:
        if how == "set":
            cells[places] = values
        elif how == "add":
            np.add.at(cells, places, values)
        else:
            if fresh is not None:
                cells[fresh] = _identity(cells.dtype, how)
            (np.maximum if how == "max" else np.minimum).at(cells, places, values)


def chosen(values: Any, which: np.ndarray[Any, Any]) -> Any:
    """Return the values of the events that are chosen, for `scatter`; one value for all stays as it is."""
    if isinstance(values, Mapping):
        return {name: chosen(value, which) for name, value in values.items()}
    given = np.asarray(values)
    return given[which] if given.ndim else given


def _field(array: np.ndarray[Any, Any], name: str) -> np.ndarray[Any, Any]:
    if array.dtype.names is None or name not in array.dtype.names:
        raise ProcessingError(
            f"the cells have no field '{name}'", hint=f"they have {', '.join(array.dtype.names or ())}"
        )
    field: np.ndarray[Any, Any] = array[name]
    return field


def _fitting(cells: np.ndarray[Any, Any], value: Any, how: str) -> Any:
    if how not in HOWS:
        raise ProcessingError(f"cells cannot be updated by '{how}'", hint=f"use one of {', '.join(HOWS)}")
    given = np.asarray(value)
    wanted = cells.dtype
    if given.dtype == wanted or (how == "set" and wanted.kind not in "iu"):
        return given
    if not given.size:
        return given.astype(wanted)  # numpy takes an empty list for floats
    if (given.dtype.kind == "f" and wanted.kind in "iu") or given.dtype.kind not in "biuf":
        raise ProcessingError(
            f"values of type {given.dtype} do not fit into cells of type {wanted}",
            detail=repr(given.reshape(-1)[:3].tolist()), hint="give the field the type f8, or the values another",
        )  # fmt: skip
    if wanted.kind in "iu" and not np.can_cast(given.dtype, wanted):
        limits = np.iinfo(wanted)
        beyond = given[(given < limits.min) | (given > limits.max)]
        if beyond.size:
            raise ProcessingError(
                f"values do not fit into cells of type {wanted}", detail=repr(beyond.reshape(-1)[:3].tolist()),
                hint="give the field a wider type",
            )  # fmt: skip
    return given.astype(wanted)


def _fresh(seen: np.ndarray[Any, Any], places: Any) -> Any:
    unseen = seen[places] == 0
    if isinstance(places, tuple):
        return tuple(np.broadcast_to(one, unseen.shape)[unseen] for one in places)
    return np.asarray(places)[unseen]


def _identity(dtype: np.dtype[Any], how: str) -> Any:
    if dtype.kind == "f":
        return -np.inf if how == "max" else np.inf
    limits = np.iinfo(dtype)
    return limits.min if how == "max" else limits.max

"""Sums of whole numbers that do not fit their cells: numpy would go on from the other end without a word."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import ProcessingError

Array = np.ndarray[Any, Any]


def check_sums(field: str, cells: Array, places: Any, values: Array) -> None:
    """Make sure that values can be added to cells of whole numbers.

    A bound for the whole batch is tried first, which costs a look at the cells and the values; only where that is not enough are
    the sums made, cell by cell.

    Args:
        field: Name of the cells, for the message; empty when they have no fields.
        cells: All cells.
        places: The cells that are added to; some may be the same.
        values: One, or one a place, of the type of the cells.

    Raises:
        ProcessingError: A sum is beyond what a cell can hold.
    """
    limits = np.iinfo(cells.dtype)
    if not values.size:
        return
    least, most = (int(values), int(values)) if not values.ndim else (int(values.min()), int(values.max()))
    touched = cells[places]
    if not touched.size:
        return
    count = touched.size
    fits = most <= 0 or int(touched.max()) + most * count <= limits.max
    if fits and (least >= 0 or int(touched.min()) + least * count >= limits.min):
        return
    _add_up(field, cells, places, values, limits)


def _add_up(field: str, cells: Array, places: Any, values: Array, limits: Any) -> None:
    at = np.broadcast_arrays(*places) if isinstance(places, tuple) else [np.asarray(places)]
    numbers = np.ravel_multi_index([part.ravel() for part in at], cells.shape[: len(at)])
    wide: Any = np.int64 if limits.bits < 64 else object  # Python's own numbers have no limit
    each, which = np.unique(numbers, return_inverse=True)
    sums = cells[np.unravel_index(each, cells.shape[: len(at)])].astype(wide)
    np.add.at(sums, which, np.broadcast_to(values, at[0].shape).ravel().astype(wide))
    for found in (sums.max(), sums.min()):
        if not limits.min <= found <= limits.max:
            where = f"the cell field '{field}'" if field else "a cell"
            raise ProcessingError(
                f"the sum in {where} comes to {found}",
                detail=f"{cells.dtype.kind}{cells.dtype.itemsize} holds {limits.min} to {limits.max}",
                hint="give the cells a wider type, i8 or f8, and the matrix another id",
            )

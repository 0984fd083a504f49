"""The picture of a matrix: a heat map as PNG."""

from __future__ import annotations

import io
from typing import Any

import numpy as np

from ..errors import ProcessingError, needs
from .extract import Array, Extract

_LEAST, _MOST = 600, 4000  # pixels of the longer side

# Five points of viridis (N. Smith, S. van der Walt, 2015), which is even to the eye and to the colour-blind; linear in between.
_COLOURS = np.array([(68, 1, 84), (59, 82, 139), (33, 145, 140), (94, 201, 98), (253, 231, 37)], dtype=float)


def heat_map(extract: Extract, field: str = "", *, logarithmic: bool = False) -> bytes:
    """Return a PNG with a square for each cell: rows from the top, columns from the left, dark is low, bright is high.

    The text fields `Title`, `Minimum` and `Maximum` of the PNG say what it shows. Rows and columns beyond 4000 are averaged.

    Args:
        extract: Of the matrix.
        field: Which field of the cells; needed where they have any.
        logarithmic: Colours by log(1 + value), for values that differ by magnitudes; negative ones count as 0.

    Raises:
        MissingDependency: Pillow is not installed.
        ProcessingError: There is no such field, or it holds no numbers.
    """
    with needs("picture", package="Pillow"):
        from PIL import Image, PngImagePlugin
    values = _values(extract, field)
    least, most = (float(values.min()), float(values.max())) if values.size else (0.0, 0.0)
    shown = np.log1p(np.maximum(values, 0)) if logarithmic else values
    image = Image.fromarray(_coloured(_fitting(shown)))
    zoom = max(1, _LEAST // max(image.size))
    image = image.resize((image.width * zoom, image.height * zoom), Image.Resampling.NEAREST)
    about = PngImagePlugin.PngInfo()
    title = f"{extract.id} {field}".strip()
    for key, text in (("Title", title), ("Minimum", repr(least)), ("Maximum", repr(most))):
        about.add_itxt(key, text)
    png = io.BytesIO()
    image.save(png, "PNG", pnginfo=about)
    return png.getvalue()


def _values(extract: Extract, field: str) -> Array:
    cells = extract.cells
    names = cells.dtype.names
    if names is not None and field not in names:
        raise ProcessingError(
            f"the picture of {extract.id} needs a field of its cells", detail=field, hint=", ".join(names)
        )
    chosen: Array = cells[field] if names is not None else cells
    if chosen.dtype.kind not in "biuf":
        raise ProcessingError(f"the cells of {extract.id} hold no numbers to colour", detail=str(chosen.dtype))
    while chosen.ndim > 2:
        chosen = chosen.sum(axis=-1)
    flat: Array = np.atleast_2d(chosen.T).T.astype(float)
    return np.asarray(np.nan_to_num(flat))


def _fitting(values: Array) -> Array:
    """Average neighbours where there are more rows or columns than pixels."""
    for axis in (0, 1):
        step = -(-values.shape[axis] // _MOST)
        if step > 1:
            starts = np.arange(0, values.shape[axis], step)
            counts = np.diff([*starts, values.shape[axis]])
            sums = np.add.reduceat(values, starts, axis=axis)
            values = sums / (counts[:, None] if axis == 0 else counts)
    return values


def _coloured(values: Array) -> Array:
    if not values.size:
        return np.zeros((1, 1, 3), dtype=np.uint8)
    least, most = values.min(), values.max()
    share = (values - least) / (most - least) if most > least else np.zeros(values.shape)
    at = share * (len(_COLOURS) - 1)
    points = np.arange(len(_COLOURS))
    colours: Any = np.stack([np.interp(at, points, _COLOURS[:, channel]) for channel in range(3)], axis=-1)
    rounded: Array = colours.round().astype(np.uint8)
    return rounded

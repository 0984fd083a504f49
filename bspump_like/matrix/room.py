"""Room for a large matrix to grow in: addresses that are promised at once, and memory that the system gives page by page."""

from __future__ import annotations

import mmap
import sys
from typing import Any

import numpy as np

LARGE = 4 << 20
"""Bytes from which a matrix is given room: until then copying it into twice the memory takes a millisecond or two."""

ROOM = 4_000_000_000  # no power of two: columns that stand so far apart would share the lines of the processor's cache
_NO_RESERVE = getattr(mmap, "MAP_NORESERVE", 0x4000)  # Python names it from 3.13 on


def roomy_zeros(shape: tuple[int, ...], dtype: np.dtype[Any]) -> np.ndarray[Any, Any] | None:
    """Return an array of zeros that takes memory only where it is used; None where the system makes no such promises."""
    count = int(np.prod(shape, dtype=np.int64))
    if sys.platform != "linux":
        return None
    try:
        memory = mmap.mmap(-1, count * dtype.itemsize, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | _NO_RESERVE)
    except (OSError, ValueError, OverflowError):  # a limit of addresses (ulimit -v), or overcommit is off
        return None
    return np.frombuffer(memory, dtype, count).reshape(shape)

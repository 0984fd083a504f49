"""The wall clock that every part reads, so that a test can set it for all of them."""

from __future__ import annotations

import time
from collections.abc import Callable

_clock: Callable[[], float] = time.time


def wall_time() -> float:
    """Return the UNIX time in seconds; the machine's, unless a test has set another clock."""
    return _clock()


def set_wall_clock(clock: Callable[[], float] = time.time) -> Callable[[], float]:
    """Read another clock from now on; for tests. Returns the one before, to be set again."""
    global _clock
    before, _clock = _clock, clock
    return before

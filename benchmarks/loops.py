"""The two loops that everything is measured against."""

from __future__ import annotations

import time

from .chain import bare_methods, by_hand, new_keep, through_methods
from .measure import Row, Taken, Workload


def _by_hand(workload: Workload) -> Taken:
    keep = new_keep()
    began = time.process_time()
    by_hand(workload.lines, workload.users, keep.append)
    return Taken(time.process_time() - began, keep)


def _bare(workload: Workload) -> Taken:
    keep = new_keep()
    methods = bare_methods(workload.users, keep)
    began = time.process_time()
    through_methods(workload.lines, methods)
    return Taken(time.process_time() - began, keep)


def rows() -> list[Row]:
    """Return both."""
    return [
        Row("hand", "hand-written loop", _by_hand),
        Row("bare", "bare `for event: for process in chain`, bound methods", _bare),
    ]

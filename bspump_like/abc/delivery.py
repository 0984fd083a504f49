"""The types of delivery: what sources, processors and sinks hand to one another.

Nothing here runs. A position says where a source resumes; an outcome says how one event ended; a snapshot
is the state of a part at a barrier. `barrier.py` alone moves them.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

Event: TypeAlias = Any
"""Whatever travels down a pipeline; usually dict or bytes."""

Context: TypeAlias = dict[str, Any]
"""The dict that travels beside an event. One dict an event: a processor may write into it."""

Position: TypeAlias = Mapping[str, Any]
"""Partition name -> JSON value from which that partition resumes: the place *after* the last event read.

A source hands over only the partitions that moved; a later position of a partition replaces the earlier one.
A value of None forgets the partition.
"""

Snapshot: TypeAlias = Any
"""State of a part at a barrier: None, bool, int, float, str, bytes, and lists, tuples and dicts of them."""


class Outcome(enum.IntEnum):
    """How one event ended. An event that became several ends as the worst of them, in this order."""

    DROPPED = 1
    """A processor returned None or raised `Drop`; nothing is wrong."""
    PROCESSED = 2
    """A sink took it."""
    DEFERRED = 3
    """It failed for now; the store keeps it and it will be tried again."""
    REJECTED = 4
    """A processor raised `Reject`: bad input; a dead letter keeps it."""
    FAILED = 5
    """Any other error, after the pipeline's `on_error` policy has had its say."""


class Batch(NamedTuple):
    """What `ReaderSource.read` returns: events, where to resume after them, and their contexts when they have any."""

    events: Sequence[Event]
    position: Position | None = None
    contexts: Sequence[Context] | None = None

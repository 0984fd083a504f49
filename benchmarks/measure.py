"""Rows and how they are measured: round robin, CPU time, medians.

Rows take turns, so that a slow minute of the machine hits all of them; the ratio of a row is the median over the rounds of
its ratio within one round. The clock is `time.process_time`: CPU time of all threads, in which neighbours show less than in
wall time; waiting for a disk is not in it.
"""

from __future__ import annotations

import dataclasses
import gc
import statistics
from collections.abc import Callable, Sequence
from typing import Any

from .chain import Keep


class Unavailable(Exception):
    """A row that cannot run here; the message says why."""


@dataclasses.dataclass(frozen=True)
class Workload:
    """What a row is given.

    Attributes:
        lines: The events.
        users: The table to enrich from.
        folder: A temporary folder that lives as long as the run.
    """

    lines: list[bytes]
    users: dict[str, dict[str, Any]]
    folder: str


@dataclasses.dataclass(frozen=True)
class Taken:
    """One repetition of a row.

    Attributes:
        seconds: CPU time.
        last: The last results, to compare with those of other rows; None when they cannot be had (another process).
    """

    seconds: float
    last: Keep | None = None


@dataclasses.dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes:
        key: Name for `--rows`.
        title: What a reader sees.
        run: Takes the workload, returns one repetition.
        base: Key of the row that the ratio is against.
        plain: Key of the row whose cost per event is subtracted, for the row of one feature; empty for none.
        target: The ratio it should reach; 0 for none.
    """

    key: str
    title: str
    run: Callable[[Workload], Taken]
    base: str = "hand"
    plain: str = ""
    target: float = 0.0


@dataclasses.dataclass
class Result:
    """What was measured of one row.

    Attributes:
        row: The row.
        events: Events in one repetition.
        seconds: CPU time of each repetition.
        reason: Why there is no figure; empty when there is.
    """

    row: Row
    events: int
    seconds: list[float] = dataclasses.field(default_factory=list)
    reason: str = ""

    @property
    def rate(self) -> float:
        """Events per second of CPU, median."""
        return self.events / statistics.median(self.seconds)

    @property
    def best(self) -> float:
        """Events per second of CPU, the best repetition."""
        return self.events / min(self.seconds)

    @property
    def spread(self) -> float:
        """How far the worst repetition is from the best, as a share of the best."""
        return max(self.seconds) / min(self.seconds) - 1

    def ratio(self, base: Result) -> float:
        """Return the rate as a share of that of `base`, median over the rounds."""
        return statistics.median(b / s for s, b in zip(self.seconds, base.seconds, strict=True))

    def extra(self, plain: Result) -> float:
        """Return nanoseconds per event on top of `plain`, median over the rounds."""
        return statistics.median(s - p for s, p in zip(self.seconds, plain.seconds, strict=True)) / self.events * 1e9


def measure(rows: Sequence[Row], workload: Workload, repeat: int, say: Callable[[str], None]) -> dict[str, Result]:
    """Run all rows `repeat` times in turn.

    Args:
        rows: In the order in which they take turns.
        workload: Given to each.
        repeat: Rounds that count; one more before them warms up and does not.
        say: Takes a line of progress.

    Returns:
        Key of the row -> result.

    Raises:
        AssertionError: Two rows made different results of the same events.
    """
    results = {row.key: Result(row, len(workload.lines)) for row in rows}
    expected: Keep | None = None
    for turn in range(repeat + 1):
        say("warming up" if turn == 0 else f"round {turn} of {repeat}")
        for row in rows:
            result = results[row.key]
            if result.reason:
                continue
            gc.collect()
            try:
                taken = row.run(workload)
            except Unavailable as error:
                result.reason = str(error)
                result.seconds.clear()  # fewer rounds than the others would compare what does not belong together
                continue
            if taken.last is not None:
                expected = expected if expected is not None else taken.last
                assert list(taken.last) == list(expected), f"row {row.key} made other results than the rows before it"
            if turn:
                result.seconds.append(taken.seconds)
    return results

"""What a pipeline has done so far, as one row; from the pipelines of an application or from the reports of workers."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..secrecy import redact
from .text import one_line

if TYPE_CHECKING:
    from ..application import BSPumpApplication
    from ..pipeline import Pipeline


_STATE_WIDTH = 200


@dataclasses.dataclass
class Row:
    """One pipeline.

    Attributes:
        id: Of the pipeline.
        events_in: From its sources; the next four fields likewise since the start.
        state: As `Pipeline.state()` says: running, throttled, error: ..., finished.
        done: How much of a finite input is read, in the unit of the source; `total` is all of it, 0 when unknown.
        seconds: Since the start.
    """

    id: str
    events_in: int = 0
    events_out: int = 0
    dropped: int = 0
    errors: int = 0
    dead_letters: int = 0
    state: str = ""
    done: float = 0
    total: float = 0
    seconds: float = 0

    @property
    def counts(self) -> tuple[Any, ...]:
        """Return what tells whether something has changed."""
        return (self.events_in, self.events_out, self.dropped, self.errors, self.dead_letters, self.state)


def rows_of(app: BSPumpApplication, seconds: float, secrets: frozenset[str]) -> list[Row]:
    """Return a row for each pipeline of an application; a state with an error in it tells no secret."""
    return [_row(pipeline, seconds, secrets) for pipeline in app.pump_service.Pipelines.values()]


def _row(pipeline: Pipeline, seconds: float, secrets: frozenset[str]) -> Row:
    c = pipeline.counters
    done, total = _progress(pipeline)
    state = one_line(redact(pipeline.state(), secrets), _STATE_WIDTH)
    return Row(
        pipeline.Id,
        c.events_in,
        c.events_out,
        c.dropped,
        c.errors,
        c.dead_letters,
        state,
        done,
        total,
        seconds,
    )


def _progress(pipeline: Pipeline) -> tuple[float, float]:
    """Return the sum over the sources; nothing is known of the whole unless all of them know."""
    known = [one for source in pipeline.Sources if (one := getattr(source, "progress", _unknown)()) is not None]
    if len(known) < len(pipeline.Sources):
        return 0, 0
    return sum(done for done, _ in known), sum(total for _, total in known)


def _unknown() -> None:
    return None


COUNTS = ("events_in", "events_out", "dropped", "errors", "dead_letters")
"""The fields that add up over the lives of a worker."""


def carried_on(rows: Iterable[Row], carried: Mapping[str, Row], seconds: float) -> list[Row]:
    """Return the rows of a process with the counts of those before it in the same place added.

    Args:
        rows: Of the process that runs now; none while there is none.
        carried: Pipeline -> what the earlier ones have done.
        seconds: Between the start of the first and the start of this one.
    """
    found = []
    for row in rows:
        before = carried.get(row.id, Row(row.id))
        counts = {field: getattr(row, field) + getattr(before, field) for field in COUNTS}
        found.append(dataclasses.replace(row, seconds=row.seconds + seconds, **counts))
    here = {row.id for row in found}
    return found + [row for id, row in carried.items() if id not in here]


def merged(reports: Iterable[Iterable[Row]]) -> list[Row]:
    """Return one row per pipeline from the rows of all workers."""
    by_id: dict[str, list[Row]] = {}
    for report in reports:
        for row in report:
            by_id.setdefault(row.id, []).append(row)
    return [_sum(rows) for rows in by_id.values()]


def state_of(states: Sequence[str]) -> str:
    """Return the states of workers as one: theirs if it is the same, else how many are in which."""
    counts = Counter(states)
    return states[0] if len(counts) == 1 else ", ".join(f"{number} {name}" for name, number in counts.most_common())


def _sum(rows: list[Row]) -> Row:
    state = state_of([row.state for row in rows])
    summed = {field: sum(getattr(row, field) for row in rows) for field in (*COUNTS, "done", "total")}
    return Row(rows[0].id, state=state, seconds=max(row.seconds for row in rows), **summed)


class Rates:
    """Events per second of each pipeline, between two calls."""

    def __init__(self) -> None:
        """Begin with nothing seen."""
        self._seen: dict[str, tuple[float, int, float]] = {}

    def of(self, row: Row) -> float:
        """Return the rate since the last call for this pipeline; the mean since the start at first."""
        seconds, count, rate = self._seen.get(row.id, (0.0, 0, 0.0))
        passed = row.seconds - seconds
        if passed < 0.1:  # too short for a figure that means something
            return rate
        rate = max(row.events_in - count, 0) / passed
        self._seen[row.id] = (row.seconds, row.events_in, rate)
        return rate


def plain_line(row: Row, rate: float) -> str:
    """Return the log line of a pipeline that is running."""
    share = f", {row.done / row.total:.0%} of the input" if row.total else ""
    return f"{row.id}: {_counts(row)}, {rate:,.0f}/s{share}, {row.state}"


def summary_line(row: Row) -> str:
    """Return the last line of a pipeline."""
    rate = row.events_in / row.seconds if row.seconds else 0.0
    return f"{row.id}: {_counts(row)} in {row.seconds:.1f} s ({rate:,.0f}/s), {row.state}"


def _counts(row: Row) -> str:
    dead = f", {row.dead_letters:,} dead letters" if row.dead_letters else ""
    return f"{row.events_in:,} in, {row.events_out:,} out, {row.dropped:,} dropped, {row.errors:,} errors{dead}"

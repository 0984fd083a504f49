"""What was measured, as Markdown."""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Sequence

from .latency import Latency
from .measure import Taken
from .systems import System

TITLES = {
    "null": "Kafka to null",
    "cpu": "Kafka to null, CPU-bound",
    "kafka": "Kafka to Kafka",
    "elasticsearch": "Kafka to Elasticsearch",
}


@dataclasses.dataclass
class Result:
    """What was measured of one system on one path.

    Attributes:
        system: The system.
        path: The path.
        small: Runs of a few events: what starting costs.
        full: Runs of all events.
        latency: At half load.
        reason: Why there is no figure; empty when there is.
    """

    system: System
    path: str
    small: list[Taken] = dataclasses.field(default_factory=list)
    full: list[Taken] = dataclasses.field(default_factory=list)
    latency: Latency | None = None
    reason: str = ""

    @property
    def costs(self) -> list[float]:
        """CPU seconds of a million events, each round: what all cost without what starting with a few costs."""
        base = statistics.median(taken.cpu for taken in self.small)
        few = self.small[0].events
        return [(taken.cpu - base) / (taken.events - few) * 1e6 for taken in self.full]

    @property
    def cost(self) -> float:
        """CPU seconds of a million events, median."""
        return statistics.median(self.costs)

    @property
    def rate(self) -> float:
        """Events per second, median; 0 when it is not known."""
        return statistics.median([taken.rate for taken in self.full if taken.rate] or [0.0])

    @property
    def peak(self) -> int:
        """Most bytes resident, of all rounds."""
        return max(taken.peak for taken in self.full)

    @property
    def spread(self) -> float:
        """How far the dearest round is from the cheapest."""
        return max(self.costs) / min(self.costs) - 1

    def ratio(self, base: Result) -> float:
        """Return events per CPU second as a share of those of `base`, median over the rounds."""
        return statistics.median(b / c for c, b in zip(self.costs, base.costs, strict=False))


def table(results: Sequence[Result]) -> str:
    """Return one line for each system on one path."""
    lines = [
        "| system | CPU s per million | of the loop | spread | events/s | peak MB | p50 ms | p99 ms | at events/s | idle CPU |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    known = {one.system.key: one for one in results if one.full}
    for one in results:
        title = one.system.title
        if not one.full:
            lines.append(f"| {title} | not run: {one.reason} | | | | | | | | |")
            continue
        base = known.get(one.system.base)
        ratio = f"{one.ratio(base):.2f}" if base is not None else ""
        after = ["", "", "", ""]
        if one.latency is not None:
            late = one.latency
            after = (
                [f"{late.median * 1e3:,.0f}", f"{late.p99 * 1e3:,.0f}", f"{late.rate:,.0f}"]
                if late.p99
                else ["", "", ""]
            )
            after.append(f"{late.idle:.2%}")
        figures = [
            f"{one.cost:.2f}",
            ratio,
            f"{one.spread:.0%}",
            f"{one.rate:,.0f}",
            f"{one.peak / 2**20:,.0f}",
            *after,
        ]
        lines.append(f"| {title} | {' | '.join(figures)} |")
        if one.reason:
            lines.append(f"| - {one.reason} | | | | | | | | | |")
    return "\n".join(lines)


def tables(results: Sequence[Result]) -> str:
    """Return a section for each path."""
    parts = []
    for path, title in TITLES.items():
        rows = [one for one in results if one.path == path]
        if rows:
            parts += [f"## {title}", table(rows)]
            workers = _workers(rows)
            if workers:
                parts.append(workers)
    return "\n\n".join(parts)


def _workers(rows: Sequence[Result]) -> str:
    one = next((row for row in rows if row.system.key == "pump" and row.full), None)
    two = next((row for row in rows if row.system.key == "pump-2" and row.full), None)
    return (
        f"Two workers: {two.rate / one.rate:.2f} times the events/s of one."
        if one and two and one.rate and two.rate
        else ""
    )

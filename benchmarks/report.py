"""What was measured, as Markdown."""

from __future__ import annotations

import datetime
import os
import pathlib
import platform
from collections.abc import Mapping, Sequence

from .measure import Result

NOTE = """\
Five steps: parse JSON (orjson), drop one event in ten, enrich from a table of 10,000 users, derive two fields, dump JSON.
Rows take turns; figures are medians over the rounds of CPU time of the process with all its threads, so waiting for a disk
is not in them. `ratio` is against the hand-written loop: median over the rounds, and fastest round to fastest round. A target
is `unclear` where the two disagree. `on top` is what a feature costs an event, against the plain row, median over the rounds.
`spread` is how far the slowest round is from the fastest: the noise of the machine; differences below it mean little.
"""


def cpu_model() -> str:
    """Return what the processor calls itself."""
    info = pathlib.Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def headline(events: int, repeat: int) -> str:
    """Return date, machine and size of the run."""
    python = f"{platform.python_implementation()} {platform.python_version()}"
    return f"{datetime.date.today()}, {cpu_model()}, {python}, {events:,} events, {repeat} rounds"


def load() -> str:
    """Return how busy the machine was; say it behind the rows, since it explains their spread."""
    averages = ", ".join(f"{average:.2f}" for average in os.getloadavg())
    return f"Load averages after the run (1, 5, 15 minutes), {os.cpu_count()} cores: {averages}."


def table(results: Mapping[str, Result]) -> str:
    """Return one line for each row."""
    lines = [
        "| row | events/s | best | ratio | of bests | target | on top, ns/event | spread |",
        "| --- | ---: | ---: | ---: | ---: | --- | ---: | ---: |",
    ]
    for result in results.values():
        row = result.row
        title = f"{'- ' if row.title.startswith(' ') else ''}{row.title.strip()}"
        if not result.seconds:
            lines.append(f"| {title} | not run: {result.reason} | | | | | | |")
            continue
        base, plain = results.get(row.base), results.get(row.plain)
        measured = base is not None and bool(base.seconds)
        ratio = result.ratio(base) if base is not None and measured else 0.0
        of_bests = result.best / base.best if base is not None and measured else 0.0
        target = f"{row.target:.2f} {verdict(ratio, of_bests, row.target)}" if row.target else ""
        extra = f"{result.extra(plain):,.0f}" if plain is not None and plain.seconds else ""
        lines.append(
            f"| {title} | {result.rate:,.0f} | {result.best:,.0f} | {ratio:.3f} | {of_bests:.3f} | {target} | {extra}"
            f" | {result.spread:.0%} |"
        )
    return "\n".join(lines)


def verdict(ratio: float, of_bests: float, target: float) -> str:
    """Return whether a target is reached by both ratios, by neither, or by one of them."""
    reached = (ratio >= target) + (of_bests >= target)
    return ("MISSED", "unclear", "met")[reached]


def startup_table(taken: Sequence[tuple[str, float, float]]) -> str:
    """Return the start-up times."""
    lines = ["| started | wall, ms | CPU, ms |", "| --- | ---: | ---: |"]
    lines += [f"| {name} | {wall * 1e3:.0f} | {cpu * 1e3:.0f} |" for name, wall, cpu in taken]
    return "\n".join(lines)

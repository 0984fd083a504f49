"""The command line: which rows, how often, what becomes of the figures."""

from __future__ import annotations

import argparse
import logging
import pathlib
import sys
import tempfile

from . import files, loops, peers, pump, report
from .measure import Row, Unavailable, Workload, measure
from .memory import describe, measure_memory
from .results import replace_section
from .startup import measure_startup
from .workload import make_events, make_users

RESULTS = pathlib.Path(__file__).parent / "RESULTS.md"
TITLE = "Event path"
APART = ("startup", "memory")


def all_rows() -> list[Row]:
    """Return every row of the table, in its order."""
    return [*loops.rows(), *pump.rows(), *files.rows(), *peers.rows()]


def chosen(names: list[str], rows: list[Row]) -> list[Row]:
    """Return the rows with these names and those they are compared with; all of them for no name."""
    known = {row.key: row for row in rows}
    wanted = set(names) if names else set(known)
    for name in list(wanted & set(known)):
        wanted |= {"hand", known[name].base, known[name].plain}
    return [row for row in rows if row.key in wanted]


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Return the options, checked and with their defaults."""
    keys = [row.key for row in all_rows()]
    parser = argparse.ArgumentParser(
        prog="python benchmarks/event_path.py",
        description="Measure the event path on a five-step JSON chain against a hand-written loop and against peers.",
        epilog=f"rows: {', '.join([*keys, *APART])}. Peers are installed with: python -m benchmarks.peers --install",
    )
    parser.add_argument("--rows", default="", metavar="NAMES", help="only these rows, joined by ',' (all)")
    parser.add_argument("--events", type=int, metavar="N", help="events in each repetition (200000)")
    parser.add_argument("--repeat", type=int, metavar="N", help="rounds that count (5)")
    parser.add_argument("--quick", action="store_true", help="40000 events, 3 rounds, a million events for memory")
    parser.add_argument("--write", action="store_true", help=f"write {RESULTS.parent.name}/{RESULTS.name}")
    options = parser.parse_args(arguments)
    options.names = [name.strip() for name in options.rows.split(",") if name.strip()]
    unknown = [name for name in options.names if name not in (*keys, *APART)]
    if unknown:
        parser.error(f"there is no row '{unknown[0]}'; known: {', '.join([*keys, *APART])}")
    if options.write and (options.quick or options.names):
        parser.error("--write keeps whole runs: leave out --quick and --rows")
    options.events = options.events or (40_000 if options.quick else 200_000)
    options.repeat = options.repeat or (3 if options.quick else 5)
    if options.events < 1000 or options.repeat < 1:
        parser.error("at least 1000 events and one round")
    return options


def main(arguments: list[str] | None = None) -> int:
    """Measure, print, and write if asked; return the exit code."""
    options = parse(arguments)
    logging.disable(logging.WARNING)  # dozens of applications start and stop: only their errors are of interest
    parts = [f"# {TITLE}", report.headline(options.events, options.repeat), report.NOTE.strip()]
    rows = [] if options.names and set(options.names) <= set(APART) else chosen(options.names, all_rows())
    if rows:
        with tempfile.TemporaryDirectory() as folder:
            workload = Workload(make_events(options.events), make_users(), folder)
            parts.append(report.table(measure(rows, workload, options.repeat, _say)))
    if not options.names or "startup" in options.names:
        _say("start-up")
        parts += ["## Start-up", _startup(options.repeat)]
    if not options.names or "memory" in options.names:
        _say("memory")
        parts += ["## Memory", _memory(1_000_000 if options.quick else 10_000_000)]
    parts.append(report.load())
    text = "\n\n".join(parts) + "\n"
    print(text)
    if options.write:
        replace_section(RESULTS, TITLE, text.partition("\n\n")[2])
    return 0


def _startup(repeat: int) -> str:
    try:
        return report.startup_table(measure_startup(repeat))
    except Unavailable as error:
        return f"not measured: {error}"


def _memory(events: int) -> str:
    try:
        return describe(measure_memory(events), events)
    except Unavailable as error:
        return f"not measured: {error}"


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)

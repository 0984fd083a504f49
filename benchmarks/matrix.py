"""Measure matrices: `python benchmarks/matrix.py --help`."""

from __future__ import annotations

import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable

import numpy as np

sys.path[0] = str(pathlib.Path(__file__).resolve().parent.parent)  # started as a file: the package lies one folder up

from benchmarks.matrix_workload import make_batches  # noqa: E402
from benchmarks.peers import ROOT  # noqa: E402
from bspump_like import Pipeline  # noqa: E402
from bspump_like.matrix import MatrixUpdater, NamedMatrix, PersistentNamedMatrix, TimeWindowMatrix  # noqa: E402
from bspump_like.store import Commit, Store  # noqa: E402
from bspump_like.testing import fresh_application  # noqa: E402

RESULTS = pathlib.Path(__file__).parent / "MATRIX.md"
PEER = ROOT / "var" / "peers" / "bspump" / "bin" / "python"
CELL = [("count", "i8"), ("sum", "f8")]

NOTE = """\
A count and a sum of {events:,} events by 10,000 names, into a structured dtype. Rows take turns; figures are medians over the
rounds of CPU time (`time.process_time`). `of the loop`: against the loop written by hand with the same size of batches, which
resolves names with a dict (opening those that are missing) and uses `np.add.at`; median over the rounds of the ratio.
"""


class ByHand:
    """What somebody writes with a dict and two arrays."""

    def __init__(self) -> None:
        self.index: dict[str, int] = {}
        self.cells = np.zeros(16, dtype=CELL)

    def update(self, names: list[str], values: list[float]) -> None:
        """Take one batch."""
        find, count = self.index.__getitem__, len(names)
        try:
            rows = np.fromiter(map(find, names), np.intp, count)
        except KeyError:
            for name in names:
                self.index.setdefault(name, len(self.index))
            if len(self.index) > len(self.cells):
                grown = np.zeros(2 * len(self.index), dtype=CELL)
                grown[: len(self.cells)] = self.cells
                self.cells = grown
            rows = np.fromiter(map(find, names), np.intp, count)
        np.add.at(self.cells["count"], rows, 1)
        np.add.at(self.cells["sum"], rows, np.array(values))


def timed(work: Callable[[], None]) -> float:
    """Return CPU seconds of a call."""
    began = time.process_time()
    work()
    return time.process_time() - began


def hand(events: int, size: int) -> float:
    """Measure the loop by hand."""
    batches, by_hand = make_batches(events, size), ByHand()
    seconds = timed(lambda: [by_hand.update(names, values) for names, values in batches] and None)
    assert by_hand.cells["count"].sum() == events
    return seconds


def bulk(events: int, size: int) -> float:
    """Measure `update_rows`."""
    batches = make_batches(events, size)
    with fresh_application() as app:
        matrix = NamedMatrix(app, dtype=CELL)
        seconds = timed(lambda: [matrix.update_rows(n, {"count": 1, "sum": v}) for n, v in batches] and None)
    assert matrix.Array["count"].sum() == events
    return seconds


def one_by_one(events: int) -> float:
    """Measure the contract's way in our matrix: a row, a cell, for each event."""
    batches = make_batches(events, 1000)
    with fresh_application() as app:
        matrix = NamedMatrix(app, dtype=CELL)

        def work() -> None:
            for names, values in batches:
                for name, value in zip(names, values, strict=True):
                    cell = matrix.Array[matrix.add_row(name)] if name in matrix.N2IMap else _opened(matrix, name)
                    cell["count"] += 1
                    cell["sum"] += value

        seconds = timed(work)
    assert matrix.Array["count"].sum() == events
    return seconds


def _opened(matrix: NamedMatrix, name: str) -> np.void:
    row = matrix.add_row(name)
    cell: np.void = matrix.Array[row]
    return cell


def declared(events: int) -> float:
    """Measure `MatrixUpdater.process`, event by event, which collects and updates by the thousand."""
    pairs = [pair for batch in make_batches(events, 1000) for pair in zip(*batch, strict=True)]
    all_events = [{"name": name, "value": value} for name, value in pairs]
    with fresh_application() as app:
        matrix = NamedMatrix(app, dtype=CELL, id="M")
        app.pump_service.add_matrix(matrix)
        cells = {"count": "count", "sum": {"sum": "value"}}
        updater = MatrixUpdater(app, Pipeline(app, "P"), config={"matrix": "M", "row": "name", "cells": cells})

        def work() -> None:
            for event in all_events:
                updater.process({}, event)
            matrix.settle()

        seconds = timed(work)
    assert matrix.Array["count"].sum() == events
    return seconds


def bspump(events: int) -> float:
    """Measure BSPump, in its own environment (`python -m benchmarks.peers --install bspump`)."""
    command = [str(PEER), "-m", "benchmarks.peer_bspump_matrix", "--events", str(events)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    seconds: float = json.loads(done.stdout.splitlines()[-1])["seconds"]
    return seconds


ROWS: dict[str, tuple[str, Callable[[int], float], str]] = {
    "hand-1k": ("loop by hand, batches of 1,000", lambda n: hand(n, 1000), ""),
    "bulk-1k": ("`update_rows`, batches of 1,000", lambda n: bulk(n, 1000), "hand-1k"),
    "hand-10k": ("loop by hand, batches of 10,000", lambda n: hand(n, 10_000), ""),
    "bulk-10k": ("`update_rows`, batches of 10,000", lambda n: bulk(n, 10_000), "hand-10k"),
    "hand-all": ("loop by hand, one batch", lambda n: hand(n, n), ""),
    "bulk-all": ("`update_rows`, one batch", lambda n: bulk(n, n), "hand-all"),
    "declared": ("`MatrixUpdater`, event by event", declared, "hand-1k"),
    "one": ("our matrix, cell by cell (the contract's way)", one_by_one, "hand-1k"),
    "bspump": ("BSPump 21.11, cell by cell as it works", bspump, "hand-1k"),
}


def measure_updates(events: int, rounds: int) -> list[str]:
    """Return the table of updates."""
    seconds: dict[str, list[float]] = {key: [] for key in ROWS}
    missing = "" if PEER.exists() else "not installed"
    for number in range(rounds + 1):
        for key, (title, run, _) in ROWS.items():
            if key == "bspump" and missing:
                continue
            taken = run(events)
            if number:  # the first round warms up
                seconds[key].append(taken)
            print(f"round {number}: {title}: {taken:.3f} s", file=sys.stderr)
    lines = ["| row | events/s | of the loop | against BSPump | spread |", "| --- | ---: | ---: | ---: | ---: |"]
    for key, (title, _, base) in ROWS.items():
        taken_ = seconds[key]
        if not taken_:
            lines.append(f"| {title} | {missing} | | | |")
            continue
        ratio = statistics.median(b / s for s, b in zip(taken_, seconds[base], strict=True)) if base else 1.0
        peer = statistics.median(b / s for s, b in zip(taken_, seconds["bspump"], strict=True)) if not missing else 0.0
        spread = max(taken_) / min(taken_) - 1
        rate = events / statistics.median(taken_)
        lines.append(f"| {title} | {rate:,.0f} | {ratio:.2f} | {f'{peer:.1f}x' if peer else ''} | {spread:.0%} |")
    return lines


def measure_barriers() -> list[str]:
    """Return the table of barriers: how long the event loop stands still, and how long the thread of the store works."""
    lines = [
        "| matrix | cells | loop, ms | first, ms | store thread, ms |", "| --- | ---: | ---: | ---: | ---: |"
    ]  # fmt: skip
    with fresh_application() as app, tempfile.TemporaryDirectory() as folder:
        named = ("NamedMatrix", lambda: NamedMatrix(app, dtype=CELL))
        window = ("TimeWindowMatrix, 15 columns", lambda: TimeWindowMatrix(app, CELL, start_time=0))
        in_files = ("PersistentNamedMatrix", lambda: _in_files(app, folder))
        made: list[tuple[str, Callable[[], NamedMatrix], int]] = [
            *((*named, rows) for rows in (10_000, 100_000, 1_000_000)),
            *((*window, rows) for rows in (10_000, 100_000)),
            *((*in_files, rows) for rows in (10_000, 100_000)),
        ]
        for number, (title, make, rows) in enumerate(made):
            store = Store(f"{folder}/{number}.db")
            matrix = make()
            first, loop, thread = _barriers(matrix, rows, store)
            store.close()
            cells = f"{matrix.Array.shape} = {matrix.Array.nbytes / 2**20:.1f} MiB"
            lines.append(f"| {title} | {cells} | {loop:.2f} | {first:.2f} | {thread:.1f} |")
    return lines


def _in_files(app: object, folder: str) -> NamedMatrix:
    matrix = PersistentNamedMatrix(app, CELL, config={"path": f"{folder}/files"})  # type: ignore[arg-type]
    matrix.Path = matrix.create_path()
    matrix.zeros()
    return matrix


def _barriers(matrix: NamedMatrix, rows: int, store: Store) -> tuple[float, float, float]:
    names = [f"key-{number:07d}" for number in range(rows)]
    random_ = np.random.default_rng(5)
    columns = matrix.Array.shape[1] - 1 if matrix.Array.ndim > 1 else None
    matrix.add_rows(names)
    loop, thread = [], []
    for _ in range(12):
        hit = [names[one] for one in random_.integers(0, rows, 10_000)]
        matrix.update_rows(hit, {"count": 1, "sum": 1.0}, columns=columns)
        preparation = matrix.preparation()
        if preparation is not None:
            preparation()  # in a pump, on a thread
        began = time.perf_counter()
        saved = matrix.save()
        loop.append((time.perf_counter() - began) * 1000)
        began = time.perf_counter()
        store.commit(Commit(shared={"M": (["P"], saved)}))
        thread.append((time.perf_counter() - began) * 1000)
        saved.done()
    return loop[0], statistics.median(loop[2:]), statistics.median(thread[2:])


def main() -> int:
    """Measure and write `MATRIX.md`; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--dry", action="store_true", help="print only, write no file")
    arguments = parser.parse_args()
    text = "\n".join([
        "# Matrices", "", NOTE.format(events=arguments.events), *measure_updates(arguments.events, arguments.rounds), "",
        "## Barriers", "",
        "10,000 updates at random between two barriers; wall time. `loop`: for how long the event loop stands still, median;",
        "`first`: the same at the first barrier; `store thread`: to find and write what differs.",
        "", *measure_barriers(), "",
    ])  # fmt: skip
    print(text)
    if not arguments.dry:
        RESULTS.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())

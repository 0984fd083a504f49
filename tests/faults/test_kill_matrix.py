"""`kill -9` of a pump with a matrix: after each death the store holds, cell for cell, what the lines up to its position give."""

from __future__ import annotations

import contextlib
import pathlib
from collections.abc import Iterator
from typing import Any

import pytest

from bspump_like import matrix as matrices
from bspump_like.store import Store
from bspump_like.testing import fresh_application
from tests.faults import definitions
from tests.faults.conftest import Make, Scale
from tests.faults.definitions import DUMP, INTERNAL, PARSE, Tree, lines_sink, lines_source, own, part, pipeline
from tests.faults.harness import Deaths, Pump, Stored, write_events

CELLS = {"n": "count", "known": {"count": "id"}, "sum": {"sum": "id"}, "least": {"min": "id"}, "most": {"max": "id"}}
DTYPE = {"n": "i8", "known": "i4", "sum": "f8", "least": "i8", "most": "i8"}


def pump(matrix: Tree, *, behind_generator: bool, **config: Any) -> Tree:
    """Return lines that are counted into a matrix, at once or behind a generator and a link."""
    updater = part("bspump.matrix", "MatrixUpdater", matrix="M", cells=CELLS, **config)
    if not behind_generator:
        pipelines = [pipeline("P", lines_source(), [PARSE, updater, DUMP], lines_sink())]
    else:
        pipelines = [
            pipeline("P", lines_source(), [PARSE, own("Halves")], part("bspump.common", "InternalSink", target="Last")),
            pipeline("Last", INTERNAL, [updater, DUMP], lines_sink()),
        ]
    return {"matrices": [matrix], **definitions.pump(*pipelines)}


@contextlib.contextmanager
def stored_matrix(matrix: Tree, store: pathlib.Path) -> Iterator[Any]:
    """Give the matrix that a store holds, in an application for it alone."""
    opened = Store(str(store))
    try:
        with fresh_application() as app:
            built = getattr(matrices, matrix["class"]).construct(app, matrix)
            found = opened.shared("M")
            if found is not None:
                built.Path = str(store.parent.parent / "store.matrices" / "M")  # where the files of a persistent one are
                built.load(*found)
            yield built
    finally:
        opened.close()


def by_name(matrix: Any) -> dict[str, Any]:
    return {name: matrix.Array[row].tolist() for name, row in matrix.N2IMap.items()}


def kill_and_compare(pump: Pump, matrix: Tree, scale: Scale, expected: Any) -> None:
    """Kill the pump again and again; `expected(built, lines)` fails if the matrix is not what so many lines give."""
    places: list[int] = []

    def check(stored: Stored) -> None:
        with stored_matrix(matrix, pump.folder / "store-copy" / "store.db") as built:
            expected(built, stored.line)
        places.append(stored.line)

    Deaths(pump, scale.events, scale.kills, scale.seed, check).run()
    assert places[-1] == scale.events
    assert len({place for place in places if 0 < place < scale.events}) > 1, "it was never killed on its way"


@pytest.mark.parametrize(
    ("kind", "behind_generator"), [("NamedMatrix", False), ("NamedMatrix", True), ("PersistentNamedMatrix", False)]
)
def test_a_killed_pump_leaves_a_named_matrix_as_its_position_says(
    make: Make, scale: Scale, kind: str, behind_generator: bool
) -> None:
    matrix = {"id": "M", "class": kind, "args": {"dtype": DTYPE}}
    killed = make(pump(matrix, behind_generator=behind_generator, row=["group"], batch=77))
    write_events(killed.folder / "in.ndjson", scale.events)
    times = 2 if behind_generator else 1  # each line becomes two events

    def expected(built: Any, lines: int) -> None:
        rows = {}
        for group in range(min(7, lines)):
            ids = range(group, lines, 7)
            rows[f"g{group}"] = (len(ids) * times, len(ids) * times, float(sum(ids) * times), ids[0], ids[-1])
        assert by_name(built) == rows

    kill_and_compare(killed, matrix, scale, expected)


@pytest.mark.parametrize("kind", ["TimeWindowMatrix", "PersistentTimeWindowMatrix"])
def test_a_killed_pump_leaves_a_window_of_time_as_its_position_says(make: Make, scale: Scale, kind: str) -> None:
    args = {"dtype": DTYPE, "start_time": 0, "resolution": 500, "columns": 4}
    matrix = {"id": "M", "class": kind, "args": args}
    killed = make(pump(matrix, behind_generator=False, row=["group"], time="id", batch=77))
    write_events(killed.folder / "in.ndjson", scale.events)

    def expected(built: Any, lines: int) -> None:
        fresh = matrices.TimeWindowMatrix(built.App, id="fresh", **args)
        ids = list(range(lines))
        update = {"n": 1, "known": 1, "sum": [float(id) for id in ids], "least": ids, "most": ids}
        fresh.update_events([f"g{id % 7}" for id in ids], ids, update, {"least": "min", "most": "max"}, seen="n")
        assert by_name(built) == by_name(fresh)
        assert (built.Start, built.late, built.WarmingUpCount.tolist()) == (
            fresh.Start, fresh.late, fresh.WarmingUpCount.tolist(),
        )  # fmt: skip

    kill_and_compare(killed, matrix, scale, expected)

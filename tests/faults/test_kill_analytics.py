"""`kill -9` of deduplication, joins and sketches: what they have written at the end is what a run in one go writes."""

from __future__ import annotations

import pathlib
import random
from collections.abc import Callable
from typing import Any

import orjson
import pytest

from tests.faults import definitions
from tests.faults.conftest import Make, Scale
from tests.faults.definitions import (
    DUMP,
    INTERNAL,
    MOST_IN_FLIGHT,
    PARSE,
    Tree,
    lines_sink,
    lines_source,
    own,
    part,
    pipeline,
)
from tests.faults.harness import Deaths, Pump, Stored

Write = Callable[[pathlib.Path, int], Any]


@pytest.fixture(params=[
    pytest.param((20_000, 6), id="short"),
    pytest.param((400_000, 100), id="long", marks=[pytest.mark.soak, pytest.mark.timeout(3600)]),
])  # fmt: skip
def scale(request: pytest.FixtureRequest) -> Scale:
    return Scale(*request.param)


def write(folder: pathlib.Path, events: list[dict[str, Any]]) -> None:
    (folder / "in.ndjson").write_bytes(b"".join(orjson.dumps(event) + b"\n" for event in events))


def read(pump: Pump, name: str = "out.ndjson") -> list[Any]:
    return [orjson.loads(line) for line in (pump.folder / name).read_bytes().splitlines()]


def alone(tree: Tree, make: Make, events: list[dict[str, Any]]) -> Pump:
    """Run a pump in one go."""
    pump = make(tree)
    write(pump.folder, events)
    assert pump.run() == 0, pump.log()[-4000:]
    return pump


def killed(tree: Tree, make: Make, events: list[dict[str, Any]], scale: Scale) -> Pump:
    """Run it with deaths on its way."""
    pump = make(tree)
    write(pump.folder, events)
    places: list[int] = []

    def check(stored: Stored) -> None:
        places.append(stored.line)

    Deaths(pump, len(events), scale.kills, scale.seed, check).run()
    assert any(0 < place < len(events) for place in places), "it was never killed on its way"
    return pump


def once(rows: list[Any], key: Callable[[Any], Any], kills: int, most: int = MOST_IN_FLIGHT) -> dict[Any, Any]:
    """Return rows by key; a row may stand there again after a death, if it is the same."""
    found: dict[Any, Any] = {}
    for row in rows:
        assert found.setdefault(key(row), row) == row
    assert len(rows) - len(found) <= kills * most, "repeated without a death"
    return found


def test_a_killed_deduplication_lets_pass_what_one_in_one_go_does(make: Make, scale: Scale) -> None:
    """Ids come again within the memory, at its edge and beyond; duplicates go to a pipeline of their own."""
    draw = random.Random(1)
    events = [{"n": n, "id": max(0, n - draw.choice([0, 0, 0, 1, 30, 600, 700, 2000]))} for n in range(scale.events)]
    deduplicate = part("bspump.common", "DeduplicateProcessor", key="id", capacity=640, duplicates="Again")
    tree = definitions.pump(
        pipeline("P", lines_source(), [PARSE, deduplicate, DUMP], lines_sink()),
        pipeline("Again", INTERNAL, [DUMP], lines_sink("again.ndjson")),
    )
    expected, found = alone(tree, make, events), killed(tree, make, events, scale)
    for name in ("out.ndjson", "again.ndjson"):
        rows = once(read(found, name), lambda row: row["n"], scale.kills)
        assert list(rows.values()) == read(expected, name)
    assert len(read(expected)) + len(read(expected, "again.ndjson")) == len(events)


@pytest.mark.parametrize("behind_generator", [False, True])
def test_a_killed_join_makes_the_pairs_of_one_in_one_go(make: Make, scale: Scale, behind_generator: bool) -> None:
    draw = random.Random(2)
    events = [
        {"id": n, "left": draw.random() < 0.5, "key": draw.randrange(400), "time": n + draw.uniform(-20, 20)}
        for n in range(scale.events)
    ]
    # The tasks of a generator end in any order: more lateness than the disorder of one batch, or pairs would depend on it.
    lateness = 500 if behind_generator else 50
    join = part(
        "bspump.common",
        "JoinGenerator",
        left="left",
        key="key",
        time="time",
        within=200,
        lateness=lateness,
        kind="full",
    )
    if behind_generator:
        tree = definitions.pump(
            pipeline("P", lines_source(), [PARSE, own("Halves")], part("bspump.common", "InternalSink", target="Last")),
            pipeline("Last", INTERNAL, [join, DUMP], lines_sink()),
        )
    else:
        tree = definitions.pump(pipeline("P", lines_source(), [PARSE, join, DUMP], lines_sink()))

    def key(row: Any) -> Any:
        return tuple(row[side] and (row[side]["id"], row[side].get("part")) for side in ("left", "right"))

    expected, found = alone(tree, make, events), killed(tree, make, events, scale)
    pairs = once(read(expected), key, 0)
    assert once(read(found), key, scale.kills, 4 * MOST_IN_FLIGHT) == pairs
    assert {None} < {row[side] and True for row in pairs.values() for side in row}, "nobody was alone"


def test_killed_sketches_estimate_what_they_do_in_one_go(make: Make, scale: Scale) -> None:
    draw = random.Random(3)
    events = [
        {
            "host": f"h{draw.randrange(50)}", "user": draw.randrange(scale.events // 4), "micros": draw.expovariate(0.01),
            "path": f"/{int(draw.paretovariate(1))}", "status": draw.choice([200, 200, 200, 404, 500]),
        }
        for _ in range(scale.events)
    ]  # fmt: skip
    figures = {
        "users": {"distinct": "user"}, "micros": {"quantiles": ["micros", [0.01, 0.5, 0.99]]},
        "paths": {"top": ["path", 5]}, "statuses": {"frequency": ["status", [200, 404, 500]]},
    }  # fmt: skip
    sketch = part("bspump.aggregation", "SketchAggregator", by=["host"], figures=figures)
    tree = definitions.pump(pipeline("P", lines_source(), [PARSE, sketch, DUMP], lines_sink(mode="overwrite")))
    expected, found = alone(tree, make, events), killed(tree, make, events, scale)
    assert read(found) == read(expected)
    assert len(read(expected)) == 50


def test_killed_anomalies_are_those_of_one_in_one_go(make: Make, scale: Scale) -> None:
    """What was sent last about each, as an index by id would hold it; ids are the same ones, too."""
    draw = random.Random(4)
    events = [
        {"@timestamp": 10 * n, "type": draw.choice(["slow", "login"]), "user_id": draw.randrange(300), "n": n}
        for n in range(scale.events)
    ]
    processors = [
        PARSE,
        part("bspump.anomaly", "AnomalyAnalyzer", key_dimensions="default:user_id", details=["n"]),
        part("bspump.anomaly", "AnomalyManager", quiet=5000, closed_anomaly_longevity=0.1),
    ]
    tree = definitions.pump(
        pipeline("P", lines_source(), processors, part("bspump.common", "NullSink")),
        pipeline("AnomalyStoragePipeline", INTERNAL, [DUMP], lines_sink()),
    )
    expected, found = alone(tree, make, events), killed(tree, make, events, scale)

    def last(pump: Pump) -> dict[str, Any]:
        return {row["_id"]: row for row in read(pump)}

    assert last(found) == last(expected)
    assert {row["status"] for row in last(expected).values()} == {"open", "closed"}
    assert sum(row["occurrences"] for row in last(expected).values()) == len(events)

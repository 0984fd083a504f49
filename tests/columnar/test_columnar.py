from __future__ import annotations

import asyncio
import datetime

import polars
import pytest

from bspump_like import ConfigError, Pipeline, ProcessingError
from bspump_like.columnar import (
    EventsToFrameProcessor,
    FrameCSVSource,
    FrameMatrixUpdater,
    FrameParquetSource,
    FrameToEventsGenerator,
    SQLProcessor,
)
from bspump_like.common import Aggregator
from bspump_like.matrix import NamedMatrix, TimeWindowMatrix
from bspump_like.testing import CollectSink, ListSource, fresh_application, run_pump


def through(make, store=":memory:", stop_after=None, prepare=None):
    """Run a pipeline of the parts that `make(app, pipeline)` returns; return the application and what came out."""
    made = {}

    def build(app):
        if prepare is not None:
            prepare(app)
        pipeline = Pipeline(app, "P")
        made["sink"] = CollectSink(app, pipeline)
        pipeline.build(*make(app, pipeline), made["sink"])
        app.pump_service.add_pipeline(pipeline)

    async def during(app):
        while len(made["sink"].events) < stop_after:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0)
        app.stop()

    app = run_pump(build, store=store, during=None if stop_after is None else during)
    return app, made["sink"].events


def csv_source(path, **config):
    return lambda app, p: [FrameCSVSource(app, p, id="Source", config={"path": str(path), "post": "noop", **config})]


def rows(frames):
    return [row for frame in frames for row in frame.to_dicts()]


TABLE = [{"n": number, "text": f"t{number % 7}", "half": number / 2} for number in range(1000)]


@pytest.fixture
def files(tmp_path):
    frame = polars.DataFrame(TABLE)
    frame.write_csv(tmp_path / "in.csv")
    frame.write_parquet(tmp_path / "in.parquet", row_group_size=300)
    return tmp_path


class TestFrameCSVSource:
    def test_reads_the_rows(self, files):
        _, frames = through(csv_source(files / "in.csv", rows=64))
        assert rows(frames) == TABLE
        assert {frame.height for frame in frames} == {64, 1000 % 64}

    def test_a_line_end_within_quotes_is_none(self, tmp_path):
        wanted = [{"a": number, "b": f'line\n"{number}", yes'} for number in range(2000)]
        polars.DataFrame(wanted).write_csv(tmp_path / "in.csv")
        _, frames = through(csv_source(tmp_path / "in.csv", rows=100))
        assert rows(frames) == wanted

    @pytest.mark.parametrize("stop_after", [1, 5, 11])
    def test_resumes_at_the_frame(self, files, tmp_path, stop_after):
        store = str(tmp_path / "store.db")
        _, before = through(csv_source(files / "in.csv", rows=50), store, stop_after)
        _, after = through(csv_source(files / "in.csv", rows=50), store)
        assert rows([*before, *after]) == TABLE

    def test_types_are_told_and_declared(self, tmp_path):
        (tmp_path / "in.csv").write_text("flight,day,delay\n0012,2026-01-02,NA\n0013,2026-01-03,1.5")
        _, frames = through(csv_source(tmp_path / "in.csv", schema={"flight": "str"}, null_values=["NA"]))
        assert rows(frames) == [
            {"flight": "0012", "day": datetime.date(2026, 1, 2), "delay": None},
            {"flight": "0013", "day": datetime.date(2026, 1, 3), "delay": 1.5},
        ]

    def test_a_value_of_another_type_further_on_fails_with_the_place(self, tmp_path, caplog):
        lines = ["n", *map(str, range(300_000)), "many"]
        (tmp_path / "in.csv").write_text("\n".join(lines))
        _, frames = through(csv_source(tmp_path / "in.csv"))
        assert len(rows(frames)) > 100_000
        assert "not such CSV as the rows before it" in caplog.text

    def test_a_type_that_is_none_is_refused(self, tmp_path):
        with (
            fresh_application() as app,
            pytest.raises(ConfigError, match="column 'a' has the type 'integer'; use one of int"),
        ):
            FrameCSVSource(app, Pipeline(app, "P"), config={"path": "x", "schema": {"a": "integer"}})


class TestFrameParquetSource:
    def source(self, path, **config):
        return lambda app, p: [
            FrameParquetSource(app, p, id="Source", config={"path": str(path), "post": "noop", "rows": 70, **config})
        ]

    def test_reads_the_rows(self, files):
        _, frames = through(self.source(files / "in.parquet"))
        assert rows(frames) == TABLE

    def test_reads_some_columns(self, files):
        _, frames = through(self.source(files / "in.parquet", columns=["text"]))
        assert rows(frames) == [{"text": row["text"]} for row in TABLE]

    @pytest.mark.parametrize("stop_after", [1, 5, 12])
    def test_resumes_at_the_row(self, files, tmp_path, stop_after):
        store = str(tmp_path / "store.db")
        _, before = through(self.source(files / "in.parquet"), store, stop_after)
        _, after = through(self.source(files / "in.parquet"), store)
        assert rows([*before, *after]) == TABLE

    def test_what_is_no_parquet_is_said(self, tmp_path, caplog):
        (tmp_path / "in.parquet").write_bytes(b"no such thing")
        through(self.source(tmp_path / "in.parquet"))
        assert "in.parquet cannot be read as Parquet" in caplog.text


class TestSQLProcessor:
    FRAME = polars.DataFrame(
        [{"origin": "JFK", "delay": 3}, {"origin": "LGA", "delay": 8}, {"origin": "JFK", "delay": 9}]
    )

    def answer(self, query, **config):
        _, frames = through(
            lambda app, p: [
                ListSource(app, p, [self.FRAME]), SQLProcessor(app, p, config={"query": query, **config})
            ]
        )  # fmt: skip
        return rows(frames)

    def test_groups(self):
        query = "SELECT origin, count(*) AS n, max(delay) AS worst FROM events GROUP BY origin ORDER BY origin"
        assert self.answer(query) == [
            {"origin": "JFK", "n": 2, "worst": 9},
            {"origin": "LGA", "n": 1, "worst": 8},
        ]

    def test_joins_a_file(self, tmp_path):
        (tmp_path / "airports.csv").write_text("code,name\nJFK,Kennedy\n")
        query = "SELECT a.name, e.delay FROM events e JOIN airports a ON a.code = e.origin ORDER BY e.delay"
        assert self.answer(query, tables={"airports": str(tmp_path / "airports.csv")}) == [
            {"name": "Kennedy", "delay": 3},
            {"name": "Kennedy", "delay": 9},
        ]

    def test_frames_without_rows_are_dropped(self):
        assert self.answer("SELECT * FROM events WHERE delay > 100") == []

    @pytest.mark.parametrize(
        ("query", "said"),
        [
            ("SELEKT 1", "expected a query"),
            ("SELECT a FROM events GROUP", "(?i)parser error|syntax|expected"),
            ("DROP TABLE events", "expected a query"),
            ("CREATE TABLE x AS SELECT * FROM events", "expected a query"),
            ("SELECT * FROM read_csv('/etc/passwd')", "'read_csv' is not allowed here"),
            ("SELECT * FROM READ_CSV ('/etc/passwd')", "'READ_CSV' is not allowed"),
            ("SELECT * FROM \"read_parquet\"('x')", "'read_parquet' is not allowed"),
            ("WITH t AS (SELECT * FROM read_ndjson('x')) SELECT * FROM t", "'read_ndjson' is not allowed"),
            ("SELECT 1 FROM events; DROP TABLE events", "one query"),
            ("SELECT * FROM events /* '*/ , read_csv('x') -- '", "without comments"),
        ],
    )
    def test_what_is_no_query_is_refused(self, query, said):
        with fresh_application() as app, pytest.raises(ConfigError, match=said):
            SQLProcessor(app, Pipeline(app, "P"), config={"query": query})

    def test_a_missing_column_is_said(self):
        with fresh_application() as app:
            part = SQLProcessor(app, Pipeline(app, "P"), config={"query": "SELECT origen FROM events"})
            with pytest.raises(ProcessingError, match="the query cannot be answered"):
                part.process({}, self.FRAME)
            with pytest.raises(ProcessingError, match="expected a frame, got dict"):
                part.process({}, {"origin": "JFK"})


def test_events_become_a_frame_and_events_again():
    events = [{"n": number} for number in range(10)]
    _, out = through(
        lambda app, p: [
            ListSource(app, p, events),
            Aggregator(app, p, config={"strategy": "events", "completion_size": 4}),
            EventsToFrameProcessor(app, p),
            SQLProcessor(app, p, config={"query": "SELECT n FROM events WHERE n % 2 = 0"}),
            FrameToEventsGenerator(app, p),
        ]
    )
    assert out == [{"n": number} for number in range(0, 10, 2)]


def test_values_of_mixed_types_make_no_frame():
    with fresh_application() as app:
        part = EventsToFrameProcessor(app, Pipeline(app, "P"))
        with pytest.raises(ProcessingError, match="no frame can be made"):
            part.process({}, 5)


FLIGHTS = [
    {"origin": "JFK", "time": 100, "delay": 3.0},
    {"origin": "LGA", "time": 101, "delay": None},
    {"origin": "JFK", "time": 161, "delay": 9.0},
    {"origin": "JFK", "time": 162, "delay": None},
]


def into(matrix, frames, **config):
    """Bring frames into a matrix; return name -> row."""
    app, _ = through(
        lambda app, p: [
            ListSource(app, p, frames), FrameMatrixUpdater(app, p, config={"matrix": "M", "row": "origin", **config})
        ],
        prepare=lambda app: app.pump_service.add_matrix(matrix(app)),
    )  # fmt: skip
    found = app.pump_service.locate_matrix("M")
    return {name: found.Array[row].tolist() for name, row in found.N2IMap.items()}


def test_frames_are_grouped_into_a_named_matrix():
    cells = {
        "n": "count",
        "known": {"count": "delay"},
        "sum": {"sum": "delay"},
        "least": {"min": "delay"},
        "most": {"max": "delay"},
    }
    dtype = {"n": "i8", "known": "i8", "sum": "f8", "least": "f8", "most": "f8"}
    frames = [polars.DataFrame(FLIGHTS[:2]), polars.DataFrame(FLIGHTS[2:])]
    assert into(lambda app: NamedMatrix(app, dtype=dtype, id="M"), frames, cells=cells) == {
        "JFK": (3, 2, 12.0, 3.0, 9.0),
        "LGA": (1, 0, 0.0, 0.0, 0.0),
    }


def test_frames_are_grouped_into_windows_of_time():
    def matrix(app):
        return TimeWindowMatrix(app, dtype={"n": "i8", "sum": "f8"}, start_time=160, resolution=60, columns=2, id="M")

    cells = {"n": "count", "sum": {"sum": "delay"}}
    assert into(matrix, [polars.DataFrame(FLIGHTS)], time="time", cells=cells) == {
        "JFK": [(1, 3.0), (2, 9.0)],
        "LGA": [(1, 0.0), (0, 0.0)],
    }


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"cells": {"n": "sum"}}, "'n' is 'sum'; use count"),
        ({"cells": {"m": "count"}}, "cells of M have no field 'm'"),
        ({"cells": {"n": {"max": "delay"}}}, "the max of 'delay' needs a count of it beside it"),
        ({"cells": {"n": "count"}, "time": "time"}, "takes no 'time'"),
    ],
)
def test_cells_that_do_not_suit_the_matrix_are_refused(config, said):
    with fresh_application() as app:
        app.pump_service.add_matrix(NamedMatrix(app, dtype={"n": "i8"}, id="M"))
        with pytest.raises(ConfigError, match=said):
            FrameMatrixUpdater(app, Pipeline(app, "P"), config={"matrix": "M", "row": "origin", **config})


def test_a_missing_column_is_named_with_those_that_are_there():
    with fresh_application() as app:
        app.pump_service.add_matrix(NamedMatrix(app, dtype={"n": "i8"}, id="M"))
        part = FrameMatrixUpdater(
            app, Pipeline(app, "P"), config={"matrix": "M", "row": "origin", "cells": {"n": "count"}}
        )
        with pytest.raises(ProcessingError, match="no column 'origin' for 'row' \\(it has a\\)"):
            part.process({}, polars.DataFrame({"a": [1]}))

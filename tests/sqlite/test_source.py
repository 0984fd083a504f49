from __future__ import annotations

import sqlite3

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bspump_like import ConfigError, Pipeline
from bspump_like.sqlite import SQLiteSource
from bspump_like.sqlite.source import _Reader
from bspump_like.testing import CollectSink, fresh_application, run_pump


@pytest.fixture
def path(tmp_path):
    path = str(tmp_path / "odd name?#%.db")
    db = sqlite3.connect(path)
    db.execute("CREATE TABLE t (id, v)")
    db.executemany("INSERT INTO t VALUES (?, ?)", [(number, str(number)) for number in range(25)])
    db.commit()
    db.close()
    return path


def run(path, config, store=":memory:"):
    sinks = []

    def build(app):
        pipeline = Pipeline(app, "P")
        sinks.append(CollectSink(app, pipeline))
        pipeline.build(SQLiteSource(app, pipeline, config={"path": path, **config}), sinks[0])
        app.pump_service.add_pipeline(pipeline)

    run_pump(build, store=store)
    return sinks[0].events


def insert(path, *rows):
    db = sqlite3.connect(path)
    db.executemany("INSERT INTO t VALUES (?, ?)", rows)
    db.commit()
    db.close()


@pytest.mark.parametrize("batch", [1, 7, 25, 1000])
def test_every_row_of_a_table_arrives_as_a_dict(path, batch):
    assert run(path, {"table": "t", "batch": batch}) == [{"id": number, "v": str(number)} for number in range(25)]


def test_a_query_chooses(path):
    assert run(path, {"query": "SELECT v AS x FROM t WHERE id < 2 ORDER BY id DESC;"}) == [{"x": "1"}, {"x": "0"}]


def test_a_restart_goes_on_behind_the_last_row(path, tmp_path):
    store = str(tmp_path / "store.db")
    config = {"table": "t", "incremental": "id", "batch": 10}
    assert len(run(path, config, store)) == 25
    assert run(path, config, store) == []
    insert(path, (26, "b"), (25, "a"), (None, "no id"))
    assert [row["v"] for row in run(path, config, store)] == ["a", "b"]


class Options:
    table, query, incremental, busy_timeout = "t", "", "id", 1.0


@given(st.lists(st.integers(0, 6), max_size=40), st.integers(1, 5))
def test_reading_may_stop_between_any_two_batches_and_loses_nothing(tmp_path_factory, ids, batch):
    path = str(tmp_path_factory.mktemp("ties") / "t.db")
    db = sqlite3.connect(path)
    db.execute("CREATE TABLE t (id, number)")
    db.executemany("INSERT INTO t VALUES (?, ?)", [(id, number) for number, id in enumerate(ids)])
    db.commit()
    db.close()
    options = Options()
    options.path, options.batch = path, batch
    found, last = [], None
    while True:  # a new reader for each batch, as after a crash
        reader = _Reader(options, last)
        reader.open()
        rows = reader.read()
        reader.close()
        if not rows:
            break
        found += [row["number"] for row in rows]
        last = reader.last
    assert sorted(found) == list(range(len(ids)))


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ({"table": "tt"}, "no such table: tt"),
        ({"table": "t", "incremental": "ids"}, "no such column: ids"),
        ({"query": "SELEC 1"}, "syntax error"),
        ({"table": "t", "path": "nowhere.db"}, "there is no SQLite file 'nowhere.db'"),
    ],
)
def test_what_cannot_be_read_is_told(path, config, told):
    with fresh_application() as app:
        source = SQLiteSource(app, Pipeline(app, "P"), config={"path": path, **config})
        with pytest.raises(ConfigError, match=told):
            app.Loop.run_until_complete(source.cycle())


@pytest.mark.parametrize("config", [{}, {"table": "t", "query": "SELECT 1"}])
def test_either_a_table_or_a_query(path, config):
    with fresh_application() as app, pytest.raises(ConfigError, match="either 'table' or 'query' must be set"):
        SQLiteSource(app, Pipeline(app, "P"), config={"path": path, **config})

from __future__ import annotations

import datetime
import decimal
import os
import sqlite3
import stat

import pytest

from bspump_like import ConfigError, Pipeline
from bspump_like.errors import DeliveryError
from bspump_like.sqlite import SQLiteSink
from bspump_like.store import Store
from bspump_like.testing import ListSource, fresh_application, run_pump


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "deep" / "out.db")


def rows(path, statement="SELECT * FROM t"):
    db = sqlite3.connect(path)
    try:
        return db.execute(statement).fetchall()
    finally:
        db.close()


def run(path, events, store=":memory:", config=None, pipeline=None, **options):
    def build(app):
        made = Pipeline(app, "P", config=pipeline)
        source = ListSource(app, made, events, config={"batch_size": 7})
        made.build(source, SQLiteSink(app, made, config={"path": path, "table": "t", **(config or {})}))
        app.pump_service.add_pipeline(made)

    return run_pump(build, store=store, **options)


def dead_letters(store):
    opened = Store(store)
    try:
        return opened.dead_letters()
    finally:
        opened.close()


def test_every_event_becomes_a_row_in_order(path):
    run(path, [{"a": number, "b": str(number)} for number in range(100)])
    assert rows(path) == [(number, str(number)) for number in range(100)]


def test_values_stay_as_they_are_when_columns_come_from_the_first_event(path):
    event = {
        "i": 1, "t": "0012", "f": 1.0, "n": None, "b": True, "x": b"\x00", "d": datetime.date(2024, 1, 2),
        "at": datetime.datetime(2024, 1, 2, 3), "l": [1, "č"], "m": decimal.Decimal("1.10"),
    }  # fmt: skip
    run(path, [event])
    found = rows(path)[0]
    assert found == (1, "0012", 1.0, None, 1, b"\x00", "2024-01-02", "2024-01-02T03:00:00", '[1,"č"]', "1.10")
    assert [type(value) for value in found[:3]] == [int, str, float]


def test_declared_columns_choose_fields_and_missing_ones_are_null(path):
    run(path, [{"a": 1, "x": 2}, {"b": 3}], config={"columns": {"a": "INTEGER", "b": "TEXT"}})
    assert rows(path) == [(1, None), (None, "3")]


def test_awkward_names_are_only_names(path):
    run(path, [{'a"; DROP TABLE t; --': 1, "select": 2}], config={"table": 'odd "table'})
    assert rows(path, 'SELECT * FROM "odd ""table"') == [(1, 2)]


def test_a_key_replaces_earlier_rows(path):
    events = [{"id": number % 3, "v": number} for number in range(10)]
    for _ in range(2):
        run(path, events, config={"key": ["id"]})
    assert rows(path, "SELECT * FROM t ORDER BY id") == [(0, 9), (1, 7), (2, 8)]


def test_a_key_works_on_a_table_without_one(path, tmp_path):
    run(path, [{"id": 1, "v": 1}])
    run(path, [{"id": 1, "v": 2}], config={"key": ["id"]})
    assert rows(path) == [(1, 2)]


def test_append_goes_on_behind_and_replace_starts_anew(path):
    run(path, [{"a": 1}])
    run(path, [{"a": 2}])
    assert rows(path) == [(1,), (2,)]
    run(path, [{"b": 3}], config={"mode": "replace"})
    assert rows(path) == [(3,)]


def test_replace_keeps_the_rows_when_the_run_goes_on(path, tmp_path):
    store = str(tmp_path / "store.db")
    run(path, [{"a": 1}], store, {"mode": "replace"})
    run(path, [{"a": 1}, {"a": 2}], store, {"mode": "replace"})
    assert rows(path) == [(1,), (2,)]


def test_rows_behind_the_stored_position_are_taken_back(path, tmp_path):
    """A crash after the sink's transaction and before the store's: the store is put back to what it was."""
    store = str(tmp_path / "store.db")
    run(path, [{"a": number} for number in range(10)], store)
    db = sqlite3.connect(store)
    kept = db.execute("SELECT * FROM positions").fetchall(), db.execute("SELECT * FROM snapshots").fetchall()
    db.close()
    run(path, [{"a": number} for number in range(20)], store)
    assert len(rows(path)) == 20
    other = sqlite3.connect(path)
    other.execute("INSERT INTO t VALUES ('of somebody else')")
    other.commit()
    other.close()
    db = sqlite3.connect(store)
    for table, values in zip(("positions", "snapshots"), kept, strict=True):
        db.execute(f"DELETE FROM {table}")
        db.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * len(values[0]))})", values)
    db.commit()
    db.close()
    run(path, [{"a": number} for number in range(20)], store)
    assert sorted(rows(path), key=str) == sorted([*((number,) for number in range(20)), ("of somebody else",)], key=str)


def test_a_row_that_is_refused_becomes_a_dead_letter_and_the_others_are_written(path, tmp_path):
    _prepared(path, "CREATE TABLE t (a INTEGER NOT NULL CHECK (a < 100), b ANY) STRICT").close()
    store = str(tmp_path / "store.db")
    refused = [{"a": None, "b": 2}, {"a": 500, "b": 3}, {"a": "x", "b": 4}]
    run(path, [{"a": 1, "b": 1}, *refused, {"a": 6, "b": 6}], store)
    assert rows(path) == [(1, 1), (6, 6)]
    letters = dead_letters(store)
    assert [letter.event for letter in letters] == refused
    assert all("table 't' does not take the row: " in letter.error for letter in letters)


def _prepared(path, statement):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    db = sqlite3.connect(path)
    db.execute(statement)
    db.commit()
    return db


def test_fields_without_a_column_are_not_lost_silently(path, tmp_path):
    store = str(tmp_path / "store.db")
    run(path, [{"a": 1}, {"a": 2, "extra": 3}, "text", {"a": 2**70}, {"a": 4}], store)
    assert rows(path) == [(1,), (4,)]
    told = [letter.error for letter in dead_letters(store)]
    assert "table 't' has no column 'extra': columns a (set 'columns' to those that are to be written)" in told[0]
    assert "expected a dict as a row, got str" in told[1]
    assert "does not take the row: Python int too large" in told[2]


class LockedOnce(SQLiteSink):
    """During the first flush another connection holds the write lock."""

    other: sqlite3.Connection
    refusals: list[DeliveryError]

    async def flush(self):
        if not self.refusals and self._covered:
            self.other.execute("BEGIN IMMEDIATE")
        try:
            await super().flush()
        except DeliveryError as error:
            self.refusals.append(error)
            self.other.execute("COMMIT")
            raise


def test_a_locked_file_holds_the_events_back_in_order(path):
    run(path, [{"a": -1}])
    other = sqlite3.connect(path, isolation_level=None)
    sinks = []

    def build(app):
        pipeline = Pipeline(app, "P")
        sinks.append(LockedOnce(app, pipeline, config={"path": path, "table": "t", "busy_timeout": "10ms"}))
        sinks[0].other, sinks[0].refusals = other, []
        pipeline.build(ListSource(app, pipeline, [{"a": number} for number in range(20)]), sinks[0])
        app.pump_service.add_pipeline(pipeline)

    run_pump(build)
    other.close()
    assert "database is locked (another program writes it" in str(sinks[0].refusals[0])
    assert rows(path) == [(number,) for number in range(-1, 20)]


@pytest.fixture
def sink(path):
    """A sink outside of a running pump."""
    with fresh_application() as app:

        def make(**config):
            return SQLiteSink(app, Pipeline(app, "P"), config={"path": path, "table": "t", **config})

        yield app, make


def test_a_full_disk_is_said_and_what_did_not_fit_is_written_later(sink, path):
    app, make = sink
    part = make()
    app.Loop.run_until_complete(part.on_start())
    part._table._db.execute("PRAGMA max_page_count = 8")
    for number in range(3):
        part.process({}, {"a": f"{number}" * 20_000})
    part.snapshot()
    with pytest.raises(DeliveryError, match="database or disk is full .free space"):
        app.Loop.run_until_complete(part.flush())
    part._table._db.execute("PRAGMA max_page_count = 1000000")
    part.snapshot()
    app.Loop.run_until_complete(part.flush())
    app.Loop.run_until_complete(part.on_stop())
    assert [value[0] for (value,) in rows(path)] == ["0", "1", "2"]


def test_rows_behind_the_snapshot_wait_for_the_next_barrier(sink, path):
    app, make = sink
    part = make()
    app.Loop.run_until_complete(part.on_start())
    part.process({}, {"a": 1})
    state = part.snapshot()
    part.process({}, {"a": 2})
    app.Loop.run_until_complete(part.flush())
    assert rows(path) == [(1,)]
    assert state == {"batch": 1}
    assert part.snapshot() == {"batch": 2}
    app.Loop.run_until_complete(part.flush())
    app.Loop.run_until_complete(part.flush())
    app.Loop.run_until_complete(part.on_stop())
    assert rows(path) == [(1,), (2,)]


@pytest.mark.parametrize(
    ("prepare", "config", "told"),
    [
        ("CREATE TABLE t (a)", {"columns": ["b"]}, "table 't' in .* has no column 'b'"),
        ("CREATE TABLE t (a PRIMARY KEY, b)", {"columns": ["a", "b"]}, "has a primary key.*set 'key' to a"),
        ("CREATE TABLE t AS SELECT 1 AS a UNION ALL SELECT 1", {"key": ["a"]}, "holds several rows with the same a"),
    ],
)
def test_a_table_that_cannot_be_written_as_declared_is_told_at_start(sink, path, prepare, config, told):
    app, make = sink
    _prepared(path, prepare).close()
    part = make(**config)
    with pytest.raises(ConfigError, match=told):
        app.Loop.run_until_complete(part.on_start())
    app.Loop.run_until_complete(part.on_stop())


def test_a_file_that_is_no_database_is_told(sink, path):
    app, make = sink
    os.makedirs(os.path.dirname(path))
    with open(path, "w") as stream:
        stream.write("no database at all" * 100)
    part = make()
    with pytest.raises(ConfigError, match="is no SQLite file"):
        app.Loop.run_until_complete(part.on_start())
    app.Loop.run_until_complete(part.on_stop())


def test_a_folder_in_the_way_is_told(sink, path):
    app, make = sink
    os.makedirs(path)
    assert stat.S_ISDIR(os.stat(path).st_mode)
    part = make()
    with pytest.raises(ConfigError, match="cannot open"):
        app.Loop.run_until_complete(part.on_start())
    app.Loop.run_until_complete(part.on_stop())


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ({"columns": ["a"], "key": ["b"]}, "the key column 'b' is not among 'columns'"),
        ({"columns": {"a": "INTEGER; DROP"}}, "column 'a' has the type"),
        ({"table": ""}, "option 'table' must be set"),
    ],
)
def test_mistakes_of_the_configuration_are_told(sink, config, told):
    _, make = sink
    with pytest.raises(ConfigError, match=told):
        make(**config)

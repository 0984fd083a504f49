"""Rows of an SQLite table as a lookup: one question for the keys of a batch, a cache, missing rows, a file that changes."""

from __future__ import annotations

import asyncio
import datetime
import os
import sqlite3

import pytest

from bspump_like.abc.answers import MISSING, Answers, Questions
from bspump_like.common import AsyncLookupEnricher, InternalSource
from bspump_like.errors import ConfigError, ConnectionLost
from bspump_like.sqlite import SQLiteLookup
from bspump_like.testing import fresh_application
from tests.pumping import collect, events, run, until

PLANES = [(1, "N1", 1999, "BOEING"), (2, "N2", 2004, "AIRBUS"), (3, "N3", None, "EMBRAER")]


@pytest.fixture
def path(tmp_path):
    return make(tmp_path / "planes.db")


def make(path, rows=PLANES):
    new = f"{path}.new"
    with sqlite3.connect(new) as db:
        db.execute("CREATE TABLE planes (id INTEGER PRIMARY KEY, tail TEXT UNIQUE, year INTEGER, maker TEXT)")
        db.executemany("INSERT INTO planes VALUES (?, ?, ?, ?)", rows)
    db.close()
    os.replace(new, path)
    return str(path)


class Noting(SQLiteLookup):
    """Notes how many values each question asks for."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.asked = []

    async def fetch(self, statement, parameters):
        if not statement.startswith("EXPLAIN"):
            self.asked.append(len(parameters))
        return await super().fetch(statement, parameters)


def ask(path, questions, cache=None, **config):
    """Return what `await questions(lookup)` returns, and the lookup."""
    with fresh_application() as app:
        config = {"path": path, "key": "tail", **({} if "query" in config else {"table": "planes"}), **config}
        lookup = Noting(app, "Planes", config, cache)

        async def asked():
            await lookup.update()
            try:
                return await questions(lookup)
            finally:
                await lookup.on_stop()

        return app.Loop.run_until_complete(asked()), lookup


ROW = {"id": 1, "tail": "N1", "year": 1999, "maker": "BOEING"}


@pytest.mark.parametrize(
    ("config", "key", "found"),
    [
        ({}, "N1", ROW),
        ({}, "N9", None),
        ({}, None, None),
        ({"columns": ["year", "maker"]}, "N2", {"tail": "N2", "year": 2004, "maker": "AIRBUS"}),
        ({"value": "maker"}, "N2", "AIRBUS"),
        ({"key": "id", "value": "tail"}, 3, "N3"),
        ({"key": "id", "value": "tail"}, "3", "N3"),  # a number as text is found, and found again
        ({"key": ["tail", "year"], "value": "id"}, ("N2", 2004), 2),
        ({"key": ["tail", "year"], "value": "id"}, ("N2", 2005), None),
        ({"query": "SELECT tail, 2026 - year AS age FROM planes WHERE tail IN ({keys})", "value": "age"}, "N1", 27),
    ],
)
def test_finds_rows(path, config, key, found):
    async def questions(lookup):
        return [await lookup.get(key), await lookup.get(key, "default"), await lookup.get_many([key, "other", key])]

    if isinstance(key, tuple):

        async def questions(lookup):
            return [
                await lookup.get(key),
                await lookup.get(key, "default"),
                await lookup.get_many([key, ("x", 1), key]),
            ]

    answers, _ = ask(path, questions, **config)
    assert answers == [found, "default" if found is None else found, [found, None, found]]


@pytest.mark.parametrize("preload", [False, True])
def test_the_keys_of_a_batch_of_events_are_one_question_and_are_remembered_missing_ones_too(path, preload):
    items = [{"n": n, "tail": f"N{n % 5}"} for n in range(1000)]
    kept, lookups = [], []

    def prepare(app):
        lookups.append(Noting(app, "Planes", {"path": path, "table": "planes", "key": "tail", "preload": preload}))
        app.pump_service.add_lookup(lookups[0])

    def enrich(app, pipeline):
        return AsyncLookupEnricher(
            app, pipeline, config={"lookup": "Planes", "key": "tail", "fields": {"maker": "maker"}}
        )

    run(("P", events(items, 500), enrich, collect(kept)), prepare=prepare)

    assert [event["n"] for event in kept] == list(range(1000))
    makers = [None, "BOEING", "AIRBUS", "EMBRAER", None]
    assert [event.get("maker") for event in kept] == makers * 200
    assert lookups[0].asked == ([0, 2] if preload else [5])
    assert lookups[0].hits + lookups[0].misses == 1000


def test_known_and_unknown_keys_leave_in_the_order_they_came(path):
    kept = []
    items = [
        {"n": n, "tail": tail} for n, tail in enumerate(["N1", "N1", "N2", "N1", "N3", "N1", None, "N9", "N2", "N1"])
    ]

    def prepare(app):
        app.pump_service.add_lookup(SQLiteLookup(app, "Planes", {"path": path, "table": "planes", "key": "tail"}))

    def enrich(app, pipeline):
        config = {"lookup": "Planes", "key": "tail", "fields": {"id": "id"}, "missing": "drop"}
        return AsyncLookupEnricher(app, pipeline, config=config)

    run(("P", events(items, 3), enrich, collect(kept)), prepare=prepare)
    assert [(event["n"], event["id"]) for event in kept] == [
        (0, 1),
        (1, 1),
        (2, 2),
        (3, 1),
        (4, 3),
        (5, 1),
        (8, 2),
        (9, 1),
    ]


def test_a_key_that_nobody_can_ask_for_fails_alone(path):
    items = [{"n": n, "tail": tail} for n, tail in enumerate(["N1", 2**70, "N2", ["N3"], "N3"])]
    kept, failed = [], []

    def prepare(app):
        app.pump_service.add_lookup(SQLiteLookup(app, "Planes", {"path": path, "table": "planes", "key": "tail"}))

    def enrich(app, pipeline):
        config = {"lookup": "Planes", "key": "tail", "fields": {"id": "id"}, "on_error": {"route": "Failed"}}
        return AsyncLookupEnricher(app, pipeline, config=config)

    app = run(("P", events(items), enrich, collect(kept)), ("Failed", InternalSource, collect(failed)), prepare=prepare)
    assert [event["n"] for event in kept] == [0, 2, 4]
    assert sorted(event["event"]["n"] if "event" in event else event["n"] for event in failed) == [1, 3]
    assert app.ExitCode == 0


def test_a_changed_row_is_seen_when_the_answer_is_too_old(path):
    async def questions(lookup):
        before = await lookup.get("N1"), await lookup.get("N4")
        with sqlite3.connect(path) as db:
            db.execute("UPDATE planes SET maker = 'CESSNA' WHERE tail = 'N1'")
            db.execute("INSERT INTO planes VALUES (4, 'N4', 2000, 'PIPER')")
        db.close()
        return before, (await lookup.get("N1"), await lookup.get("N4"))

    [before, after], _ = ask(path, questions, value="maker")
    assert before == after == ("BOEING", None)
    [before, after], _ = ask(make(path), questions, value="maker", cache_ttl=1e-9, missing_ttl=1e-9)
    assert after == ("CESSNA", "PIPER")
    [before, after], _ = ask(make(path), questions, value="maker", missing_ttl=1e-9)
    assert after == ("BOEING", "PIPER")


def test_a_file_that_is_replaced_is_opened_anew(path):
    async def questions(lookup):
        await lookup.get("N1")
        make(path, [(9, "N9", 2020, "NEW")])
        return await lookup.get("N9")

    assert ask(path, questions, value="maker")[0] == "NEW"


def test_all_rows_may_be_loaded_at_the_start(path):
    async def questions(lookup):
        return await lookup.get_many(["N1", "N2"]), lookup["N3"], len(lookup), sorted(lookup), "N9" in lookup

    found, lookup = ask(path, questions, value="maker", preload=True)
    assert found == (["BOEING", "AIRBUS"], "EMBRAER", 3, ["N1", "N2", "N3"], False)
    assert lookup.asked == [0]
    assert (lookup.hits, lookup.misses) == (2, 0)


def test_the_cache_is_bounded_and_may_be_ones_own(path):
    async def questions(lookup):
        return await lookup.get_many(["N1", "N2", "N3"]), len(lookup)

    assert ask(path, questions, cache_size=2, value="id")[0] == ([1, 2, 3], 2)
    own = {}
    assert ask(path, questions, own, value="id")[0] == ([1, 2, 3], 3)
    assert sorted(own) == ["N1", "N2", "N3"]


def test_dates_are_found_as_the_sink_writes_them(tmp_path):
    path = str(tmp_path / "days.db")
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE days (day TEXT PRIMARY KEY, name TEXT)")
        db.execute("INSERT INTO days VALUES ('2026-11-21', 'Saturday')")
    db.close()

    async def questions(lookup):
        return await lookup.get(datetime.date(2026, 11, 21))

    assert ask(path, questions, table="days", key="day", value="name")[0] == "Saturday"


def test_a_locked_file_is_asked_again_and_patience_may_end(path, caplog):
    async def questions(lookup):
        writer = sqlite3.connect(path, isolation_level=None)
        writer.execute("BEGIN EXCLUSIVE")
        try:
            with pytest.raises(ConnectionLost, match="lookup Planes: .*planes.db' cannot be read: database is locked"):
                await lookup.get("N1")
            lookup.options.patience = 0
            asking = asyncio.ensure_future(lookup.get("N1"))
            await until(lambda: "asking again" in caplog.text)
        finally:
            writer.close()
        return await asking

    options = {"busy_timeout": 0, "patience": "50ms", "reconnect_delay": "20ms", "reconnect_delay_max": "20ms"}
    assert ask(path, questions, value="maker", **options)[0] == "BOEING"


def test_it_is_said_when_no_index_helps(path, caplog):
    async def questions(lookup):
        return await lookup.get("BOEING")

    assert ask(path, questions, key="maker", value="id")[0] == 1
    assert "lookup Planes: no index helps to find maker" in caplog.text
    caplog.clear()
    ask(path, questions)
    assert "no index" not in caplog.text


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ({"table": ""}, "either 'table' or 'query' must be set"),
        ({"table": "x", "query": "SELECT {keys}"}, "either 'table' or 'query' must be set"),
        ({"query": "SELECT 1"}, r"has no \{keys\} in it"),
        ({"query": "SELECT {keys}", "preload": True}, "not all can be loaded"),
        ({"query": "SELECT {keys}", "columns": "a"}, "the columns are those of the query"),
        ({"key": ["a", "b", "c", "d"], "batch_size": 10000}, "at most 32766 values"),
        ({"table": "plane"}, "no such table: plane"),
        ({"key": "tial"}, "no such column"),
        ({"query": "SELEC {keys}"}, "syntax error"),
        ({"path": "/nowhere/planes.db"}, "there is no file '/nowhere/planes.db'"),
        ({"path": __file__}, "file is not a database"),
    ],
)
def test_mistakes_are_told_at_the_start(path, config, told):
    async def questions(lookup):
        return None

    with pytest.raises(ConfigError, match=told):
        ask(config.pop("path", path), questions, **config)


def test_a_query_without_its_key_column_is_told(path):
    async def questions(lookup):
        return await lookup.get("N1")

    with pytest.raises(ConfigError, match="there is no column 'tail'; there are id, year"):
        ask(path, questions, query="SELECT id, year FROM planes WHERE tail IN ({keys})")


# The cache and the questions alone


def test_the_least_used_answer_goes_first():
    answers = Answers(100, 100, 2)
    answers.put({"a": 1, "b": 2})
    assert answers.get("a") == 1
    answers.put({"c": None})
    assert [answers.get(key) for key in "abc"] == [1, MISSING, None]


def test_whoever_gives_up_leaves_the_question_to_the_others():
    async def both():
        began, go = asyncio.Event(), asyncio.Event()

        async def answer(keys):
            began.set()
            await go.wait()
            return dict.fromkeys(keys, 1)

        questions = Questions(answer, 10)
        first, second = (questions.answer("a") for _ in range(2))
        await began.wait()
        first.cancel()
        go.set()
        return await second

    assert asyncio.run(both()) == 1

"""Rows of a matrix as a lookup: found by name, value and interval; indexes that follow the matrix."""

from __future__ import annotations

import numpy as np
import pytest

from bspump_like import ConfigError, PumpBuilder
from bspump_like.lookup import MatrixLookup
from bspump_like.lookup.index import BitMapIndex, SliceIndex, TreeRangeIndex
from bspump_like.matrix import Matrix, NamedMatrix
from bspump_like.testing import fresh_application, run_pump
from tests.pumping import Endless, collect, events, run, until

DTYPE = [("low", "f8"), ("high", "f8"), ("zone", "U4"), ("price", "i8")]
ROWS = {"a": (0, 10, "A", 5), "b": (10, 20, "B", 7), "c": (5, 6, "A", 9)}


def fill(matrix, rows=ROWS):
    for name, row in rows.items():
        index = matrix.add_row(name)
        matrix.Array[index] = row
    return matrix


@pytest.fixture
def app():
    with fresh_application() as made:
        yield made


def lookup_of(app, **config):
    lookup = MatrixLookup(app, fill(NamedMatrix(app, DTYPE, "M")), config=config)
    assert app.Loop.run_until_complete(lookup.load()) is bool(config.get("index"))
    return lookup


TREE = {"index": "tree", "column_start": "low", "column_end": "high"}


@pytest.mark.parametrize(
    ("config", "answers"),
    [
        ({"value": "price"}, {"a": 5, "c": 9, "x": None, None: None}),
        ({"index": "value", "column": "zone", "value": "price"}, {"A": 5, "B": 7, "C": None, None: None}),
        ({**TREE, "value": "price"}, {3: 5, 5.5: 5, 10: 5, 10.5: 7, 20: 7, 20.1: None, -1: None, None: None}),
        ({**TREE, "index": "slice", "resolution": 3, "value": "price"}, {3: 5, 10.5: 7, 20: 7, 20.1: None, -1: None}),
        ({}, {"b": {"low": 10.0, "high": 20.0, "zone": "B", "price": 7}}),
    ],
)
def test_get_finds_the_first_row(app, config, answers):
    lookup = lookup_of(app, **config)
    for _ in range(2):
        assert {key: lookup.get(key) for key in answers} == answers
    assert lookup.get("nothing" if not config.get("column_start") else 99, "default") == "default"
    keys = [key for key in answers if key is not None]
    if keys and config.get("value"):
        found = lookup.take(keys, "price", default=-1).tolist()
        assert found == [-1 if answers[key] is None else answers[key] for key in keys]


def test_answers_have_types_that_json_knows(app):
    row = lookup_of(app).get("a")
    assert [type(value) for value in row.values()] == [float, float, str, int]


def test_search_takes_masks_and_names_the_first_row(app):
    lookup = lookup_of(app)
    by_zone = lookup.create_index(BitMapIndex, "zone")
    by_range = lookup.create_index(TreeRangeIndex, "low", "high", id="range")
    assert lookup.search(by_zone.search("A") & by_range.search(5.5), "price") == 5
    assert lookup.search(by_zone.search("B") & by_range.search(5.5), "price") is None
    assert lookup.search(lookup.Matrix.Array["price"] > 5, "zone") == "B"
    assert sorted(lookup.Indexes) == ["BitMapIndex:zone", "range"]


def test_a_matrix_of_its_own_is_made_and_shared(app):
    lookup = MatrixLookup(app, dtype=DTYPE, id="Own")
    assert app.pump_service.locate_matrix("OwnMatrix") is lookup.Matrix
    fill(lookup.Matrix)
    lookup.create_index(SliceIndex, "low", "high", resolution=1.0)
    assert lookup.find_rows(["b", "x"]).tolist() == [lookup.Matrix.N2IMap["b"], -1]


def test_cells_are_seen_after_update_indexes(app):
    lookup = lookup_of(app, index="value", column="zone", value="price")
    lookup.Matrix.Array[lookup.Matrix.N2IMap["a"]]["zone"] = "Z"
    assert (lookup.get("A"), lookup.get("Z")) == (5, None)
    lookup.update_indexes()
    assert (lookup.get("A"), lookup.get("Z")) == (9, 5)


def test_rows_that_go_leave_answers_of_one_moment(app):
    lookup = lookup_of(app, index="value", column="zone")
    lookup.Matrix.close_row("a")
    lookup.Matrix.flush()  # the others have new indexes now
    assert lookup.get("B") == {"low": 10.0, "high": 20.0, "zone": "B", "price": 7}
    assert app.Loop.run_until_complete(lookup.load()) is True
    assert lookup.get("A")["price"] == 9
    assert app.Loop.run_until_complete(lookup.load()) is False


@pytest.mark.parametrize("on_clock", [True, False])
def test_indexes_follow_the_matrix(on_clock):
    def prepare(app):
        app.pump_service.add_matrix(fill(NamedMatrix(app, DTYPE, "M")))
        config = {"index": "value", "column": "zone", "value": "price", "update_period": "10ms"}
        app.pump_service.add_lookup(MatrixLookup(app, "M", on_clock_update=on_clock, id="L", config=config))

    async def during(app):
        lookup = app.pump_service.Lookups["L"]
        await until(lambda: lookup.get("A") == 5)
        if on_clock:
            lookup.Matrix.Array[lookup.Matrix.N2IMap["b"]]["zone"] = "new"
        else:
            fill(lookup.Matrix, {"d": (0, 1, "new", 7)})
        await until(lambda: lookup.get("new") == 7)
        app.stop()

    run(("P", events([], cls=Endless), collect([])), prepare=prepare, during=during)


def test_events_are_enriched_by_definition():
    definition = {
        "matrices": [{"id": "M", "class": "NamedMatrix", "args": {"dtype": {"low": "f8", "high": "f8", "price": "i8"}}}],
        "lookups": [
            {"id": "L", "class": "MatrixLookup", "args": {"matrix_id": "M"}, "config": {**TREE, "value": "price"}}
        ],
        "pipelines": [
            {
                "id": "P",
                "sources": [{"class": "IteratorSource", "args": {"iterator": [{"w": 3}, {"w": 30}]}}],
                "processors": [
                    {"class": "LookupEnricher", "config": {"lookup": "L", "key": "w", "target": "p", "missing": "null"}}
                ],
                "sink": {"module": "bspump_like.testing", "class": "CollectSink"},
            }
        ],
    }  # fmt: skip

    def build(app):
        PumpBuilder(definition).construct_pump(app, app.pump_service)
        matrix = app.pump_service.locate_matrix("M")
        matrix.Array[matrix.add_row("x")] = (0, 10, 4)

    app = run_pump(build)
    assert app.pump_service.Pipelines["P"].locate_processor("CollectSink").events == [
        {"w": 3, "p": 4},
        {"w": 30, "p": None},
    ]


def test_a_slave_gets_matrix_and_index(app):
    master, slave = (
        lookup_of(app, **TREE),
        MatrixLookup(app, None, DTYPE, id="S", config={**TREE, "master_url": "http://x"}),
    )
    slave.deserialize(master.serialize())
    assert slave.get(15) == master.get(15) == {"low": 10.0, "high": 20.0, "zone": "B", "price": 7}
    other = MatrixLookup(app, None, "f8", id="O")
    with pytest.raises(ValueError, match="f8|dtype"):
        other.deserialize(master.serialize())
    with pytest.raises(NotImplementedError, match="Matrix does not travel"):
        MatrixLookup(app, Matrix(app, id="P"), id="Q").serialize()


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ({"index": "value"}, "with 'index: value' option 'column' must name a column"),
        ({"index": "slice", "column_start": "low"}, "with 'index: slice' option 'column_end' must name a column"),
        ({"index": "value", "column": "zon"}, "matrix M has no column 'zon'"),
        ({"index": "hash"}, "expected one of"),
    ],
)
def test_mistakes_are_told(app, config, told):
    with pytest.raises(ConfigError, match=told):
        lookup_of(app, **config)


def test_a_matrix_that_is_not_there_is_told(app):
    with pytest.raises(ConfigError, match="Cannot find matrix id 'N'"):
        app.Loop.run_until_complete(MatrixLookup(app, "N").load())


def test_many_values_are_one_call(app):
    matrix = NamedMatrix(app, DTYPE, "Many")
    matrix.update_rows(
        [f"r{n}" for n in range(500)], {"low": np.arange(500.0), "high": np.arange(500.0) + 0.5}, how="set"
    )
    lookup = MatrixLookup(app, matrix, config=TREE)
    app.Loop.run_until_complete(lookup.load())
    values = np.arange(0, 600, 0.25)
    expected = [matrix.N2IMap[f"r{int(v)}"] if v < 500 and v % 1 <= 0.5 else -1 for v in values.tolist()]
    assert lookup.find_rows(values).tolist() == expected

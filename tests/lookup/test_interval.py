"""Intervals from a file, against looking at each of them."""

from __future__ import annotations

import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bspump_like import ConfigError
from bspump_like.common import LookupEnricher
from bspump_like.lookup import IntervalLookup
from bspump_like.lookup.interval import _Segments
from bspump_like.testing import fresh_application
from tests.pumping import collect, events, run

ENDS = st.none() | st.integers(-10, 10)


@given(
    intervals=st.lists(st.tuples(ENDS, ENDS), max_size=25),
    values=st.lists(st.integers(-12, 12) | st.floats(-12, 12) | st.sampled_from([None, float("nan"), float("inf")])),
)
def test_finds_the_first_interval_as_by_looking_at_each(intervals, values):
    segments = _Segments((interval, number) for number, interval in enumerate(intervals))

    def expected(value):
        if value is None:
            return None
        for number, (low, high) in enumerate(intervals):
            if value == value and (low is None or low <= value) and (high is None or value <= high):
                return number
        return None

    assert [segments.find(value) for value in values] == [expected(value) for value in values]


CSV = "low,high,price,name\n5,6,9,special\n0,10,5,light\n10,20,7,heavy\n20,,8,more\n30,25,1,nonsense\n"


def load(tmp_path, content=CSV, **config):
    path = tmp_path / "t.csv"
    path.write_text(content)
    with fresh_application() as app:
        options = {
            "path": str(path),
            "key": ["low", "high"],
            "types": {"low": "float", "high": "float", "price": "int"},
        }
        lookup = IntervalLookup(app, "Tariff", {**options, "null_values": [""], **config})
        app.Loop.run_until_complete(lookup.load())
        assert app.Loop.run_until_complete(lookup.load()) is False
        return lookup


def test_rows_of_a_file(tmp_path):
    lookup = load(tmp_path, value="price")
    asked = {-1: None, 0: 5, 5: 9, 6: 9, 6.1: 5, 10: 5, 10.5: 7, 20: 7, 20.5: 8, 1e9: 8, None: None}
    assert {value: lookup.get(value) for value in asked} == asked
    assert lookup.get(-1, "none") == "none"
    assert (5 in lookup, -1 in lookup, len(lookup)) == (True, False, 4)
    assert load(tmp_path)[15] == {"low": 10.0, "high": 20.0, "price": 7, "name": "heavy"}
    with pytest.raises(KeyError):
        lookup[-1]


def test_text_and_dates_are_intervals_too(tmp_path):
    content = "a,b,v\n2026-01-01,2026-03-31,winter\n2026-04-01,2026-06-30,spring\n"
    by_text = load(tmp_path, content, key=["a", "b"], types={}, value="v")
    assert (by_text.get("2026-02-03"), by_text.get("2027")) == ("winter", None)
    by_date = load(tmp_path, content, key=["a", "b"], types={"a": "date", "b": "date"}, value="v")
    assert by_date.get(datetime.date(2026, 6, 30)) == "spring"
    with pytest.raises(TypeError):
        by_date.get("2026-02-03")


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ({"key": "low"}, "must name the two columns"),
        ({"types": {"low": "float"}}, "do not compare.*give both columns the same type"),
        ({"path": ""}, "'path' must be set.*or 'master_url'"),
        ({"key": ["low", "hgh"], "types": {}}, "has no column 'hgh'"),
    ],
)
def test_mistakes_are_told(tmp_path, config, told):
    with pytest.raises(ConfigError, match=told):
        load(tmp_path, **config)


def test_events_are_enriched(tmp_path):
    (tmp_path / "t.csv").write_text(CSV)
    got = []

    def prepare(app):
        config = {"path": str(tmp_path / "t.csv"), "key": ["low", "high"], "types": {"low": "int", "high": "int"}}
        app.pump_service.add_lookup(IntervalLookup(app, "Tariff", {**config, "null_values": [""]}))

    def enrich(app, pipeline):
        return LookupEnricher(
            app, pipeline, config={"lookup": "Tariff", "key": "w", "fields": {"name": "name"}, "on_error": "drop"}
        )

    run(("P", events([{"w": 5}, {"w": 12}, {"w": -3}, {"w": "x"}]), enrich, collect(got)), prepare=prepare)
    assert got == [{"w": 5, "name": "special"}, {"w": 12, "name": "heavy"}, {"w": -3}]

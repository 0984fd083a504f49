from __future__ import annotations

import datetime

import pytest

from bspump_like import ConfigError, ProcessingError
from bspump_like.common import DeriveProcessor, FilterProcessor, SelectProcessor


def test_select_keeps_renames_and_sets(make):
    part = make(SelectProcessor, {"keep": ["a", "b", "z"], "rename": {"b": "B"}, "set": {"v": 1}})
    assert part.process({}, {"a": 1, "b": 2, "c": 3}) == {"a": 1, "B": 2, "v": 1}


def test_select_removes_and_renames_by_the_names_that_came(make):
    part = make(SelectProcessor, {"remove": ["a"], "rename": {"b": "a"}})
    assert part.process({}, {"a": 1, "b": 2, "c": 3}) == {"a": 2, "c": 3}


def test_select_refuses_to_remove_what_it_keeps(make):
    with pytest.raises(ConfigError, match="'a' is to be removed and to be kept"):
        make(SelectProcessor, {"keep": ["a"], "remove": ["a"]})


@pytest.mark.parametrize(
    ("condition", "passing", "dropped"),
    [
        (5, [5, 5.0], [6, None, "5"]),
        (None, [None], [0, ""]),
        (["UA", "AA"], ["UA"], ["DL", None]),
        ([None, 1], [None, 1], [2]),
        ("exists", [0, ""], [None]),
        ("missing", [None], [0]),
        ({"eq": "exists"}, ["exists"], ["x"]),
        ({"exists": False}, [None], [1]),
        ({"ne": 5}, [4, None], [5]),
        ({"ne": None}, [4], [None]),
        ({"gt": 1, "le": 3}, [2, 3], [1, 4, None]),
        ({"ge": 1, "lt": 3}, [1, 2], [0, 3]),
        ({"regex": "^N1"}, ["N14"], ["AN1", None]),
    ],
)
def test_filter_conditions(make, condition, passing, dropped):
    part, inverted = (make(FilterProcessor, {"where": {"f": condition}, "invert": i}) for i in (False, True))
    for value in passing:
        event = {"f": value}
        assert part.process({}, event) is event
        assert inverted.process({}, event) is None
    for value in dropped:
        event = {"f": value}
        assert part.process({}, event) is None
        assert inverted.process({}, event) is event
    assert (part.process({}, {}) is None) == (part.process({}, {"f": None}) is None)


def test_filter_needs_all_conditions_and_the_predicate(make):
    part = make(FilterProcessor, {"where": {"a": 1, "b": 2}}, predicate=lambda context, event: context["ok"])
    assert part.process({"ok": True}, {"a": 1, "b": 2})
    assert part.process({"ok": False}, {"a": 1, "b": 2}) is None
    assert part.process({"ok": True}, {"a": 1, "b": 3}) is None


def test_filter_names_field_and_value_that_cannot_be_compared(make):
    with pytest.raises(ProcessingError, match="field 'd' has 'x', which cannot be compared"):
        make(FilterProcessor, {"where": {"d": {"gt": 1}}}).process({}, {"d": "x"})


@pytest.mark.parametrize(
    ("where", "told"),
    [
        ({"d": {"gtt": 1}}, "field 'd' has an unknown condition 'gtt', did you mean 'gt'"),
        ({"d": {"regex": "("}}, "field 'd', condition 'regex'"),
        ({"d": {"in": "abc"}}, "'in' expects a list"),
        ({"d": {"exists": 1}}, "'exists' expects true or false"),
    ],
)
def test_filter_mistakes_are_told(make, where, told):
    with pytest.raises(ConfigError, match=told):
        make(FilterProcessor, {"where": where})


def test_derive_computes_in_order(make):
    part = make(DeriveProcessor, {"fields": {
        "gain": {"op": "sub", "args": ["dep", "arr"]},
        "twice": {"op": "mul", "args": ["gain", 2]},
        "route": {"op": "concat", "args": ["from", {"const": "-"}, "to"]},
        "hour": {"op": "hour_of", "args": "at"},
        "day": {"op": "date_of", "args": ["at"]},
    }})  # fmt: skip
    event = part.process({}, {"dep": 7, "arr": 2, "from": "EWR", "to": "IAH", "at": "2013-01-01T10:00:00Z"})
    assert (event["gain"], event["twice"], event["route"], event["hour"], event["day"]) == (
        5,
        10,
        "EWR-IAH",
        10,
        "2013-01-01",
    )


def test_derive_gives_none_for_none_and_missing(make):
    part = make(DeriveProcessor, {"fields": {"x": {"op": "add", "args": ["a", "b"]}}})
    assert part.process({}, {"a": 1, "b": None})["x"] is None
    assert part.process({}, {"a": 1})["x"] is None
    assert make(DeriveProcessor, {"fields": {"h": {"op": "weekday_of", "args": "t"}}}).process(
        {}, {"t": datetime.datetime(2024, 7, 1)}
    )["h"] == 1  # fmt: skip


@pytest.mark.parametrize("event", [{"a": "x", "b": 1}, {"a": 1, "b": 0}])
def test_derive_names_field_and_values_that_do_not_suit(make, event):
    with pytest.raises(ProcessingError, match="field 'x' cannot be derived from"):
        make(DeriveProcessor, {"fields": {"x": {"op": "div", "args": ["a", "b"]}}}).process({}, event)


@pytest.mark.parametrize(
    ("declared", "told"),
    [
        ({"op": "subb", "args": []}, "unknown op 'subb', did you mean 'sub'"),
        ({"op": "sub", "args": ["a"]}, "sub takes 2 args, not 1"),
        ({"op": "sub", "args": ["a", {"c": 1}]}, "an argument is a field name"),
        ("a - b", "expected {op"),
    ],
)
def test_derive_mistakes_are_told(make, declared, told):
    with pytest.raises(ConfigError, match=told):
        make(DeriveProcessor, {"fields": {"x": declared}})

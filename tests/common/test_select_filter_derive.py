from __future__ import annotations

import datetime

import pytest

from bspump_like import ConfigError, ProcessingError, Reject
from bspump_like.builder import PumpBuilder
from bspump_like.common import DeriveProcessor, FilterProcessor, SelectProcessor
from bspump_like.testing import run_pump


def test_select_keeps_renames_and_sets(make):
    part = make(SelectProcessor, {"keep": ["a", "b", "z"], "rename": {"b": "B"}, "set": {"v": 1}})
    assert part.process({}, {"a": 1, "b": 2, "c": 3}) == {"a": 1, "B": 2, "v": 1}


def test_select_removes_and_renames_by_the_names_that_came(make):
    part = make(SelectProcessor, {"remove": ["a"], "rename": {"b": "a"}})
    assert part.process({}, {"a": 1, "b": 2, "c": 3}) == {"a": 2, "c": 3}


def test_select_refuses_to_remove_what_it_keeps(make):
    with pytest.raises(ConfigError, match="'a' is to be removed and to be kept"):
        make(SelectProcessor, {"keep": ["a"], "remove": ["a"]})


@pytest.mark.parametrize("what", [{"keep": ["a", "b"]}, {"remove": ["a", "b"]}, {"rename": {"a": "A", "b": "B"}}])
def test_missing_says_what_becomes_of_an_event_that_lacks_a_field(make, what):
    def select(missing, event):
        return make(SelectProcessor, {**what, "missing": missing, "set": {"v": 1}}).process({}, event)

    whole = select("skip", {"a": 1, "b": 2, "c": 3})
    for missing in ("null", "drop", "reject"):
        assert select(missing, {"a": 1, "b": 2, "c": 3}) == whole
    assert select("skip", {"a": 1})["v"] == 1
    assert select("null", {"a": 1, "c": 3}) == {name: (None if value == 2 else value) for name, value in whole.items()}
    assert select("drop", {"a": 1}) is None
    with pytest.raises(Reject, match=r"^the event has no field 'b': it has a, bb$"):
        select("reject", {"a": 1, "bb": 2})


def test_what_is_not_named_need_not_be_there(make):
    assert make(SelectProcessor, {"set": {"v": 1}, "missing": "reject"}).process({}, {}) == {"v": 1}


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
    with pytest.raises(ProcessingError, match="`d gt 1` cannot be computed: .* with d = 'x'"):
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
    with pytest.raises(ProcessingError, match=r"field 'x': `div\(a, b\)` cannot be computed: .* with a = .*, b ="):
        make(DeriveProcessor, {"fields": {"x": {"op": "div", "args": ["a", "b"]}}}).process({}, event)


@pytest.mark.parametrize(
    ("declared", "told"),
    [
        ({"op": "subb", "args": []}, "unknown op 'subb', did you mean 'sub'"),
        ({"op": "sub", "args": ["a"]}, "sub takes 2 args, not 1"),
        ({"op": "sub", "args": ["a", {"c": 1}]}, "an argument is a field name"),
        ("a -", "column 4: the expression ends too early"),
        ("subb(a, b)", "there is no function 'subb'"),
        (["a"], "expected an expression, or {op"),
    ],
)
def test_derive_mistakes_are_told(make, declared, told):
    with pytest.raises(ConfigError, match=told):
        make(DeriveProcessor, {"fields": {"x": declared}})


# Expressions


def test_filter_by_an_expression(make):
    part, inverted = (make(FilterProcessor, {"where": "delay > 15 and carrier != 'DL'", "invert": i}) for i in (False, True))
    for event, passes in (
        ({"delay": 20, "carrier": "UA"}, True), ({"delay": 20}, True), ({"delay": 20, "carrier": "DL"}, False),
        ({"carrier": "UA"}, False), ({}, False), ({"delay": None}, False),
    ):  # fmt: skip
        assert (part.process({}, event) is event) == passes
        assert (inverted.process({}, event) is event) != passes


def test_filter_by_an_expression_and_a_predicate_that_may_fail(make):
    calls = []

    def predicate(context, event):
        calls.append(event)
        raise KeyError("of the user")

    part = make(FilterProcessor, {"where": "a and b"}, predicate=predicate)
    assert part.process({}, {"a": 0}) is None
    with pytest.raises(KeyError, match="of the user"):
        part.process({}, {"a": 1, "b": 1})
    assert len(calls) == 1


@pytest.mark.parametrize(
    ("base", "config"),
    [(FilterProcessor, {"where": "a"}), (DeriveProcessor, {"fields": {"b": "a"}}), (SelectProcessor, {"keep": ["a"]})],
)
def test_a_process_that_a_subclass_defines_is_used(make, base, config):
    class Counting(base):
        seen = 0

        def process(self, context, event):
            self.seen += 1
            return super().process(context, event)

    part = make(Counting, config)
    assert part.process({}, {"a": 1})
    assert part.seen == 1


def test_field_names_of_conditions_are_names_and_no_paths(make):
    part = make(FilterProcessor, {"where": {"a.b": 1, "@type": ["x"], "n": {"in": [[1], 2]}} | {"n": 2}})
    assert part.process({}, {"a.b": 1, "@type": "x", "n": 2})
    assert part.process({}, {"a": {"b": 1}, "@type": "x", "n": 2}) is None


def test_derive_by_expressions_in_order(make):
    part = make(DeriveProcessor, {"fields": {
        "gain": "dep - arr",
        "late": "gain > 3",
        "@version": 1,
        "geo.lat": "float(lat)",
        "geo.lon": "float(lon)",
        "context.kafka_key": "carrier",
        "lat": "null",
        "twice": {"op": "mul", "args": ["gain", 2]},
    }})  # fmt: skip
    context = {}
    event = part.process(context, {"dep": 7, "arr": 2, "lat": "50.1", "lon": "14.4", "carrier": "UA", "geo": {"ip": "x"}})
    assert event == {
        "dep": 7, "arr": 2, "lat": None, "lon": "14.4", "carrier": "UA", "geo": {"ip": "x", "lat": 50.1, "lon": 14.4},
        "gain": 5, "late": True, "@version": 1, "twice": 10,
    }  # fmt: skip
    assert context == {"kafka_key": "UA"}


@pytest.mark.parametrize("broken", [{"lon": "x"}, {"geo": "no dict"}, {"dep": "7"}])
def test_derive_sets_all_fields_or_none(make, broken):
    part = make(DeriveProcessor, {"fields": {
        "new": "1", "context.new": "2", "a.b.c": "3", "gain": "dep - arr", "geo.lon": "float(lon)",
    }})  # fmt: skip
    event = {"dep": 7, "arr": 2, "lon": "1"} | broken
    before, context = dict(event), {}
    with pytest.raises(ProcessingError, match=r"^field '(gain|geo\.lon)': `"):
        part.process(context, event)
    assert event == before
    assert context == {}


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"geo.lat": "1", "x": "geo.lat + 1"}, "reads 'geo', of which a part is set before"),
        ({"context.a": "1", "x": "context.a"}, "reads 'context', of which"),
        ({"geo.lat": "1", "geo": "{}"}, "field 'geo' is set, and a part of it, too"),
        ({"": "1"}, "'' is no name of a field"),
        ("a - b", "expected keys with values|expected field names"),
    ],
)
def test_derive_refuses_what_would_depend_on_the_order_of_writing(make, fields, told):
    with pytest.raises(ConfigError, match=told):
        make(DeriveProcessor, {"fields": fields})


def test_derive_refuses_results_that_grow_without_end(make):
    doubling = {f"t{n + 1}": f"t{n} + t{n}" for n in range(40)}
    squares = {f"n{n + 1}": f"n{n} * n{n}" for n in range(40)}
    for fields, event, said in (
        (doubling, {"t0": "x"}, "characters or items, more than"), (doubling, {"t0": [1]}, "more than"),
        (squares, {"n0": 9}, "bits, more"),
    ):  # fmt: skip
        with pytest.raises(ProcessingError, match=said):
            make(DeriveProcessor, {"fields": fields}).process({}, event)
        assert len(event) == 1
    assert make(DeriveProcessor, {"fields": squares}).process({}, {"n0": 1.5})["n40"] == float("inf")


def test_derive_says_that_the_event_is_no_dict(make):
    with pytest.raises(ProcessingError, match="expected a dict to set fields in, got bytes"):
        make(DeriveProcessor, {"fields": {"a": "b + c"}}).process({}, b"{}")


def test_lookups_are_asked_and_must_be_there(tmp_path):
    (tmp_path / "airports.json").write_text('{"BOS": {"name": "Boston"}}')

    def run(id):
        definition = {
            "lookups": [{"id": "Airports", "class": "FileLookup", "config": {"path": str(tmp_path / "airports.json")}}],
            "pipelines": [{
                "id": "P",
                "source": {"module": "bspump_like.testing", "class": "ListSource", "args": {
                    "events": [{"to": "BOS"}, {"to": "XXX"}, {}]}},
                "processors": [
                    {"class": "FilterProcessor", "config": {"where": f"exists(lookup('{id}', to)) or now() < 0"}},
                    {"class": "DeriveProcessor", "config": {"fields": {"name": f"lookup('{id}', to).name"}}},
                ],
                "sink": {"module": "bspump_like.testing", "class": "CollectSink"},
            }],
        }  # fmt: skip
        app = run_pump(lambda app: PumpBuilder(definition).construct_pump(app, app.pump_service))
        return app.pump_service.Pipelines["P"].locate_processor("CollectSink").events

    assert run("Airports") == [{"to": "BOS", "name": "Boston"}]
    with pytest.raises(ConfigError, match="there is no lookup 'Airport'"):
        run("Airport")


def test_lookups_of_a_pump_in_python_are_looked_for_when_it_starts(pump, caplog):
    assert pump([{"to": "BOS"}], (FilterProcessor, {"where": "exists(lookup('Airport', to))"})) == []
    assert "pipeline P, FilterProcessor: there is no lookup 'Airport' (the pump has no lookups)" in caplog.text

from __future__ import annotations

import pytest

from bspump_like import ConfigError, DictionaryLookup, MappingLookup, Pipeline, ProcessingError, Reject
from bspump_like.common import AsyncLookupEnricher, LookupEnricher
from bspump_like.testing import CollectSink, ListSource, run_pump

AIRPORTS = {"EWR": {"name": "Newark", "alt": 18}, "IAH": {"name": "Houston", "alt": 97}}


def add(app, table, id="Airports"):
    lookup = DictionaryLookup(app, id, lazy=True)
    lookup.set(table)
    return app.pump_service.add_lookup(lookup)


@pytest.fixture
def enrich(app, make):
    def run(config, event, table=AIRPORTS):
        add(app, table)
        return make(LookupEnricher, {"lookup": "Airports", **config}).process({}, event)

    return run


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"target": "airport"}, {"o": "EWR", "airport": {"name": "Newark", "alt": 18}}),
        ({}, {"o": "EWR", "name": "Newark", "alt": 18}),
        ({"fields": {"name": "o_name"}}, {"o": "EWR", "o_name": "Newark"}),
        ({"fields": {"name": "n", "xx": "x"}, "target": "a"}, {"o": "EWR", "a": {"n": "Newark", "x": None}}),
    ],
)
def test_where_the_value_goes(enrich, config, expected):
    assert enrich({"key": "o", **config}, {"o": "EWR"}) == expected


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({}, {"o": "XXX"}),
        ({"missing": "null", "target": "a"}, {"o": "XXX", "a": None}),
        ({"missing": "null", "fields": {"name": "n"}}, {"o": "XXX", "n": None}),
        ({"missing": "default", "target": "a", "default": 0}, {"o": "XXX", "a": 0}),
        ({"missing": "default", "default": {"name": "?"}}, {"o": "XXX", "name": "?"}),
        ({"missing": "drop"}, None),
    ],
)
def test_what_becomes_of_an_event_without_a_value(enrich, config, expected):
    assert enrich({"key": "o", **config}, {"o": "XXX"}) == expected


def test_reject_names_the_key(enrich):
    with pytest.raises(Reject, match="lookup 'Airports' has no value for 'XXX'"):
        enrich({"key": "o", "missing": "reject"}, {"o": "XXX"})


def test_several_keys_make_a_tuple(enrich):
    table = {("EWR", 5): {"temp": 39}}
    assert enrich({"key": ["o", "hour"]}, {"o": "EWR", "hour": 5}, table)["temp"] == 39


def test_an_event_without_one_of_several_keys_has_no_value(enrich):
    assert enrich({"key": ["o", "hour"]}, {"o": "EWR"}, {("EWR", 5): {"temp": 39}}) == {"o": "EWR"}


def test_changing_the_event_does_not_change_the_lookup(app, make):
    lookup = add(app, {"EWR": {"name": "Newark"}})
    event = make(LookupEnricher, {"lookup": "Airports", "key": "o", "target": "a"}).process({}, {"o": "EWR"})
    event["a"]["name"] = "changed"
    assert lookup["EWR"] == {"name": "Newark"}


def test_a_table_that_is_replaced_is_seen_at_once(app, make):
    lookup = add(app, {"EWR": 1})
    part = make(LookupEnricher, {"lookup": "Airports", "key": "o", "target": "a"})
    lookup.set({"EWR": 2})
    assert part.process({}, {"o": "EWR"})["a"] == 2


def test_a_plain_dict_may_be_given_in_code(make):
    part = make(LookupEnricher, {"key": "o", "target": "a"}, lookup={"EWR": 1})
    assert part.process({}, {"o": "EWR"})["a"] == 1


def test_a_value_without_fields_is_told(enrich):
    with pytest.raises(ProcessingError, match="lookup 'Airports' gave 5, which has no fields to take"):
        enrich({"key": "o"}, {"o": "EWR"}, {"EWR": 5})


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ({"key": "o"}, "option 'lookup' must be set"),
        ({"key": "o", "lookup": "A", "missing": "null"}, "with 'missing: null'"),
        ({"key": "o", "lookup": "A", "missing": "default", "default": 5}, "the default must be a dict"),
        ({"lookup": "A"}, "option 'key' must be set"),
    ],
)
def test_contradictions_are_told_at_construction(make, config, told):
    with pytest.raises(ConfigError, match=told):
        make(LookupEnricher, config)


def run_with(add_lookups, config, part=LookupEnricher, before=True):
    sinks = []

    def build(app):
        if before:
            add_lookups(app)
        pipeline = Pipeline(app, "P")
        sinks.append(CollectSink(app, pipeline))
        pipeline.build(
            ListSource(app, pipeline, [{"o": "EWR"}, {"o": "IAH"}]), part(app, pipeline, config=config), sinks[0]
        )
        app.pump_service.add_pipeline(pipeline)
        if not before:
            add_lookups(app)

    app = run_pump(build)
    return app, sinks[0].events


def test_a_lookup_may_be_added_after_the_pipeline():
    _, events = run_with(lambda app: add(app, AIRPORTS), {"lookup": "Airports", "key": "o"}, before=False)
    assert [event["alt"] for event in events] == [18, 97]


def test_a_wrong_id_stops_the_start_and_names_the_nearest(caplog):
    app, events = run_with(lambda app: add(app, AIRPORTS), {"lookup": "Airprots", "key": "o"})
    assert app.ExitCode != 0
    assert events == []
    assert "there is no lookup 'Airprots' (did you mean 'Airports'?)" in caplog.text


class ServerLookup(MappingLookup):
    async def load(self):
        return False

    async def get(self, key, default=None):
        return AIRPORTS.get(key, default)

    def __getitem__(self, key):
        return AIRPORTS[key]

    def __iter__(self):
        return iter(AIRPORTS)

    def __len__(self):
        return len(AIRPORTS)


def test_a_lookup_that_answers_later_has_an_enricher_of_its_own(caplog):
    def lookups(app):
        app.pump_service.add_lookup(ServerLookup(app, "Server"))

    config = {"lookup": "Server", "key": "o"}
    _, events = run_with(lookups, config, AsyncLookupEnricher)
    assert [event["name"] for event in events] == ["Newark", "Houston"]
    app, _ = run_with(lookups, config, before=False)
    assert app.ExitCode != 0
    assert "use AsyncLookupEnricher" in caplog.text


class Counting(LookupEnricher):
    def process(self, context, event):
        event["n"] = context["n"]
        return super().process(context, event)


@pytest.mark.parametrize("before", [True, False])
def test_a_subclass_may_extend_process(app, make, before):
    if before:
        add(app, {"EWR": 1})
    part = make(Counting, {"lookup": "Airports", "key": "o", "target": "a"})
    if not before:
        add(app, {"EWR": 1})
        app.Loop.run_until_complete(part.on_start())
    assert part.process({"n": 7}, {"o": "EWR"}) == {"o": "EWR", "n": 7, "a": 1}


def test_events_may_share_the_row_of_the_lookup(app, make):
    lookup = add(app, AIRPORTS)
    part = make(LookupEnricher, {"lookup": "Airports", "key": "o", "target": "a", "copy_value": False})
    assert part.process({}, {"o": "EWR"})["a"] is lookup["EWR"]

from __future__ import annotations

import datetime

import pytest

from bspump_like import ConfigError, DictionaryLookup, ProcessingError
from bspump_like.filter import AttributeFilter, ContentFilter, TimeDriftFilter

EVENT = {"user": "ann", "password": "x", "token": "y"}


def test_fields_are_left_out_or_kept(make):
    assert make(AttributeFilter, {"fields": "password token"}).process({}, EVENT) == {"user": "ann"}
    assert make(AttributeFilter, {"fields": ["user"], "inclusive": True}).process({}, EVENT) == {"user": "ann"}
    assert make(AttributeFilter, lookup={"password": 1, "token": 1}).process({}, EVENT) == {"user": "ann"}
    assert make(AttributeFilter, lookup={"user"}, inclusive=True).process({}, EVENT) == {"user": "ann"}
    assert EVENT == {"user": "ann", "password": "x", "token": "y"}


def test_fields_come_from_a_lookup_of_the_pump(pump):
    def prepare(app):
        lookup = DictionaryLookup(app, "Secrets", lazy=True)
        lookup.set({"password": 1, "token": 1})
        app.pump_service.add_lookup(lookup)

    assert pump([EVENT], (AttributeFilter, {"lookup": "Secrets"}), prepare=prepare) == [{"user": "ann"}]


def test_a_lookup_that_is_not_there_is_said(make, app):
    part = make(AttributeFilter, {"lookup": "Nope"})
    with pytest.raises(ConfigError, match="there is no lookup 'Nope'"):
        app.Loop.run_until_complete(part.on_start())
    with pytest.raises(ConfigError, match="both a lookup and 'fields'"):
        make(AttributeFilter, {"lookup": "Nope", "fields": ["a"]})


def test_predicate_and_fields_may_be_overridden(make):
    class Own(AttributeFilter):
        def predicate(self, event):
            return event["user"] != "root"

        def get_fields(self, event):
            return event["user"]

    part = make(Own)
    assert part.process({}, {"user": "ab", "a": 1, "c": 2}) == {"user": "ab", "c": 2}
    assert part.process({}, {"user": "root", "r": 1}) == {"user": "root", "r": 1}
    with pytest.raises(ProcessingError, match="expected a dict to take fields from, got str"):
        part.process({}, "text")


def test_events_pass_that_match_the_query(pump):
    events = [{"status": 200}, {"status": 503}, "text", {}]
    assert pump(events, (ContentFilter, {"query": {"status": {"$gte": 500}}})) == [{"status": 503}]
    assert pump(events, ContentFilter) == events


def test_hit_and_miss_may_be_overridden(make):
    class Marked(ContentFilter):
        def on_hit(self, context, event):
            return {**event, "hit": True}

        def on_miss(self, context, event):
            return {**event, "hit": False}

    part = make(Marked, query={"a": 1})
    assert [part.process({}, {"a": value})["hit"] for value in (1, 2)] == [True, False]


def test_a_query_that_is_none_is_said_with_its_option(make):
    with pytest.raises(ConfigError, match=r"option 'query' has .*there is no operator \$gtt"):
        make(ContentFilter, {"query": {"a": {"$gtt": 1}}})


def test_events_that_are_too_old_are_dropped_and_counted(make):
    part = make(TimeDriftFilter)
    now = part.time()
    moment = datetime.datetime.fromtimestamp(now, datetime.UTC)
    fresh = [now, now - 50, now + 1000, moment, moment.replace(tzinfo=None)]
    old = [now - 70, moment - datetime.timedelta(minutes=2)]
    assert [part.process({}, {"@timestamp": stamp}) is not None for stamp in fresh + old] == [True] * 5 + [False] * 2
    assert part.rest_get()["TooOld"] == 2


@pytest.mark.parametrize(
    ("event", "message"),
    [({}, "no field '@timestamp'"), ({"@timestamp": "now"}, "'now', which is no time"), ("x", "got str")],
)
def test_an_event_without_a_time_fails(make, event, message):
    with pytest.raises(ProcessingError, match=message):
        make(TimeDriftFilter).process({}, event)

from __future__ import annotations

import asyncio
import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bspump_like import ConfigError, Pipeline, ProcessingError
from bspump_like.abc import Anomaly
from bspump_like.anomaly import AnomalyAnalyzer, AnomalyManager, AnomalyStorage
from bspump_like.builder import PumpBuilder
from bspump_like.common import InternalSource, NullSink
from bspump_like.testing import CollectSink, ListSource, fresh_application, run_pump

QUIET = 100


class Waiting(ListSource):
    """A list that more may follow."""

    async def read(self):
        if self._next == len(self.events):
            await asyncio.Event().wait()
        return await super().read()


def occurrence(time, who="a", kind="slow", **details):
    return {"type": kind, "key_dimensions": {"who": who}, "timestamp": time, "details": details}


def manage(events, store=":memory:", until=None, begun=0, during=None, classes=(), batch_size=100, **config):
    """Run occurrences through a manager; return the storage and what was sent, in order.

    With `until` it is stopped after the first so many, `begun` of them earlier, without an end of the input.
    """
    made = {}

    def build(app):
        pipeline, storing = Pipeline(app, "P"), Pipeline(app, "AnomalyStoragePipeline")
        source = (ListSource if until is None and during is None else Waiting)(
            app, pipeline, events[:until], id="Source", config={"batch_size": batch_size}
        )
        made["manager"] = AnomalyManager(
            app, pipeline, anomaly_classes=classes, id="Manager", config={"quiet": QUIET, **config}
        )
        made["sent"] = CollectSink(app, storing)
        pipeline.build(source, made["manager"], NullSink(app, pipeline))
        storing.build(InternalSource(app, storing), made["sent"])
        app.pump_service.add_pipelines(pipeline, storing)

    async def beside(app):
        counters = app.pump_service.Pipelines["P"].counters
        while until is not None and counters.events_in < until - begun:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.001)
        if during is not None:
            await during(made)
        app.stop()

    run_pump(build, store=store, during=None if until is None and during is None else beside)
    return made["manager"].AnomalyStorage, made["sent"].events


def facts(anomaly):
    return (
        anomaly["key_dimensions"]["who"],
        anomaly["started"],
        anomaly["updated"],
        anomaly["occurrences"],
        anomaly["status"],
    )


def by_model(occurrences):
    """Return (started, updated, count) of the runs of times without a gap of QUIET, when times only grow."""
    runs = []
    for time in occurrences:
        if runs and time - runs[-1][1] < QUIET:
            runs[-1] = (runs[-1][0], time, runs[-1][2] + 1)
        else:
            runs.append((time, time, 1))
    return runs


def test_occurrences_close_in_time_are_one_anomaly():
    storage, sent = manage([occurrence(0, level=1), occurrence(99, level=2), occurrence(198, level=3)])
    (anomaly,) = storage.values()
    assert facts(anomaly) == ("a", 0, 198, 3, "open")
    assert anomaly["details"] == {"level": 3}
    assert sent[-1] == {"_id": anomaly["id"], "@timestamp": "1970-01-01T00:00:00+00:00", **anomaly}


def test_types_and_dimensions_are_told_apart():
    storage, _ = manage([occurrence(0), occurrence(1, "b"), occurrence(2, kind="fast"), occurrence(3, "b")])
    assert [(one["type"], *facts(one)[:1], one["occurrences"]) for one in storage.values()] == [
        ("slow", "a", 1), ("slow", "b", 2), ("fast", "a", 1),
    ]  # fmt: skip


def test_a_quiet_time_closes_and_the_next_occurrence_opens_another():
    storage, sent = manage([occurrence(0), occurrence(50), occurrence(150), occurrence(500, "b")])
    assert [facts(one) for one in storage.values()] == [
        ("a", 0, 50, 2, "closed"), ("a", 150, 150, 1, "closed"), ("b", 500, 500, 1, "open"),
    ]  # fmt: skip
    assert [one["closed"] for one in storage.values() if one.is_closed()] == [150, 250]
    assert {one["_id"]: one["status"] for one in sent} == {one["id"]: one["status"] for one in storage.values()}


def test_without_events_time_goes_on_with_the_clock():
    async def closed(made):
        while not any(one["status"] == "closed" for one in made["sent"].events):  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.005)

    _, sent = manage([occurrence(1000)], during=closed, quiet=0.05, tick_period=0.01)
    assert (sent[-1]["status"], sent[-1]["closed"]) == ("closed", 1000.05)


def test_an_occurrence_in_time_opens_again_what_the_clock_has_closed():
    with fresh_application() as app:
        manager = AnomalyManager(app, Pipeline(app, "P"), config={"quiet": QUIET})
        manager.process({}, occurrence(0))
        app.Loop.run_until_complete(manager.on_tick(200))
        (anomaly,) = manager.AnomalyStorage.values()
        assert anomaly.is_closed()
        manager.process({}, occurrence(-5))  # late: it counts, and opens nothing
        assert anomaly.is_closed()
        manager.process({}, occurrence(90))
        assert facts(anomaly) == ("a", 0, 90, 3, "open")
        assert "closed" not in anomaly
        assert manager.AnomalyStorage.opened() == [anomaly]
        assert manager.rest_get()["Open"] == 1


def test_closed_ones_are_forgotten_after_some_days_in_the_store_too(tmp_path):
    store, day = str(tmp_path / "store.db"), 86_400
    events = [occurrence(0), occurrence(day, "b"), occurrence(3 * day, "c"), occurrence(4 * day, "d")]
    storage, _ = manage(events[:3], store, closed_anomaly_longevity=1)
    assert [facts(one)[0] for one in storage.values()] == ["a", "b", "c"]  # not before their end was sent
    storage, _ = manage(events, store, closed_anomaly_longevity=1)
    assert [facts(one)[0] for one in storage.values()] == ["c", "d"]


def test_a_stop_in_between_changes_nothing(tmp_path):
    store = str(tmp_path / "store.db")
    events = [occurrence(30 * n, "abc"[n % 3], level=n) for n in range(300)]
    whole, _ = manage(events)
    sent = []
    for begun, until in itertools.pairwise((0, 3, 100, 101, 250)):
        sent += manage(events, store, until, begun, batch_size=1)[1]
    storage, last = manage(events, store)
    assert dict(storage) == dict(whole)
    assert {one["_id"]: facts(one) for one in sent + last} == {id: facts(one) for id, one in whole.items()}


@given(
    st.lists(
        st.tuples(st.integers(0, 250), st.sampled_from("ab"), st.sampled_from(["event", "tick", "store"])), max_size=40
    )
)
@settings(max_examples=150, deadline=None)
def test_anomalies_are_the_runs_without_a_quiet_time_whatever_the_clock_says(steps):
    with fresh_application() as app:

        def make():
            return AnomalyManager(app, Pipeline(app, "P"), config={"quiet": QUIET})

        manager, now, came, stored, header = make(), 0.0, {"a": [], "b": []}, {}, None
        for step, who, kind in steps:
            now += step
            if kind == "event":
                manager.process({}, occurrence(now, who))
                came[who].append(now)
            elif kind == "tick":
                app.Loop.run_until_complete(manager.on_tick(now))
            else:
                saved = manager.AnomalyStorage.state.save()
                stored = {} if saved.whole else stored
                for stream, _, content in saved.changes():
                    stored.pop(stream, None)
                    if content is not None:
                        stored[stream] = [content]
                saved.done()
                header, manager = saved.header, make()
                manager.AnomalyStorage.state.load(header, stored)
        found = list(manager.AnomalyStorage.values())
        for who, times in came.items():
            assert [facts(one)[1:4] for one in found if facts(one)[0] == who] == by_model(times)


def test_a_type_may_have_a_class_of_its_own():
    class Outage(Anomaly):
        TYPE = "outage"

        def add(self, timestamp, details):
            super().add(timestamp, details)
            self["worst"] = max(self.get("worst", 0), details["lost"])
            if details["lost"] == 0:
                self.close(timestamp)

        async def on_tick(self, current_time):
            pass

    events = [occurrence(time, kind="outage", lost=lost) for time, lost in ((0, 3), (900, 9), (2000, 0), (2001, 1))]
    storage, _ = manage(events, classes=[Outage])
    assert [(type(one), *facts(one)[1:], one["worst"]) for one in storage.values()] == [
        (Outage, 0, 2000, 3, "closed", 9), (Outage, 2001, 2001, 1, "open", 1),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("event", "said"),
    [
        (7, "AnomalyAnalyzer"),
        ({"type": "t"}, "key_dimensions"),
        (occurrence("soon"), "no time"),
        (occurrence(float("nan")), "no time"),
        (occurrence(1, who=None), "texts or numbers"),
        (occurrence(1, kind=5), "text as type"),
        (occurrence(1, what=object()), "cannot be stored"),
    ],
)
def test_what_is_no_occurrence_changes_nothing(event, said):
    with fresh_application() as app:
        manager = AnomalyManager(app, Pipeline(app, "P"))
        with pytest.raises(ProcessingError, match=said):
            manager.process({}, event)
        assert not manager.AnomalyStorage


def test_nothing_is_sent_without_an_address_and_a_wrong_one_is_named():
    storage, sent = manage([occurrence(0)], anomaly_storage_pipeline_source="")
    assert len(storage) == 1
    assert sent == []
    with fresh_application() as app:
        storage = AnomalyStorage(app, pipeline=Pipeline(app, "P"))
        with pytest.raises(ConfigError, match="no source to send to"):
            storage.open()


def test_a_connection_that_is_not_there_and_a_missing_pipeline_are_both_named():
    pipeline = {
        "id": "P", "sources": [{"class": "IteratorSource", "args": {"iterator": []}}],
        "processors": [{"class": "AnomalyManager", "config": {"connection": "Nope"}}], "sink": {"class": "NullSink"},
    }  # fmt: skip
    with fresh_application() as app, pytest.raises(ConfigError) as caught:
        PumpBuilder({"pipelines": [pipeline]}).construct_pump(app, app.pump_service)
    assert "no source to send to at 'AnomalyStoragePipeline.*InternalSource'" in str(caught.value)
    assert "connection id 'Nope'" in str(caught.value)


def test_managers_may_share_a_storage():
    made = {}

    def build(app):
        storage = AnomalyStorage(app, anomaly_storage_pipeline_source="Storing", config={"quiet": QUIET})
        for name in ("One", "Two"):
            pipeline = Pipeline(app, name)
            manager = AnomalyManager(app, pipeline, storage)
            pipeline.build(ListSource(app, pipeline, [occurrence(7)]), manager, NullSink(app, pipeline))
            app.pump_service.add_pipeline(pipeline)
        storing = Pipeline(app, "Storing")
        made["sent"], made["storage"] = CollectSink(app, storing), storage
        storing.build(InternalSource(app, storing), made["sent"])
        app.pump_service.add_pipeline(storing)

    app = run_pump(build)
    assert {one.Id for one in app.pump_service.Pipelines["Storing"].upstream} == {"One", "Two"}, "flushed behind both"
    assert [one["occurrences"] for one in made["storage"].values()] == [2]
    assert made["sent"].events[-1]["occurrences"] == 2


def occurrences(events, **config):
    with fresh_application() as app:
        analyzer = AnomalyAnalyzer(app, Pipeline(app, "P"), config=config)
        return [analyzer.occurrence({}, event) for event in events]


def test_the_analyzer_reads_type_dimensions_time_and_details():
    events = [
        {"type": "login", "user_id": 1, "@timestamp": "1970-01-01T00:01:00Z"},
        {"type": "upload", "user_id": 1, "host": "h", "@timestamp": 60, "bytes": 5},
        {"user_id": 2, "@timestamp": 61},
    ]
    assert occurrences(events, key_dimensions="default:user_id upload:host upload:user_id", details=["bytes"]) == [
        {"type": "login", "key_dimensions": {"user_id": 1}, "timestamp": 60.0, "details": {}},
        {"type": "upload", "key_dimensions": {"host": "h", "user_id": 1}, "timestamp": 60.0, "details": {"bytes": 5}},
        {"type": "general", "key_dimensions": {"user_id": 2}, "timestamp": 61.0, "details": {}},
    ]


def test_the_analyzer_may_be_extended():
    class Failures(AnomalyAnalyzer):
        async def generate(self, context, event, depth):
            for user in event["users"]:
                self.Pipeline.inject(context, self.occurrence(context, {**event, "user_id": user}), depth)

    made = {}

    def build(app):
        pipeline = Pipeline(app, "P")
        made["sink"] = CollectSink(app, pipeline)
        source = ListSource(app, pipeline, [{"users": [1, 2], "@timestamp": 5}])
        pipeline.build(source, Failures(app, pipeline), made["sink"])
        app.pump_service.add_pipeline(pipeline)

    run_pump(build)
    assert [one["key_dimensions"] for one in made["sink"].events] == [{"user_id": 1}, {"user_id": 2}]


def test_the_type_may_be_computed_and_an_event_without_a_time_is_of_now():
    (one,) = occurrences([{"user_id": 1, "kind": "above"}], type='"latency " + kind')
    assert one["type"] == "latency above"
    assert one["timestamp"] > 1e9


@pytest.mark.parametrize(
    ("event", "config", "said"),
    [
        (5, {}, "expected a dict"),
        ({"type": "x"}, {}, "no user_id"),
        ({"type": "x", "user_id": 1, "@timestamp": "now"}, {}, "no time"),
        ({"type": "x", "user_id": 1}, {"key_dimensions": {"y": "user_id"}}, "no key_dimensions for 'x'"),
    ],
)
def test_the_analyzer_refuses_events_that_say_too_little(event, config, said):
    with pytest.raises(ProcessingError, match=said):
        occurrences([event], **config)


@pytest.mark.parametrize("declared", ["user_id", "default:", "", {}, {"x": []}, 5])
def test_dimensions_that_are_none_are_refused(declared):
    with pytest.raises(ConfigError):
        occurrences([], key_dimensions=declared)


DEFINITION = {
    "pipelines": [
        {
            "id": "Watch",
            "sources": [{"class": "IteratorSource", "args": {"iterator": [
                {"@timestamp": 1000, "server": "a", "latency": 20}, {"@timestamp": 1060, "server": "a", "latency": 900},
            ]}}],
            "processors": [{"class": "ThresholdAnalyzer", "config": {
                "event_attribute": "server", "event_value": "latency", "upper_bound": 500, "alarms": "Alarms",
            }}],
            "sink": {"class": "NullSink"},
        },
        {
            "id": "Alarms",
            "sources": [{"class": "InternalSource"}],
            "processors": [
                {"class": "AnomalyAnalyzer", "module": "bspump.anomaly", "config": {
                    "key_dimensions": "default:name", "type": "kind", "details": ["upper_bound"],
                }},
                {"class": "AnomalyManager", "module": "bspump.anomaly"},
            ],
            "sink": {"class": "NullSink"},
        },
        {
            "id": "AnomalyStoragePipeline",
            "sources": [{"class": "InternalSource"}],
            "sink": {"class": "CollectSink", "module": "bspump_like.testing"},
        },
    ]
}  # fmt: skip


def test_alarms_of_an_analyzer_become_anomalies_in_a_definition():
    made = {}

    def build(app):
        PumpBuilder(DEFINITION).construct_pump(app, app.pump_service)
        made["sent"] = app.pump_service.Pipelines["AnomalyStoragePipeline"].Processors[-1][-1]

    run_pump(build)
    ((sent),) = made["sent"].events
    assert (sent["type"], sent["key_dimensions"], sent["details"]) == ("above", {"name": "a"}, {"upper_bound": 500})

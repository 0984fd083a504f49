from __future__ import annotations

import asyncio

import pytest

from bspump_like import ConfigError, Pipeline, ProcessingError
from bspump_like.common import (
    Aggregator,
    DirectSource,
    ListAggregationStrategy,
    ListEventAggregationStrategy,
    StringAggregationStrategy,
)
from bspump_like.testing import CollectSink, ListSource, run_pump
from tests.common.stopping import StoppedSource


def run(events, strategy=None, config=None, store=":memory:", source=ListSource):
    sinks = []

    def build(app):
        pipeline = Pipeline(app, "P")
        sinks.append(CollectSink(app, pipeline))
        pipeline.build(
            source(app, pipeline, events, id="S"), Aggregator(app, pipeline, strategy, config=config), sinks[0]
        )
        app.pump_service.add_pipeline(pipeline)

    run_pump(build, store=store)
    return sinks[0].events


def test_events_go_on_by_the_number_and_the_rest_at_the_end():
    events = run(list(range(25)), ListEventAggregationStrategy())
    assert events == [list(range(10)), list(range(10, 20)), list(range(20, 25))]


def test_pairs_of_context_and_event_are_the_default():
    assert run([1, 2], config={"completion_size": 2}) == [[({}, 1), ({}, 2)]]


@pytest.mark.parametrize(("events", "joined"), [(["a", "b"], "a, b"), ([b"a", b"b"], b"a, b")])
def test_text_is_joined(events, joined):
    assert run(events, StringAggregationStrategy(", ")) == [joined]


def test_text_of_another_type_fails_alone():
    strategy = StringAggregationStrategy()
    strategy.append({}, "a")
    with pytest.raises(ProcessingError, match="expected str to join, got int"):
        strategy.append({}, 5)
    assert strategy.flush() == "a"


def test_one_strategy_for_two_aggregators_mixes_nothing(make):
    strategy = ListAggregationStrategy()
    one, two = make(Aggregator, aggregation_strategy=strategy), make(Aggregator, aggregation_strategy=strategy)
    one.process({}, 1)
    assert two.AggregationStrategy.is_empty()


def test_timeout_and_interval_exclude_each_other(make):
    with pytest.raises(ConfigError, match="exclude each other"):
        make(Aggregator, {"completion_timeout": 1, "completion_interval": 1})


def test_what_is_gathered_survives_a_stop(tmp_path):
    store = str(tmp_path / "store.db")
    config = {"completion_size": 100}
    events = list(range(30))
    assert run(events, ListEventAggregationStrategy(), config, store, StoppedSource) == []
    assert run(events, ListEventAggregationStrategy(), config, store) == [events]


class WatchedSink(CollectSink):
    def __init__(self, app, pipeline):
        super().__init__(app, pipeline)
        self.flushed = asyncio.Event()

    async def flush(self):
        await super().flush()
        if self.durable:
            self.flushed.set()


@pytest.mark.parametrize("option", ["completion_timeout", "completion_interval"])
def test_the_clock_completes_what_is_too_few(option):
    sinks, sources = [], []

    def build(app):
        pipeline = Pipeline(app, "P")
        sources.append(DirectSource(app, pipeline))
        sinks.append(WatchedSink(app, pipeline))
        pipeline.build(
            sources[0], Aggregator(app, pipeline, ListEventAggregationStrategy(), config={option: "50ms"}), sinks[0]
        )
        app.pump_service.add_pipeline(pipeline)

    async def during(app):
        pipeline = app.pump_service.Pipelines["P"]
        await pipeline.ready()
        sources[0].put({}, 1)
        await sinks[0].flushed.wait()  # a barrier follows although the timer brought no position
        app.stop()

    run_pump(build, during=during)
    assert sinks[0].events == [[1]]

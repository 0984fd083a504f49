from __future__ import annotations

import asyncio
import itertools
import random

import numpy as np
import pytest

from bspump_like import ConfigError, Pipeline, ProcessingError
from bspump_like.aggregation import HyperLogLog, SketchAggregator
from bspump_like.aggregation.figures import parse_figures
from bspump_like.testing import CollectSink, ListSource, fresh_application, run_pump

FIGURES = {
    "users": {"distinct": "user"},
    "micros": {"quantiles": ["micros", [0.5, 0.99]]},
    "paths": {"top": ["path", 2]},
    "statuses": {"frequency": ["status", [200, 500, 404]]},
}


class Endless(ListSource):
    """A list that more may follow."""

    async def read(self):
        if self._next == len(self.events):
            await asyncio.Event().wait()
        return await super().read()


def aggregated(events, store=":memory:", until=None, begun=0, **config):
    """Return what leaves the aggregator; stopped after the first `until` events without an end, `begun` of them earlier."""
    made = {}

    def build(app):
        pipeline = Pipeline(app, "P")
        made["sink"] = CollectSink(app, pipeline)
        cls = ListSource if until is None else Endless
        part = SketchAggregator(app, pipeline, config={"figures": FIGURES, **config})
        made["source"] = cls(app, pipeline, events[:until], id="Source")
        pipeline.build(made["source"], part, made["sink"])
        app.pump_service.add_pipeline(pipeline)

    async def during(app):
        counters = app.pump_service.Pipelines["P"].counters
        while counters.events_in < until - begun:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.001)
        app.stop()

    run_pump(build, store=store, during=None if until is None else during)
    return made["sink"].events


def events_of(count, seed=1):
    draw = random.Random(seed)
    return [
        {
            "host": draw.choice("ab"), "user": f"u{draw.randrange(count)}", "micros": draw.expovariate(0.01),
            "path": draw.choice(["/", "/", "/", "/cart", "/cart", f"/{number}"]), "status": draw.choice([200, 200, 500]),
        }
        for number in range(count)
    ]  # fmt: skip


def test_figures_are_close_to_the_exact_ones():
    events = events_of(20_000)
    (row,) = aggregated(events)
    micros = [event["micros"] for event in events]
    assert row["users"] == pytest.approx(len({event["user"] for event in events}), rel=0.06)
    assert np.quantile(micros, 0.49) <= row["micros"]["p50"] <= np.quantile(micros, 0.51)
    assert np.quantile(micros, 0.989) <= row["micros"]["p99"] <= np.quantile(micros, 0.991)
    assert [top["value"] for top in row["paths"]] == ["/", "/cart"]
    exact = sum(event["path"] == "/" for event in events)
    assert exact <= row["paths"][0]["count"] <= exact + row["paths"][0]["error"]
    assert row["statuses"]["500"] >= sum(event["status"] == 500 for event in events)
    assert row["statuses"]["404"] <= 20_000 * 0.002


def test_groups_have_their_own_figures():
    events = [{"host": "a", "user": 1}, {"host": "b", "user": 1}, {"host": "a", "user": 2}, {"host": "a", "user": None}]
    rows = aggregated(events, by="host", figures={"users": {"distinct": "user"}})
    assert rows == [{"host": "a", "users": 2}, {"host": "b", "users": 1}]


def test_a_stop_in_between_changes_nothing(tmp_path):
    events, store = events_of(500), str(tmp_path / "store.db")
    whole = aggregated(events, by="host")
    for begun, until in itertools.pairwise((0, 0, 100, 101, 350)):
        assert aggregated(events, store, until, begun, by="host") == []
    assert aggregated(events, store, by="host") == whole


def test_a_barrier_stores_the_sketches_as_they_were_though_events_come_meanwhile():
    before, meanwhile = events_of(300), events_of(300, seed=2)
    with fresh_application() as app:

        def make():
            return SketchAggregator(app, Pipeline(app, "P"), config={"by": "host", "figures": FIGURES})

        part = make()
        for _ in range(2):  # the first barrier stores all groups, the second those that have changed
            for event in before:
                part.process({}, event)
            expected = part.rows()
            (state,) = part.shared_states()
            saved = state.save()
            for event in meanwhile:
                part.process({}, event)
            streams = {stream: [content] for stream, _, content in saved.changes()}
            saved.done()
            again = make()
            again.shared_states()[0].load(saved.header, streams)
            assert again.rows() == expected
            assert part.rows() != expected


@pytest.mark.parametrize("every", [1, 7, 97, 1000])
def test_quantiles_do_not_depend_on_when_they_are_looked_at_and_stored(every):
    values = [event["micros"] for event in events_of(3000)]
    figure = parse_figures({"micros": {"quantiles": ["micros", [0.1, 0.5, 0.99]]}})["micros"]
    alone, stored = figure.new(), figure.new()
    for number, value in enumerate(values, 1):
        alone.update(value)
        stored.update(value)
        if number % every == 0:
            figure.result(stored)
            stored = figure.load(figure.dump(stored))
    assert figure.result(stored) == figure.result(alone)


def test_figures_are_sent_now_and_then():
    made = {}

    def build(app):
        pipeline = Pipeline(app, "P")
        made["sink"] = CollectSink(app, pipeline)
        config = {"figures": {"users": {"distinct": "user"}}, "period": 0.01, "reset": True}
        pipeline.build(
            Endless(app, pipeline, [{"user": 1}]), SketchAggregator(app, pipeline, config=config), made["sink"]
        )
        app.pump_service.add_pipeline(pipeline)

    async def during(app):
        while not made["sink"].events:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.001)
        app.stop()

    run_pump(build, during=during)
    assert made["sink"].events == [{"users": 1}]


def test_a_value_that_suits_no_figure_counts_nowhere():
    with fresh_application() as app:
        part = SketchAggregator(app, Pipeline(app, "P"), config={"figures": FIGURES})
        with pytest.raises(ProcessingError, match="cannot be counted"):
            part.process({}, {"user": 1, "micros": "slow"})
        assert part.rows() == []


@pytest.mark.parametrize(
    ("figures", "said"),
    [
        ({}, "expected names with figures"),
        ({"x": "count"}, "'x': expected {distinct: FIELD}"),
        ({"x": {"distinkt": "user"}}, "there is no figure 'distinkt'; .*distinct"),
        ({"x": {"quantiles": "user"}}, r"'x': expected {quantiles"),
        ({"x": {"quantiles": ["user", [2]]}}, "with numbers from 0 to 1"),
        ({"x": {"top": ["user", 0]}}, "with a number from 1 to 1000"),
    ],
)
def test_a_bad_declaration_is_refused(figures, said):
    with fresh_application() as app, pytest.raises(ConfigError, match=said):
        SketchAggregator(app, Pipeline(app, "P"), config={"figures": figures})


@pytest.mark.parametrize("count", [10, 1000, 100_000])
def test_hyperloglog_estimates_within_its_error(count):
    sketch, registers = HyperLogLog(2048), np.zeros(2048, "u1")
    for number in range(count):
        sketch.add(f"user {number}", registers)
        if number % 3 == 0:
            sketch.add(f"user {number}", registers)
    assert sketch.compute_error(count, sketch.count(registers)) < 4 * 1.04 / 2048**0.5


def test_hyperloglogs_are_united_by_their_larger_registers():
    sketch = HyperLogLog(256)
    one, other, both = (np.zeros(256, "u1") for _ in range(3))
    for number in range(1000):
        sketch.add(number, one if number % 2 else other)
        sketch.add(str(number), both)
    assert (np.maximum(one, other) == both).all()


def test_hyperloglog_refuses_sizes_that_are_no_power_of_2():
    with pytest.raises(ConfigError, match="m is 1000"):
        HyperLogLog(1000)

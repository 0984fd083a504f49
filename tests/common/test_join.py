from __future__ import annotations

import asyncio
import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bspump_like import Pipeline, ProcessingError
from bspump_like.common import InternalSource, JoinGenerator
from bspump_like.testing import CollectSink, ListSource, fresh_application, run_pump

WITHIN = 10


class Waiting(ListSource):
    """A list that more may follow."""

    async def read(self):
        if self._next == len(self.events):
            await asyncio.Event().wait()
        return await super().read()


def join(events, store=":memory:", ends=True, **config):
    """Run events through a join; return what leaves it, and what was late."""
    made = {}

    def build(app):
        pipeline, late = Pipeline(app, "P"), Pipeline(app, "Late")
        made["source"] = (ListSource if ends else Waiting)(app, pipeline, events, id="Source")
        made["sink"], made["late"] = CollectSink(app, pipeline), CollectSink(app, late)
        part = JoinGenerator(
            app, pipeline, config={"left": "side", "key": "k", "time": "t", "within": WITHIN, "late": "Late", **config}
        )
        pipeline.build(made["source"], part, made["sink"])
        late.build(InternalSource(app, late), made["late"])
        app.pump_service.add_pipelines(pipeline, late)

    async def during(app):
        counters = app.pump_service.Pipelines["P"].counters
        while counters.events_in < len(events):  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.001)
        app.stop()

    run_pump(build, store=store, during=None if ends else during)
    return made["sink"].events, made["late"].events


def numbers(pairs):
    return sorted(
        (pair["left"]["n"] if pair["left"] else -1, pair["right"]["n"] if pair["right"] else -1) for pair in pairs
    )


def expected(events, kind):
    """Return what a join gives when no event is late, by comparing each with each."""
    left, right = [e for e in events if e["side"]], [e for e in events if not e["side"]]
    pairs = [
        (one["n"], other["n"])
        for one, other in itertools.product(left, right)
        if one["k"] is not None and one["k"] == other["k"] and abs(one["t"] - other["t"]) <= WITHIN
    ]
    alone = set()
    if kind != "inner":
        alone |= {(one["n"], -1) for one in left} - {(n, -1) for n, _ in pairs}
    if kind == "full":
        alone |= {(-1, other["n"]) for other in right} - {(-1, n) for _, n in pairs}
    return sorted([*pairs, *alone])


EVENTS = st.lists(st.tuples(st.booleans(), st.sampled_from(["a", "b", None]), st.integers(0, 7)), max_size=60).map(
    lambda drawn: [
        {"side": side, "k": key, "t": time, "n": number}
        for number, ((side, key, _), time) in enumerate(
            zip(drawn, itertools.accumulate(step for _, _, step in drawn), strict=True)
        )
    ]
)


@settings(max_examples=60, deadline=None)
@given(events=EVENTS, kind=st.sampled_from(["inner", "left", "full"]))
def test_pairs_are_those_that_comparing_each_with_each_gives(events, kind):
    assert numbers(join(events, kind=kind)[0]) == expected(events, kind)


@settings(max_examples=40, deadline=None)
@given(events=EVENTS, kind=st.sampled_from(["inner", "left", "full"]), data=st.data())
def test_a_stop_in_between_changes_nothing(tmp_path_factory, events, kind, data):
    store = str(tmp_path_factory.mktemp("join") / "store.db")
    cut = data.draw(st.integers(0, len(events)))
    before, _ = join(events[:cut], store, ends=False, kind=kind)
    after, _ = join(events, store, kind=kind)
    assert numbers(before + after) == expected(events, kind)


def test_merged_events_keep_what_the_left_one_says():
    events = [{"side": True, "k": 1, "t": 1, "x": "left"}, {"side": False, "k": 1, "t": 2, "x": "right", "y": 3}]
    assert join(events, output="merged")[0] == [{"side": True, "k": 1, "t": 1, "x": "left", "y": 3}]


def test_events_out_of_order_are_joined_within_the_lateness_and_late_beyond():
    events = [
        {"side": True, "k": 1, "t": 100, "n": 0},
        {"side": True, "k": 2, "t": 130, "n": 1},
        {"side": False, "k": 1, "t": 105, "n": 2},
        {"side": True, "k": 3, "t": 160, "n": 3},
        {"side": False, "k": 1, "t": 105, "n": 4},
    ]
    pairs, late = join(events, lateness=20)
    assert numbers(pairs) == [(0, 2)]
    assert [event["n"] for event in late] == [4]


def test_a_time_that_is_none_is_refused():
    with fresh_application() as app:
        part = JoinGenerator(app, Pipeline(app, "P"), config={"left": "side", "key": "k", "time": "t"})
        with pytest.raises(ProcessingError, match="'t' is 'noon', which is no time"):
            part.process({}, {"side": True, "k": 1, "t": "noon"})


def test_what_waits_is_forgotten_in_memory_and_in_the_store():
    with fresh_application() as app:
        pipeline = Pipeline(app, "P")
        part = JoinGenerator(app, pipeline, config={"left": "side", "key": "k", "time": "t", "within": WITHIN})
        for number in range(10_000):
            part.process({}, {"side": True, "k": number, "t": number})
        assert len(part._by_time) <= WITHIN + 1
        assert len(part._waiting[True]) <= WITHIN + 1
        assert len(part._log) < 2100

"""Pipelines that feed one another in a circle: every event leaves it before its position is committed, and before the end."""

from __future__ import annotations

import asyncio

import pytest

from bspump_like import Generator
from bspump_like.common import InternalSink, InternalSource, RouterProcessor
from bspump_like.store import Store
from tests.pumping import Endless, Patient, collect, events, run, step, until

ROUNDS = 300
"""More than the passes that come about by chance while a pump ends."""


class Again(RouterProcessor):
    """Sends (name, n) back to the pipeline `L` with n - 1 until n is 0."""

    def process(self, context, event):
        name, left = event
        if not left:
            return name
        self.route(context, (name, left - 1), "L")
        return None


class AsyncAgain(Again):
    """Does the same, later."""

    async def process(self, context, event):
        await asyncio.sleep(0)
        return super().process(context, event)


def to(target):
    return lambda app, pipeline: InternalSink(app, pipeline, config={"target": target})


@pytest.mark.parametrize("again", [Again, AsyncAgain])
def test_the_end_comes_when_nothing_goes_round_any_more(again):
    out = []
    app = run(
        ("P", events([(name, name * ROUNDS // 10) for name in range(11)]), to("L")),
        ("L", InternalSource, again, collect(out)),
    )
    assert sorted(out) == list(range(11))
    assert all(pipeline.ended for pipeline in app.pump_service.Pipelines.values())


def test_a_pipeline_that_feeds_itself_ends():
    out = []
    run(("L", [events([("a", ROUNDS), ("b", 0)]), InternalSource], Again, collect(out)))
    assert sorted(out) == ["a", "b"]


def test_a_circle_of_two_that_each_have_input_ends():
    out = []
    run(
        ("L", [events([("a", ROUNDS)]), InternalSource], step(lambda event: event), to("M")),
        ("M", [events([("b", 3)]), InternalSource], Again, collect(out)),
    )
    assert sorted(out) == ["a", "b"]


def test_a_circle_that_gets_more_than_its_queue_holds_waits_for_no_one():
    out = []
    run(("L", [events([(name, 20) for name in range(500)], 500), InternalSource], Again, collect(out)))
    assert sorted(out) == list(range(500))


def test_no_position_is_committed_before_its_event_has_left():
    out, committed = [], []

    class Watched(Patient):
        async def commit(self, position):
            committed.append((dict(position), len(out)))

    run(
        ("P", events([(name, ROUNDS) for name in range(5)], 1, Watched), to("L")),
        ("L", InternalSource, Again, collect(out)),
    )
    assert committed
    assert all(left >= taken for position, left in committed for taken in position.values()), committed


def test_what_goes_round_at_a_stop_is_read_again(tmp_path):
    path = str(tmp_path / "store.db")
    rounds = []

    def count(event):
        rounds.append(event)
        return event

    async def during(app):
        await until(lambda: len(rounds) > ROUNDS)
        app.stop()

    app = run(
        ("P", events([("for ever", 10**9)], cls=Endless), to("L")),
        ("L", InternalSource, step(count), Again, collect()),
        during=during, store=path, config={"bspump": {"stop_timeout": "0.2s"}},
    )  # fmt: skip
    assert app.pump_service.Pipelines["P"].counters.events_in == 1
    store = Store(path)
    try:
        assert store.positions("P", "Endless") == {}
    finally:
        store.close()


def test_the_end_is_told_to_the_parts_when_all_has_come_round():
    class Held(Generator):
        def __init__(self, app, pipeline, id=None, config=None):
            super().__init__(app, pipeline, id, config)
            self.held = []

        def generate(self, context, event, depth):
            self.held.append(event)

        async def on_end_of_input(self):
            self.Pipeline.inject({}, sorted(self.held), self.PipelineDepth + 1)

    out = []
    run(
        ("P", events([("a", ROUNDS), ("b", 1)]), to("L")),
        ("L", InternalSource, Again, Held, collect(out)),
    )
    assert out == [["a", "b"]]


def test_a_circle_that_closes_while_its_queue_is_full_goes_on():
    out = []
    source = events([(name, 2) for name in range(500)], 100)  # M finds the way back to L with its first event
    run(("L", [source, InternalSource], step(lambda event: event), to("M")), ("M", InternalSource, Again, collect(out)))
    assert sorted(out) == list(range(500))

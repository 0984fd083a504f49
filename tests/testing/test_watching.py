"""Watching a pump changes nothing: it does under a trial what it does without."""

from __future__ import annotations

import asyncio

from hypothesis import given, settings
from hypothesis import strategies as st

from bspump_like.testing import CollectSink, Trial, run_pump
from tests.pumping import add, events, expand, step, threaded


async def later(event):
    await asyncio.sleep(0)
    return event + 1


async def twice_later(event):
    yield event
    await asyncio.sleep(0)
    yield -event


def odd_only(event):
    return event if event % 2 else None


def fussy(event):
    if event % 7 == 3:
        raise ValueError(f"no {event}")
    return event


STEPS = {
    "add": step(lambda event: event + 1), "odd only": step(odd_only), "fussy": step(fussy), "later": step(later),
    "fussy, dropped": step(fussy, on_error="drop"), "twice": expand(lambda event: [event, -event]),
    "twice, later": expand(twice_later), "in a thread": threaded(lambda event: event * 3),
}  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(list(STEPS)), max_size=5), st.lists(st.integers(0, 20), max_size=30), st.integers(1, 10))
def test_a_watched_pump_does_what_it_does_unwatched(names, items, batch):
    def build(app):
        parts = [STEPS[name] for name in names]
        add(app, "P", events(items, batch), *parts, CollectSink, config={"on_error": "dead_letter"})

    plain = run_pump(build).pump_service.Pipelines["P"]
    with Trial(build) as trial:
        watched = trial.run()["P"]

    collected = sorted(plain.locate_processor("CollectSink").events)
    assert sorted(watched.locate_processor("CollectSink").events) == collected
    assert sorted(trial.outputs("P")) == collected
    assert watched.counters.as_dict() == plain.counters.as_dict()
    assert len(trial.dead_letters) == plain.counters.dead_letters
    assert len(trial.errors) == plain.counters.errors
    assert trial.store.position("P.*Patient") == ({"list": len(items)} if items else {})

from __future__ import annotations

import asyncio
import copy
from collections.abc import Sequence

import pytest

from bspump_like import Drop, Outcome, Reject
from bspump_like.common import InternalSink, InternalSource, TeeProcessor
from bspump_like.common.internal import DirectSource
from bspump_like.settlement import KEY, Tracker, hold, note, release, tracker_of
from bspump_like.testing import CollectSink
from tests.pumping import Failing, Patient, collect, events, expand, run, step, threaded, until


class Asking(Patient):
    """Asks for the end of every event; `ended` is [(event, outcome, result, error)]."""

    settles = True

    def __init__(self, *args):
        super().__init__(*args)
        self.ended = []

    async def read(self):
        batch = await super().read()
        return batch._replace(contexts=[{"event": event} for event in batch.events])

    async def settle(self, context, outcome, result, error):
        self.ended.append((context["event"], outcome, result, error))

    async def commit(self, position):
        await super().commit(position)
        missing = set(self.events[: self.committed]) - {event for event, *_ in self.ended}
        assert not missing, f"the barrier passed before {missing} settled"


def settled(items, *parts, others=(), during=None, config=None):
    app = run(("P", events(items, 4, Asking), *parts, config or {}), *others, during=during)
    ended = app.pump_service.Pipelines["P"].Sources[0].ended
    assert len(ended) == len(items), "every event settles exactly once"
    return {event: (outcome, result) for event, outcome, result, _ in ended}, ended


# the tracker


def test_the_last_release_settles_once():
    ended = []
    tracker = Tracker({}, ended.append)
    tracker.hold()
    tracker.release()
    assert ended == []
    tracker.release()
    assert ended == [tracker]


def test_the_worst_outcome_counts():
    tracker = Tracker({}, lambda tracker: None)
    assert tracker.outcome is Outcome.DROPPED
    tracker.reached("a")
    error = ValueError("no")
    tracker.note(Outcome.FAILED, error)
    tracker.note(Outcome.DROPPED)
    tracker.reached("b")
    assert (tracker.outcome, tracker.error, tracker.result) == (Outcome.FAILED, error, "b")


def test_contexts_without_a_tracker_cost_nothing_and_change_nothing():
    context = {}
    hold(context)
    note(context, Outcome.FAILED)
    release(context)
    hold(None)
    release(None)
    assert context == {}
    assert tracker_of(None) is None


def test_a_copied_context_belongs_to_the_same_event():
    tracker = Tracker({}, lambda tracker: None)
    assert copy.deepcopy({KEY: tracker})[KEY] is tracker


# outcomes


async def same(event):
    return event


async def each(event):
    for item in event:
        yield item


KINDS = {"plain": step, "async": step, "threaded": threaded}


@pytest.mark.parametrize("kind", KINDS)
def test_the_outcome_of_every_kind_of_end(kind):
    def function(event):
        if event == "drop":
            return None
        if event == "Drop":
            raise Drop("no need")
        if event == "reject":
            raise Reject("bad input")
        if event == "fail":
            raise ValueError("oh")
        return event + "!"

    async def asynchronous(event):
        return function(event)

    part = KINDS[kind](asynchronous if kind == "async" else function)
    outcomes, ended = settled(
        ["drop", "Drop", "reject", "fail", "pass"], part, collect([]), config={"on_error": "dead_letter"}
    )
    assert outcomes == {
        "drop": (Outcome.DROPPED, None),
        "Drop": (Outcome.DROPPED, None),
        "reject": (Outcome.REJECTED, None),
        "fail": (Outcome.FAILED, None),
        "pass": (Outcome.PROCESSED, "pass!"),
    }
    assert {event: str(error) for event, _, _, error in ended if error is not None} == {
        "reject": "bad input",
        "fail": "oh",
    }


@pytest.mark.parametrize("generator", [expand(each), expand(list)], ids=["task", "inline"])
def test_an_event_that_became_several_ends_as_the_worst_of_them(generator):
    def function(event):
        if event == "x":
            raise ValueError("x")
        return None if event == "-" else event

    outcomes, _ = settled(
        ["ab", "a-", "--", "", "ax", "x-"], generator, step(function), collect([]), config={"on_error": "drop"}
    )
    assert {event: outcome for event, (outcome, _) in outcomes.items()} == {
        "ab": Outcome.PROCESSED, "a-": Outcome.PROCESSED, "--": Outcome.DROPPED, "": Outcome.DROPPED, "ax": Outcome.FAILED,
        "x-": Outcome.FAILED,
    }  # fmt: skip


def test_an_event_that_is_tried_again_settles_at_its_end():
    config = {"on_error": {"retry": {"attempts": 2, "backoff": 0.001}, "then": "drop"}}
    outcomes, _ = settled([1, 2, 3], step(Failing(1, times=1)), step(Failing(3)), collect([]), config=config)
    assert {event: outcome for event, (outcome, _) in outcomes.items()} == {
        1: Outcome.PROCESSED, 2: Outcome.PROCESSED, 3: Outcome.FAILED,
    }  # fmt: skip


def test_a_deferred_event_settles_as_deferred():
    config = {"on_error": {"retry": {"attempts": 2, "backoff": 10, "defer": True}}}
    outcomes, _ = settled([1, 2], step(Failing(1)), collect([]), config=config)
    assert outcomes == {1: (Outcome.DEFERRED, None), 2: (Outcome.PROCESSED, 2)}


def test_a_routed_event_settles_as_failed_when_it_has_ended_there_too():
    taken = []
    errors = ("E", InternalSource, step(same), collect(taken))
    outcomes, _ = settled([1, 2], step(Failing(1)), collect([]), others=[errors], config={"on_error": {"route": "E"}})
    assert outcomes[1][0] is Outcome.FAILED
    assert taken == [1]


def test_a_halted_event_settles_when_it_was_mended():
    async def during(app):
        pipeline = app.pump_service.Pipelines["P"]
        await until(pipeline.is_error)
        for _ in range(20):
            await asyncio.sleep(0)
        assert 2 not in {event for event, *_ in pipeline.Sources[0].ended}
        pipeline.set_error(None, None, None)

    outcomes, _ = settled(range(8), step(Failing(2, times=1)), collect([]), during=during)
    assert set(outcomes.values()) == {(Outcome.PROCESSED, n) for n in range(8)}


def test_a_halted_event_settles_as_failed_when_the_pump_stops():
    async def during(app):
        pipeline = app.pump_service.Pipelines["P"]
        await until(pipeline.is_error)
        app.stop()

    app = run(("P", events(range(4), 4, Asking), step(Failing(2)), collect([])), during=during)
    ended = {event: outcome for event, outcome, _, _ in app.pump_service.Pipelines["P"].Sources[0].ended}
    assert ended == {0: Outcome.PROCESSED, 1: Outcome.PROCESSED, 2: Outcome.FAILED, 3: Outcome.FAILED}


@pytest.mark.parametrize("kind", ["generator", "processor", "retry"])
def test_work_given_up_at_a_stop_settles_as_failed_and_not_as_dropped(kind):
    """Whoever acknowledges what was dropped would lose it."""

    async def hangs(event):
        if event >= 2:
            await asyncio.Event().wait()
        return event

    async def generated(event):
        yield await hangs(event)

    part = {
        "generator": expand(generated),
        "processor": step(hangs),
        "retry": step(Failing(2, 3), on_error={"retry": {"backoff": 100, "max_backoff": 100}}),
    }[kind]
    out = []

    async def during(app):
        await until(lambda: len(out) == 2)
        app.stop()

    app = run(
        ("P", events(range(4), 4, Asking), part, collect(out)),
        during=during,
        config={"bspump": {"stop_timeout": "0.05"}},
    )
    assert app.ExitCode == 1
    ended = sorted((event, outcome) for event, outcome, *_ in app.pump_service.Pipelines["P"].Sources[0].ended)
    assert ended == [(0, Outcome.PROCESSED), (1, Outcome.PROCESSED), (2, Outcome.FAILED), (3, Outcome.FAILED)]


@pytest.mark.parametrize("source", [InternalSource, DirectSource])
def test_settlement_follows_events_into_other_pipelines(source):
    outcomes, _ = settled(
        list("abx"), lambda a, p: InternalSink(a, p, config={"target": "D"}),
        others=[("D", source, step(same), step(Failing("x")), step(str.upper), collect([]), {"on_error": "drop"})],
    )  # fmt: skip
    assert {event: outcome for event, (outcome, _) in outcomes.items()} == {
        "a": Outcome.PROCESSED, "b": Outcome.PROCESSED, "x": Outcome.FAILED,
    }  # fmt: skip
    assert outcomes["a"][1] == "A"


def test_a_tee_settles_when_both_ways_have_ended():
    outcomes, _ = settled(
        range(20), lambda a, p: TeeProcessor(a, p, config={"targets": ["D"]}), collect([]),
        others=[("D", InternalSource, step(same), step(Failing(7)), collect([]), {"on_error": "drop"})],
    )  # fmt: skip
    assert outcomes[7][0] is Outcome.FAILED
    assert sum(outcome is Outcome.PROCESSED for outcome, _ in outcomes.values()) == 19


def test_the_context_handed_over_comes_back_the_same_object():
    class Same(Asking):
        async def read(self):
            batch = await super().read()
            self.given = [*getattr(self, "given", []), *batch.contexts]
            return batch

        async def settle(self, context, outcome, result, error):
            assert any(context is one for one in self.given)
            await super().settle(context, outcome, result, error)

    app = run(("P", events(range(10), 4, Same), expand(lambda e: [e, e]), collect([])))
    assert len(app.pump_service.Pipelines["P"].Sources[0].ended) == 10


class LateContexts(Sequence):
    """Makes a context when one is asked for, and another one next time."""

    def __init__(self, events):
        self.events = events

    def __len__(self):
        return len(self.events)

    def __getitem__(self, index):
        if isinstance(index, slice):
            return LateContexts(self.events[index])
        return {"event": self.events[index]}


def test_contexts_that_are_made_when_asked_for_settle_too():
    class Late(Asking):
        async def read(self):
            batch = await super().read()
            return batch._replace(contexts=LateContexts(batch.events))

    app = run(("P", events(range(10), 4, Late), collect([])))
    ended = app.pump_service.Pipelines["P"].Sources[0].ended
    assert sorted(event for event, *_ in ended) == list(range(10))


def test_a_settlement_that_fails_halts_before_the_barrier():
    class Broken(Asking):
        async def settle(self, context, outcome, result, error):
            if context["event"] == 5:
                raise OSError("the client is gone")
            await super().settle(context, outcome, result, error)

        async def commit(self, position):
            self.committed = position["list"]

    async def during(app):
        pipeline = app.pump_service.Pipelines["P"]
        await until(pipeline.is_error)
        for _ in range(20):
            await asyncio.sleep(0)
        assert pipeline.Sources[0].committed <= 4
        app.stop()

    app = run(("P", events(range(8), 4, Broken), collect([])), during=during)
    assert app.ExitCode == 1


def test_sources_that_do_not_ask_get_no_tracker():
    sinks = []

    def sink(app, pipeline):
        sinks.append(CollectSink(app, pipeline))
        return sinks[0]

    run(("P", events(range(3)), sink))
    assert all(KEY not in context for context in sinks[0].contexts)

from __future__ import annotations

import asyncio

import pytest

from bspump_like import BSPumpError, ConfigError, Drop, Outcome, Pipeline, Reject
from bspump_like.common import InternalSource, NullSink
from bspump_like.store import Store
from bspump_like.testing import CollectSink, fresh_application, run_pump
from tests.pumping import Endless, Failing, Patient, add, collect, events, expand, run, step, until


def letters(path):
    store = Store(path)
    try:
        return store.dead_letters()
    finally:
        store.close()


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "store.db")


def mend_when_halted(*, times=1):
    """Clear the error of pipeline P so many times, each when it has halted."""

    async def during(app):
        pipeline = app.pump_service.Pipelines["P"]
        for _ in range(times):
            await until(pipeline.is_error)
            pipeline.set_error(None, None, None)

    return during


# stop


@pytest.mark.parametrize("batch_size", [1, 7, 1000])
def test_a_halt_keeps_order_and_resumes_without_loss_or_repetition(batch_size):
    out, failing = [], Failing(3, 4, 11, times=1)
    run(("P", events(range(20), batch_size), step(failing), collect(out)), during=mend_when_halted(times=3))
    assert out == list(range(20))
    assert sorted(failing.seen) == sorted([*range(20), 3, 4, 11])


def test_nothing_behind_a_halted_event_runs_before_it_is_mended():
    out, failing = [], Failing(5, times=1)

    async def during(app):
        pipeline = app.pump_service.Pipelines["P"]
        await until(pipeline.is_error)
        for _ in range(50):
            await asyncio.sleep(0)
        assert out == list(range(5))
        assert pipeline.Sources[0].committed <= 5
        assert "no 5" in pipeline.state()
        pipeline.set_error(None, None, None)

    run(("P", events(range(9), 3), step(failing), collect(out)), during=during)
    assert out == list(range(9))


def test_a_batch_of_several_chunks_halts_and_resumes_in_order():
    out, failing = [], Failing(2500, 4999, times=1)
    run(("P", events(range(6000), 6000), step(failing), collect(out)), during=mend_when_halted(times=2))
    assert out == list(range(6000))


def test_behind_an_inline_generator_a_halt_keeps_order_too():
    out, failing = [], Failing(31, times=1)

    def tenfold(event):
        yield from range(10 * event, 10 * event + 10)

    async def during(app):
        pipeline = app.pump_service.Pipelines["P"]
        await until(pipeline.is_error)
        assert out == list(range(31))
        pipeline.set_error(None, None, None)

    run(("P", events(range(8), 5), expand(tenfold), step(failing), collect(out)), during=during)
    assert out == list(range(80))


def test_behind_an_asynchronous_processor_a_halt_keeps_order_too():
    async def passed(event):
        await asyncio.sleep(0)
        return event

    out, failing = [], Failing(4, 6, times=1)
    run(("P", events(range(30), 30), step(passed), step(failing), collect(out)), during=mend_when_halted(times=2))
    assert out == list(range(30))


def test_an_event_that_fails_again_halts_again_in_its_place():
    out, failing = [], Failing(2, times=3)
    run(("P", events(range(6), 6), step(failing), collect(out)), during=mend_when_halted(times=3))
    assert out == list(range(6))


def test_processors_before_the_failed_one_are_not_run_again():
    before, out = [], []
    failing = Failing(1, times=1)
    run(
        ("P", events(range(3)), step(lambda event: before.append(event) or event), step(failing), collect(out)),
        during=mend_when_halted(),
    )
    assert before == out == [0, 1, 2]


def test_a_second_run_begins_with_what_was_not_committed(path):
    out, failing = [], Failing(6)

    async def during(app):
        pipeline = app.pump_service.Pipelines["P"]
        await until(pipeline.is_error)
        app.stop()

    app = run(("P", events(range(10), 4), step(failing), collect(out)), during=during, store=path)
    assert app.ExitCode == 1
    assert out == list(range(6))
    failing.left.clear()
    run(("P", events(range(10), 4), step(failing), collect(out)), store=path)
    assert out[6:] in (list(range(4, 10)), list(range(10)))


def test_stopping_amid_a_batch_that_halts_does_not_hang():
    """The stop comes while a batch of several chunks runs, the failure in a later chunk."""
    out, stopped = [], []

    def failing(event):
        if event == 2100:
            stopped[0].stop()
        if event == 50_000:
            raise ValueError(event)
        return event

    app = run(("P", events(range(60_000), 60_000), step(failing), collect(out)), prepare=stopped.append)
    assert app.ExitCode == 1
    assert out == list(range(50_000))


# drop, dead_letter, route


def test_drop_goes_on_and_counts():
    out = []
    app = run(("P", events(range(10)), step(Failing(2, 5)), collect(out), {"on_error": "drop"}))
    assert out == [0, 1, 3, 4, 6, 7, 8, 9]
    counters = app.pump_service.Pipelines["P"].counters
    assert (counters.events_in, counters.events_out, counters.errors) == (10, 8, 2)


def test_raising_drop_is_no_error():
    out = []
    app = run(("P", events(range(10)), step(Failing(2, 5, error=Drop)), collect(out)))
    counters = app.pump_service.Pipelines["P"].counters
    assert len(out) == 8
    assert (counters.events_out, counters.dropped, counters.errors) == (8, 2, 0)


def test_dead_letters_hold_what_the_processor_was_given(path):
    out = []
    run(
        ("P", events(range(10)), step(lambda event: event * 10), step(Failing(20, 50), id="Fragile"), collect(out),
         {"on_error": "dead_letter"}), store=path,
    )  # fmt: skip
    assert out == [0, 10, 30, 40, 60, 70, 80, 90]
    kept = letters(path)
    assert [(one.pipeline, one.processor, one.event, one.error_type, one.error) for one in kept] == [
        ("P", "Fragile", 20, "ValueError", "no 20"),
        ("P", "Fragile", 50, "ValueError", "no 50"),
    ]
    assert "no 20" in kept[0].traceback


def test_an_event_the_store_cannot_keep_leaves_a_picture(path):
    def fail(event):
        raise ValueError("no")

    run(("P", events([object()]), step(fail), collect(), {"on_error": "dead_letter"}), store=path)
    [letter] = letters(path)
    assert letter.state == "unreplayable"
    assert letter.event.startswith("<object object")


def test_reject_becomes_a_dead_letter_even_where_errors_stop(path):
    out = []
    run(("P", events(range(4)), step(Failing(2, error=Reject)), collect(out)), store=path)
    assert out == [0, 1, 3]
    assert [letter.event for letter in letters(path)] == [2]


def test_reject_is_not_tried_again(path):
    failing = Failing(2, error=Reject)
    policy = {"on_error": {"retry": {"attempts": 5, "backoff": 0.001}, "then": "dead_letter"}}
    run(("P", events(range(4)), step(failing), collect([]), policy), store=path)
    assert failing.seen.count(2) == 1
    assert [letter.event for letter in letters(path)] == [2]


@pytest.mark.parametrize("policy", [{"route": "Errors"}, "route:Errors", {"route": "Errors.*InternalSource"}])
def test_route_hands_the_event_over_with_its_error(policy):
    out, routed, sinks = [], [], []

    def remember(app, pipeline):
        sinks.append(CollectSink(app, pipeline))
        return sinks[0]

    run(
        ("P", events(range(50)), step(Failing(*range(0, 50, 3))), collect(out), {"on_error": policy}),
        ("Errors", InternalSource, remember),
    )
    assert out == [n for n in range(50) if n % 3]
    assert sinks[0].events == [n for n in range(50) if n % 3 == 0]
    assert sinks[0].contexts[0]["ancestor"]["error"] == {
        "type": "ValueError", "message": "no 0", "processor": "P._Step",
    }  # fmt: skip
    assert not routed


def test_a_route_that_leads_nowhere_is_told_at_the_start():
    app = run(("P", events(range(3)), step(Failing(1)), collect(), {"on_error": {"route": "Erors"}}))
    assert app.ExitCode == 2


# retry


@pytest.mark.parametrize("times", [1, 2, 3])
def test_retry_succeeds_within_its_attempts(times):
    out, failing = [], Failing(3, times=times)
    policy = {"on_error": {"retry": {"attempts": 3, "backoff": 0.001}}}
    app = run(("P", events(range(6)), step(failing), step(lambda event: event), collect(out), policy))
    assert sorted(out) == list(range(6))
    assert app.pump_service.Pipelines["P"].counters.retries == times


def test_retry_gives_up_into_what_comes_then(path):
    out, failing = [], Failing(3)
    policy = {"on_error": {"retry": {"attempts": 2, "backoff": 0.001}, "then": "dead_letter"}}
    run(("P", events(range(6)), step(failing), collect(out), policy), store=path)
    assert out == [0, 1, 2, 4, 5]
    assert failing.seen.count(3) == 3
    assert [letter.event for letter in letters(path)] == [3]


class CommitsAreCovered(Patient):
    """Every event before a committed position must be in `reached`."""

    reached: list

    async def commit(self, position):
        await super().commit(position)
        missing = set(self.events[: self.committed]) - set(self.reached)
        assert not missing, f"committed {self.committed} without {missing}"


def covered(reached):
    return type("Covered", (CommitsAreCovered,), {"reached": reached})


RETRY = {"on_error": {"retry": {"attempts": 2, "backoff": 0.003}, "then": "drop"}}


async def _fails_once(event, seen):
    await asyncio.sleep(0)
    if event % 4 == 0 and event not in seen:
        seen.add(event)
        raise ValueError(event)
    return event


def test_a_barrier_waits_for_events_tried_again_in_the_chain():
    out = []
    first, second = Failing(*range(0, 20, 3), times=1), Failing(*range(0, 20, 2), times=1)
    run(("P", events(range(20), 2, covered(out)), step(first), step(second), collect(out), RETRY))
    assert sorted(out) == list(range(20))


def test_a_barrier_waits_for_a_generator_that_is_tried_again():
    out, seen = [], set()

    async def once(event):
        yield await _fails_once(event, seen)

    run(("P", events(range(20), 2, covered(out)), expand(once), collect(out), RETRY))
    assert sorted(out) == list(range(20))


def test_a_barrier_waits_for_an_asynchronous_processor_that_is_tried_again():
    out, seen = [], set()

    async def once(event):
        return await _fails_once(event, seen)

    run(("P", events(range(20), 2, covered(out)), step(Failing(2, 4, times=1)), step(once), collect(out), RETRY))
    assert sorted(out) == list(range(20))


def test_deferred_events_are_kept_in_the_store_and_replayed_when_due(path):
    out, failing = [], Failing(3, times=2)
    policy = {"on_error": {"retry": {"attempts": 3, "backoff": 0.01, "defer": True}, "then": "dead_letter"}}

    async def during(app):
        await until(lambda: sorted(out) == list(range(6)))
        app.stop()

    run(
        ("P", events(range(6), cls=Endless), step(failing), collect(out), policy),
        during=during, store=path, config={"bspump": {"replay_interval": "0.01"}},
    )  # fmt: skip
    assert failing.seen.count(3) == 3
    assert letters(path) == []


def test_a_deferred_event_that_never_succeeds_becomes_a_dead_letter(path):
    failing = Failing(3)
    policy = {"on_error": {"retry": {"attempts": 2, "backoff": 0.01, "defer": True}, "then": "dead_letter"}}

    async def during(app):
        pipeline = app.pump_service.Pipelines["P"]
        await until(lambda: pipeline.counters.dead_letters == 1)
        app.stop()

    run(
        ("P", events(range(6), cls=Endless), step(failing), collect([]), policy),
        during=during, store=path, config={"bspump": {"replay_interval": "0.01"}},
    )  # fmt: skip
    [letter] = letters(path)
    assert (letter.event, letter.attempts) == (3, 3)
    assert failing.seen.count(3) == 3


# scopes


def scoped(*scopes, **more):
    return {"error_scopes": list(scopes), **more}


def test_the_innermost_scope_wins_and_types_select(path):
    out = []

    def failing(event):
        if event == 1:
            raise KeyError(event)
        if event == 2:
            raise ValueError(event)
        return event

    config = scoped(
        {"from": "A", "to": "C", "on_error": "drop"},
        {"from": "B", "to": "B", "types": ["LookupError"], "on_error": "dead_letter"},
    )
    run(
        (
            "P",
            events(range(4)),
            step(lambda e: e, id="A"),
            step(failing, id="B"),
            step(lambda e: e, id="C"),
            collect(out),
            config,
        ),
        store=path,
    )
    assert out == [0, 3]
    assert [letter.event for letter in letters(path)] == [1]


def test_a_scope_gives_back_the_event_as_it_entered_the_scope(path):
    config = scoped({"from": "B", "to": "C", "on_error": "dead_letter"})
    run(
        ("P", events([1]), step(lambda e: e + 10, id="A"), step(lambda e: e + 100, id="B"), step(Failing(111), id="C"), collect(),
         config), store=path,
    )  # fmt: skip
    [letter] = letters(path)
    assert (letter.processor, letter.event) == ("B", 11)


def test_a_scope_around_an_asynchronous_processor_keeps_the_event(path):
    async def fail(event):
        raise ValueError(event)

    config = scoped({"from": "A", "to": "B", "on_error": "dead_letter"})
    run(("P", events([1]), step(lambda e: e + 10, id="A"), step(fail, id="B"), collect(), config), store=path)
    [letter] = letters(path)
    assert (letter.processor, letter.event) == ("B", 11)  # what A was given is not known any more


def test_an_event_that_was_tried_again_within_a_scope_is_kept_as_it_is_known(path):
    """It entered the processor that fails at last from the outside, so its input of the scope's first one is gone."""
    config = scoped({"from": "A", "to": "C", "on_error": "dead_letter"})
    retry = {"retry": {"attempts": 1, "backoff": 0.001}}
    run(
        ("P", events([1]), step(lambda e: e + 10, id="A"), step(Failing(11, times=1), id="B", on_error=retry),
         step(Failing(11), id="C"), collect(), config), store=path,
    )  # fmt: skip
    [letter] = letters(path)
    assert (letter.processor, letter.event) == ("C", 11)


def test_a_policy_of_the_processor_wins_over_scopes_and_pipeline():
    out = []
    config = scoped({"on_error": "stop"}, on_error="stop")
    run(("P", events(range(4)), step(Failing(2), on_error="drop"), collect(out), config))
    assert out == [0, 1, 3]


# the hooks of the contract


class Hooked(Pipeline):
    calls: list

    def handle_error(self, exception, context, event):
        self.calls.append((type(exception), event))
        return event == 2


class Caught(Pipeline):
    def catch_error(self, exception, event):
        return event != 2


class Confused(Pipeline):
    def handle_error(self, exception, context, event):
        raise KeyError("the hook itself is wrong")


def run_hooked(cls, out, failing, during=None, **config):
    return run_pump(
        lambda app: add(app, "P", events(range(6)), step(failing), collect(out), config=config, cls=cls), during=during
    ).pump_service.Pipelines["P"]


def test_handle_error_decides_with_true_for_ignore():
    out, Hooked.calls = [], []
    pipeline = run_hooked(Hooked, out, Failing(2, 4), on_error="drop")
    assert out == [0, 1, 3, 5]
    assert Hooked.calls == [(ValueError, 2), (ValueError, 4)]
    assert (pipeline.counters.warnings, pipeline.counters.errors) == (1, 1)


def test_catch_error_decides_with_false_for_ignore():
    out = []
    pipeline = run_hooked(Caught, out, Failing(2, 4), on_error="drop")
    assert out == [0, 1, 3, 5]
    assert (pipeline.counters.warnings, pipeline.counters.errors) == (1, 1)


def test_a_hook_that_raises_is_an_error_of_the_event_and_loses_nothing():
    out = []
    run_hooked(Confused, out, Failing(2, times=1), during=mend_when_halted())
    assert out == list(range(6))


def test_errors_are_published_and_cleared():
    topics = []

    def listen(message, pipeline):
        topics.append((message, pipeline.Id))

    async def during(app):
        pipeline = app.pump_service.Pipelines["P"]
        for topic in ("error", "clear_error"):
            pipeline.PubSub.subscribe(f"bspump.pipeline.{topic}!", listen)
        await mend_when_halted()(app)

    run(("P", events(range(3)), step(Failing(1, times=1)), collect()), during=during)
    assert topics == [("bspump.pipeline.error!", "P"), ("bspump.pipeline.clear_error!", "P")]


def test_a_sink_may_give_an_event_back_later(path):
    class Fussy(CollectSink):
        async def flush(self):
            for event, context in zip(self.events[self.durable :], self.contexts[self.durable :], strict=True):
                if event == 3:
                    self.Pipeline.reject(self, context, event, BSPumpError("the server refuses it"))
            await super().flush()

    run(("P", events(range(6)), collect(cls=Fussy)), store=path)
    [letter] = letters(path)
    assert (letter.processor, letter.event, letter.error) == ("Fussy", 3, "the server refuses it")


@pytest.mark.parametrize(
    "config",
    [
        {"on_error": "dorp"},
        {"on_error": 5},
        {"error_scopes": [{"from": "X", "on_error": "drop"}]},
        {"error_scopes": [{"from": "NullSink"}]},
        {"error_scopes": [{"frm": "NullSink", "on_error": "drop"}]},
    ],
)
def test_a_wrong_policy_is_told_when_the_pipeline_is_prepared(config):
    with fresh_application() as app:
        pipeline = add(app, "P", events([1]), NullSink, config=config)
        with pytest.raises(ConfigError, match="pipeline P"):
            pipeline.prepare()


def test_all_wrong_policies_are_told_at_once():
    with fresh_application() as app:
        pipeline = add(
            app,
            "P",
            events([1]),
            step(str, on_error="dorp"),
            collect(on_error="stopp"),
            config={"on_error": "dead_leter"},
        )
        with pytest.raises(ConfigError) as raised:
            pipeline.prepare()
    assert len(raised.value.problems) == 3
    assert Outcome.FAILED > Outcome.REJECTED

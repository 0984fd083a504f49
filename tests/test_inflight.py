from __future__ import annotations

import asyncio
import threading

import pytest

from bspump_like import Outcome, Processor, ThreadedProcessor
from bspump_like.common import InternalSource
from bspump_like.inflight import is_asynchronous
from bspump_like.settlement import KEY, Tracker
from tests.pumping import Endless, Failing, Patient, collect, events, expand, run, step, threaded, until


async def uneven(event):
    for _ in range(event * 7 % 11):
        await asyncio.sleep(0)
    return event


@pytest.mark.parametrize("concurrency", [1, 2, 5, 100])
def test_asynchronous_processors_keep_order_at_any_concurrency(concurrency):
    out = []
    run(("P", events(range(200), 20), step(uneven, concurrency=concurrency), collect(out)))
    assert out == list(range(200))


@pytest.mark.parametrize(("concurrency", "most"), [(1, 1), (4, 4), (100, 30)])
def test_so_many_events_are_in_work_at_once_and_no_more(concurrency, most):
    working, peak = set(), []

    async def work(event):
        working.add(event)
        peak.append(len(working))
        for _ in range(5):
            await asyncio.sleep(0)
        working.remove(event)
        return event

    run(("P", events(range(30), 30), step(work, concurrency=concurrency), collect([])))
    assert max(peak) == most


def test_asynchronous_processors_follow_one_another_and_drop():
    async def odd(event):
        await asyncio.sleep(0)
        return event if event % 2 else None

    out = []
    app = run(("P", events(range(50), 7), step(uneven), step(odd), step(lambda e: e + 100), step(uneven), collect(out)))
    assert out == [n + 100 for n in range(50) if n % 2]
    assert app.pump_service.Pipelines["P"].counters.dropped == 25


def test_an_error_leaves_in_its_place_in_the_order():
    async def fail(event):
        await uneven(event)
        if event % 10 == 3:
            raise ValueError(event)
        return event

    out = []
    run(("P", events(range(50), 50), step(fail), collect(out), {"on_error": "drop"}))
    assert out == [n for n in range(50) if n % 10 != 3]


def test_waiting_events_throttle_the_sources():
    gate, entered = [], []

    async def wait(event):
        await gate[0].wait()
        return event

    async def during(app):
        gate.append(asyncio.Event())
        pipeline = app.pump_service.Pipelines["P"]
        await until(pipeline.get_throttles)
        entered.append(pipeline.counters.events_in)
        gate[0].set()

    out = []
    run(("P", events(range(100), 1), step(wait, concurrency=4), collect(out)), during=during)
    assert entered == [8]
    assert out == list(range(100))


# threads


def test_threaded_processors_run_beside_the_loop_and_keep_order():
    names = set()

    def work(event):
        names.add(threading.current_thread().name.rpartition("_")[0])
        return event * 2

    out = []
    run(("P", events(range(100), 9), threaded(work, id="Worker"), collect(out)))
    assert names == {"Worker"}
    assert out == [n * 2 for n in range(100)]


def test_so_many_threads_work_at_once_as_there_are():
    """All of them must be inside at the same time, or the barrier breaks."""
    together = threading.Barrier(4, timeout=60)

    def meet(event):
        together.wait()
        return event

    out = []
    run(("P", events(range(12), 12), threaded(meet, concurrency=4), collect(out)))
    assert out == list(range(12))


def test_an_error_in_a_thread_is_an_error_of_the_event():
    out = []
    run(("P", events(range(10)), threaded(Failing(4)), collect(out), {"on_error": "drop"}))
    assert out == [n for n in range(10) if n != 4]


def test_a_retry_of_a_threaded_processor_runs_in_a_thread_too():
    threads, times = [], []

    def work(event):
        if event == 4:
            threads.append(threading.current_thread() is threading.main_thread())
            times.append(event)
            if len(times) == 1:
                raise ValueError(event)
        return event

    out = []
    run(("P", events(range(10)), threaded(work), collect(out), {"on_error": {"retry": {"backoff": 0.001}}}))
    assert sorted(out) == list(range(10))
    assert threads == [False, False]


def test_threads_are_gone_when_the_pump_has_ended():
    run(("P", events(range(10)), threaded(lambda e: e, id="Gone"), collect([])))
    threads = [thread for thread in threading.enumerate() if thread.name.startswith("Gone")]
    for thread in threads:
        thread.join(60)
    assert not [thread for thread in threads if thread.is_alive()]


def test_what_makes_a_processor_asynchronous():
    class Threads(ThreadedProcessor):
        def process(self, context, event):
            return event

    app = run(
        (
            "P",
            events([]),
            step(uneven, id="A"),
            step(str, id="B"),
            threaded(str, id="C"),
            expand(list, id="D"),
            collect(),
        )
    )
    assert [is_asynchronous(part) for part in app.pump_service.Pipelines["P"].iter_processors()] == [
        True,
        False,
        True,
        False,
        False,
    ]


# tasks of generators


def test_tasks_of_generators_run_beside_each_other():
    entered, gate = [], []

    async def meet(event):
        entered.append(event)
        if len(entered) == 20:
            gate[0].set()
        await gate[0].wait()
        yield event

    out = []
    run(("P", events(range(20), 20), expand(meet), collect(out)), prepare=lambda app: gate.append(asyncio.Event()))
    assert sorted(out) == list(range(20))


def test_a_barrier_waits_for_what_was_under_way_and_not_for_later_work():
    """While the pump never comes to rest, positions are committed all the same."""

    class Restless(Patient):
        async def read(self):
            if self.committed >= 50:
                return await super().read()
            self.events += range(3)
            return await super().read()

    async def through(event):
        for _ in range(3):
            await asyncio.sleep(0)
        yield event

    out = []
    app = run(("P", events([], 3, Restless), expand(through), step(uneven), collect(out)))
    assert app.pump_service.Pipelines["P"].Sources[0].committed == len(out)


class SometimesAtOnce(Processor):
    """Has the result of some events at once, must wait for that of others; drops some and fails for some, either way."""

    def process_at_once(self, context, event):
        return NotImplemented if event % 7 < 2 else self._result(event)

    async def process(self, context, event):
        await uneven(event)
        return self._result(event)

    def _result(self, event):
        if event % 10 == 3:
            raise ValueError(event)
        return None if event % 10 == 5 else event


class Told(Patient):
    settles = True

    async def settle(self, context, outcome, result, error):
        self.ended.append(outcome.name)


@pytest.mark.parametrize("concurrency", [1, 3, 100])
@pytest.mark.parametrize("twice", [False, True])
def test_results_that_are_there_at_once_keep_order_and_settle(concurrency, twice):
    out, failed, told = [], [], []

    def source(app, pipeline):
        told.append(Told(app, pipeline, range(300), None, {"batch_size": 11}))
        told[0].ended = []
        return told[0]

    config = {"concurrency": concurrency, "on_error": {"route": "Failed"}}
    parts = [
        lambda app, pipeline, id=id: SometimesAtOnce(app, pipeline, id, config) for id in ("One", "Two")[: 1 + twice]
    ]
    app = run(("P", source, *parts, collect(out)), ("Failed", InternalSource, collect(failed)))

    good = [n for n in range(300) if n % 10 not in (3, 5)]
    assert out == good
    assert len(failed) == 30
    assert app.ExitCode == 0
    assert len(told[0].ended) == 300
    assert told[0].ended.count("DROPPED") == 30


def test_an_event_that_comes_when_work_has_been_given_up_fails():
    begun, ended = [], []

    async def work(event):
        begun.append(event)
        return event

    async def during(app):
        pipeline = app.pump_service.Pipelines["P"]
        await until(pipeline.is_ready)
        await pipeline.give_up()  # as at the end of a stop; another pipeline may still be sending
        context = {}
        context[KEY] = tracker = Tracker(context, ended.append)
        pipeline.push(0, context, "late")
        tracker.release()
        await asyncio.sleep(0)
        app.stop()

    run(("P", events([], cls=Endless), step(work), collect([])), during=during)
    assert begun == []
    assert [tracker.outcome for tracker in ended] == [Outcome.FAILED]

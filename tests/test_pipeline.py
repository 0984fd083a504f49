from __future__ import annotations

import asyncio

import pytest

from bspump_like import ConfigError, Generator, Pipeline, ProcessingError, Processor, Sink, Source, TriggerSource
from bspump_like.common import InternalSource, IteratorGenerator, IteratorSource, NullSink
from bspump_like.testing import CollectSink, ListSource, fresh_application, run_pump
from tests.pumping import Endless, Failing, Patient, add, collect, events, expand, run, step, threaded, until


@pytest.fixture
def app():
    with fresh_application() as app:
        yield app


@pytest.fixture
def pipeline(app):
    return Pipeline(app, "P")


def ids(pipeline):
    return [[processor.Id for processor in depth] for depth in pipeline.Processors]


# structure


def test_build_sets_sources_and_processors(app, pipeline):
    source, sink = ListSource(app, pipeline, []), NullSink(app, pipeline)
    pipeline.build(source, sink)
    assert pipeline.Sources == [source]
    assert list(pipeline.iter_processors()) == [sink]


def test_several_sources_may_be_given_and_set_source_replaces_them(app, pipeline):
    one, two = ListSource(app, pipeline, [], "One"), ListSource(app, pipeline, [], "Two")
    pipeline.build([one, two], NullSink(app, pipeline))
    assert pipeline.Sources == [one, two]
    assert pipeline.locate_source("Two") is two
    assert pipeline.locate_source("Three") is None
    pipeline.set_source(one)
    assert pipeline.Sources == [one]


async def slow(event):
    await asyncio.sleep(0)
    return event


async def taken_apart(event):
    await asyncio.sleep(0)
    for item in event:
        yield item


def test_generators_and_asynchronous_processors_end_a_depth(app, pipeline):
    parts = [
        step(str, id="A"), expand(list, id="G"), step(str, id="B"), step(slow, id="C"), threaded(str, id="T"), step(str, id="D"),
        collect(id="S"),
    ]  # fmt: skip
    pipeline.build(ListSource(app, pipeline, []), *(part(app, pipeline) for part in parts))
    assert ids(pipeline) == [["A", "G"], ["B", "C"], ["T"], ["D", "S"]]
    assert [processor.PipelineDepth for processor in pipeline.iter_processors()] == [0, 0, 1, 1, 2, 3, 3]


def test_a_generator_is_told_its_depth(app, pipeline):
    told = []

    class Told(Generator):
        def set_depth(self, depth):
            super().set_depth(depth)
            told.append(depth)

    pipeline.build(
        ListSource(app, pipeline, []), Told(app, pipeline, "A"), Told(app, pipeline, "B"), NullSink(app, pipeline)
    )
    assert told[-2:] == [0, 1]


def test_parts_are_inserted_and_removed_by_id(app, pipeline):
    pipeline.build(ListSource(app, pipeline, []), step(str, id="A")(app, pipeline), NullSink(app, pipeline))
    assert pipeline.insert_before("A", step(str, id="B")(app, pipeline))
    assert pipeline.insert_after("A", expand(list, id="G")(app, pipeline))
    assert ids(pipeline) == [["B", "A", "G"], ["NullSink"]]
    assert not pipeline.insert_before("X", step(str)(app, pipeline))
    assert not pipeline.insert_after("X", step(str)(app, pipeline))
    pipeline.remove_processor("G")
    assert ids(pipeline) == [["B", "A", "NullSink"]]
    with pytest.raises(KeyError, match="Cannot find processor 'G'"):
        pipeline.remove_processor("G")
    assert pipeline.locate_processor("A").Id == "A"
    assert pipeline.locate_processor("G") is None


def test_nothing_stands_behind_a_sink(app, pipeline):
    pipeline.build(ListSource(app, pipeline, []), NullSink(app, pipeline))
    with pytest.raises(ConfigError, match="stands behind the sink"):
        pipeline.append_processor(step(str)(app, pipeline))


def test_the_id_is_the_class_name_unless_given(app):
    class Own(Pipeline):
        pass

    assert Own(app).Id == "Own"
    assert Own(app, "Other").Id == "Other"
    assert NullSink(app, Own(app)).locate_address() == "Own.NullSink"
    assert ListSource(app, Own(app), []).locate_address() == "Own.*ListSource"


def test_a_pipeline_without_a_source_is_told(app, pipeline):
    pipeline.append_processor(NullSink(app, pipeline))
    with pytest.raises(ConfigError, match="pipeline P has no source"):
        pipeline.prepare()


def test_a_pipeline_without_a_processor_and_a_sink_is_told(app, pipeline):
    pipeline.build(ListSource(app, pipeline, [1]))
    with pytest.raises(ConfigError, match="pipeline P has no processor and no sink"):
        pipeline.prepare()


def test_a_sink_that_is_a_coroutine_function_is_told_before_it_loses_events(app, pipeline):
    class Async(Sink):
        async def process(self, context, event):
            pass

    pipeline.build(ListSource(app, pipeline, []), Async(app, pipeline))
    with pytest.raises(ConfigError, match="Async"):
        pipeline.prepare()


def test_parts_may_change_while_the_pipeline_runs():
    out = []

    class Changing(Patient):
        async def read(self):
            if self._next == 10:
                self.Pipeline.insert_before("CollectSink", step(lambda e: -e, id="N")(self.App, self.Pipeline))
            if self._next == 20:
                self.Pipeline.remove_processor("N")
            return await super().read()

    run(("P", events(range(30), 10, Changing), collect(out)))
    assert out == [*range(10), *(-n for n in range(10, 20)), *range(20, 30)]


# the way of events


def test_two_sources_feed_one_chain():
    out = []
    run(("P", [events(range(10), id="A"), events(range(100, 110), id="B")], collect(out)))
    assert sorted(out) == [*range(10), *range(100, 110)]
    assert [n for n in out if n < 100] == list(range(10))


@pytest.mark.parametrize("awaited", [False, True])
def test_inject_may_be_awaited_or_not(awaited):
    out = []

    class Twice(Generator):
        async def generate(self, context, event, depth):
            for number in range(2):
                injected = self.Pipeline.inject(context, (event, number), depth)
                if awaited:
                    await injected

    run(("P", events(range(3)), Twice, collect(out)))
    assert sorted(out) == [(event, number) for event in range(3) for number in range(2)]


def test_inject_copies_the_context_for_each_event():
    sinks = []

    class Marks(Processor):
        def process(self, context, event):
            context["mark"] = event
            return event

    def sink(app, pipeline):
        sinks.append(CollectSink(app, pipeline))
        return sinks[0]

    run(("P", events(["abc"]), IteratorGenerator, Marks, sink))
    assert [context["mark"] for context in sinks[0].contexts] == ["a", "b", "c"]


def test_generators_behind_generators_and_a_chain_between():
    out = []
    run(
        ("P", events([["ab", "c"], [], ["", "de"]]), IteratorGenerator, step(str.upper), expand(taken_apart),
         step(lambda e: e + "!"),
         expand(lambda e: [e, e]), collect(out))
    )  # fmt: skip
    assert sorted(out) == sorted(letter + "!" for letter in "ABCDE" for _ in range(2))


def test_an_inline_generator_keeps_order():
    out = []
    run(("P", events([range(n * 10, n * 10 + 10) for n in range(10)], 3), IteratorGenerator, collect(out)))
    assert out == list(range(100))


def test_injecting_too_deep_is_an_error_of_the_generator(caplog):
    class Deep(Generator):
        def generate(self, context, event, depth):
            self.Pipeline.inject(context, event, depth + 1)

    app = run(("P", events([1], cls=ListSource), Deep, NullSink))
    assert app.ExitCode == 1
    assert "has no depth 2" in caplog.text


def test_a_pipeline_that_ends_with_a_generator_says_so(caplog):
    app = run(("P", events([[1]], cls=ListSource), IteratorGenerator))
    assert app.ExitCode == 1
    assert "a generator must not be the last part" in caplog.text


def test_process_takes_one_event_with_its_context():
    sinks = []

    class Bare(Source):
        async def main(self):
            await self.Pipeline.ready()
            await self.process("a")
            await self.process("b", {"key": 1})
            await self.process("c", context={"key": 2})

    def sink(app, pipeline):
        sinks.append(CollectSink(app, pipeline))
        return sinks[0]

    run(("P", Bare, sink))
    assert sinks[0].events == ["a", "b", "c"]
    assert [context.get("key") for context in sinks[0].contexts] == [None, 1, 2]


def test_process_returns_when_the_event_has_been_mended():
    order = []

    class Bare(Source):
        async def main(self):
            await self.process(1)
            order.append("returned")

    async def during(app):
        pipeline = app.pump_service.Pipelines["P"]
        await until(pipeline.is_error)
        order.append("halted")
        pipeline.set_error(None, None, None)

    out = []
    run(("P", Bare, step(Failing(1, times=1)), collect(out)), during=during)
    assert order == ["halted", "returned"]
    assert out == [1]


def test_deliver_refuses_contexts_that_do_not_match_the_events():
    class Wrong(Source):
        async def main(self):
            with pytest.raises(ValueError, match="3 events with 2 contexts"):
                await self.deliver([1, 2, 3], contexts=[{}, {}])
            await self.deliver([4])

    out = []
    run(("P", Wrong, collect(out)))
    assert out == [4]


@pytest.mark.parametrize("count", [0, 1, 1999, 2000, 2001, 4000, 4001])
def test_deliver_takes_batches_of_any_size(count):
    out = []

    class One(Source):
        async def main(self):
            await self.deliver(range(count), {"p": count})

    run(("P", One, collect(out)))
    assert out == list(range(count))


# tasks


def test_a_barrier_waits_for_tasks_of_user_code():
    done = []

    class Calls(Processor):
        def process(self, context, event):
            self.Pipeline.ensure_future(self.call(event))
            return event

        async def call(self, event):
            for _ in range(10):
                await asyncio.sleep(0)
            done.append(event)

    class Checked(Patient):
        async def commit(self, position):
            await super().commit(position)
            assert set(range(self.committed)) <= set(done)

    run(("P", events(range(30), 5, Checked), Calls, NullSink))
    assert sorted(done) == list(range(30))


def test_a_failing_task_of_user_code_halts_the_pipeline():
    class Calls(Processor):
        def process(self, context, event):
            self.Pipeline.ensure_future(self.call())
            return event

        async def call(self):
            raise OSError("no such host")

    app = run(("P", events([1], cls=ListSource), Calls, NullSink))
    assert app.ExitCode == 1


def test_more_tasks_than_the_limit_throttle_the_sources():
    gate, most = [], []

    async def wait(event):
        await gate[0].wait()
        yield event

    async def during(app):
        gate.append(asyncio.Event())
        pipeline = app.pump_service.Pipelines["P"]
        await until(lambda: pipeline.get_throttles())
        most.append(pipeline.counters.events_in)
        gate[0].set()

    out = []
    run(
        ("P", events(range(100), 1), expand(wait), collect(out), {"async_concurency_limit": 10}),
        during=during, prepare=lambda app: gate.clear(),
    )  # fmt: skip
    assert most == [10]
    assert sorted(out) == list(range(100))


@pytest.mark.parametrize("kind", ["generator", "processor"])
def test_work_that_is_cancelled_from_within_is_an_error_and_not_a_lost_event(kind):
    """An event whose coroutine ends with CancelledError, though nobody stops the pump."""
    times = []

    async def cancelled_once(event):
        if event == 2 and not times:
            times.append(event)
            future = asyncio.get_running_loop().create_future()
            future.cancel()
            await future
        return event

    async def generated(event):
        yield await cancelled_once(event)

    async def during(app):
        pipeline = app.pump_service.Pipelines["P"]
        await until(pipeline.is_error)
        pipeline.set_error(None, None, None)

    out = []
    part = expand(generated) if kind == "generator" else step(cancelled_once)
    run(("P", events(range(5)), part, collect(out)), during=during)
    assert sorted(out) == list(range(5))


# throttle, link, ready


def test_a_throttled_pipeline_is_not_ready_until_everybody_takes_it_back():
    turns = []

    async def during(app):
        pipeline = app.pump_service.Pipelines["P"]
        await until(pipeline.is_ready)
        pipeline.throttle("one")
        pipeline.throttle("two")
        pipeline.throttle("two", True)
        assert not pipeline.is_ready()
        assert pipeline.get_throttles() == {"one", "two"}
        assert pipeline.state() == "throttled"
        pipeline.throttle("one", False)
        assert not pipeline.is_ready()
        ready = asyncio.ensure_future(pipeline.ready())
        for _ in range(5):
            await asyncio.sleep(0)
        assert not ready.done()
        pipeline.throttle("two", False)
        assert await ready is True
        turns.append(pipeline.state())
        app.stop()

    run(("P", events([], cls=Endless), NullSink), during=during)
    assert turns == ["running"]


def test_a_pipeline_that_closes_again_at_once_lets_nobody_through():
    async def during(app):
        pipeline = app.pump_service.Pipelines["P"]
        await until(pipeline.is_ready)
        pipeline.throttle("x")
        ready, sent = asyncio.ensure_future(pipeline.ready()), asyncio.ensure_future(pipeline.process("event"))
        await asyncio.sleep(0)
        pipeline.throttle("x", False)
        pipeline.throttle("x")
        for _ in range(5):
            await asyncio.sleep(0)
        assert not ready.done()
        assert not sent.done()
        pipeline.throttle("x", False)
        await ready
        await sent
        app.stop()

    run(("P", events([], cls=Endless), NullSink), during=during)


def test_linked_pipelines_throttle_their_ancestors():
    async def during(app):
        up, down = app.pump_service.Pipelines.values()
        down.link(up)
        await until(lambda: up.is_ready() and down.is_ready())
        down.throttle("x")
        assert not up.is_ready()
        assert up.get_throttles() == {down}
        down.throttle("x", False)
        assert up.is_ready()
        down.throttle("x")
        down.unlink(up)
        assert up.is_ready()
        app.stop()

    run(("Up", events([], cls=Endless), NullSink), ("Down", events([], cls=Endless), NullSink), during=during)


def test_an_error_throttles_ancestors_too():
    async def during(app):
        up, down = app.pump_service.Pipelines.values()
        down.link(up)
        await until(lambda: up.is_ready() and down.is_ready())
        down.set_error(None, "event", ProcessingError("oh"))
        assert down.is_error()
        assert down.state() == "error: oh"
        assert not up.is_ready()
        down.set_error(None, None, None)
        assert up.is_ready()
        app.stop()

    run(("Up", events([], cls=Endless), NullSink), ("Down", events([], cls=Endless), NullSink), during=during)


def test_clearing_an_error_starts_sources_that_died():
    class Dies(Source):
        starts = 0

        async def main(self):
            self.starts += 1
            if self.starts == 1:
                raise ConfigError("no such topic")
            await self.process("event")

    out = []

    async def during(app):
        pipeline = app.pump_service.Pipelines["P"]
        await until(pipeline.is_error)
        pipeline.set_error(None, None, None)

    run(("P", Dies, collect(out)), during=during)
    assert out == ["event"]


def test_a_source_that_fails_is_started_again():
    class Fails(Source):
        starts = 0

        async def main(self):
            self.starts += 1
            if self.starts < 3:
                raise ConnectionError("gone")
            await self.process("event")

    out, states = [], []

    async def during(app):
        pipeline = app.pump_service.Pipelines["P"]
        await until(lambda: "unavailable" in pipeline.state())
        states.append(pipeline.state())

    run(("P", lambda a, p: Fails(a, p, config={"reconnect_delay": "1ms"}), collect(out)), during=during)
    assert out == ["event"]
    assert states == ["unavailable: Fails: gone"]


# messages, metrics, facts


def test_the_topics_of_a_pipeline_are_published_in_order():
    topics = []

    def listen(message, pipeline):
        assert pipeline.Id == "P"
        topics.append(message.removeprefix("bspump.pipeline.").removesuffix("!"))

    def build(app):
        pipeline = add(app, "P", lambda a, p: IteratorSource(a, p, [1, 2]), NullSink)
        for topic in ("start", "stop", "ready", "not_ready", "cycle_begin", "cycle_end", "cycle_canceled"):
            pipeline.PubSub.subscribe(f"bspump.pipeline.{topic}!", listen)

    run_pump(build)
    assert topics == ["ready", "start", "cycle_begin", "cycle_end", "not_ready", "stop"]


def test_a_cancelled_cycle_is_published():
    topics = []

    class Waits(TriggerSource):
        async def cycle(self):
            self.App.stop()
            await asyncio.Event().wait()

    def listen(message, pipeline):
        topics.append(message)

    def build(app):
        add(app, "P", Waits, NullSink).PubSub.subscribe("bspump.pipeline.cycle_canceled!", listen)

    run_pump(build)
    assert topics == ["bspump.pipeline.cycle_canceled!"]


@pytest.mark.parametrize(
    "parts", [(), (step(slow),), (expand(lambda e: [e]),), (step(slow), expand(lambda e: [e]), step(slow))]
)
def test_what_came_in_is_accounted_for(parts):
    failing = Failing(*range(0, 100, 10))
    app = run(
        (
            "P",
            events(range(100), 7),
            step(lambda e: None if e % 3 == 1 else e),
            *parts,
            step(failing),
            collect([]),
            {"on_error": "drop"},
        )
    )
    counters = app.pump_service.Pipelines["P"].counters
    fail = {n for n in range(0, 100, 10) if n % 3 != 1}
    assert counters.events_in == 100
    assert counters.dropped == 33
    assert counters.errors == len(fail)
    assert counters.events_out == 100 - 33 - len(fail)


def test_the_metrics_of_the_contract_are_fed_when_asab_flushes():
    values = {}

    async def during(app):
        pipeline = app.pump_service.Pipelines["P"]
        await until(lambda: pipeline.counters.events_in == 10)
        app.PubSub.publish("Metrics.flush!")
        for metric in app.get_service("asab.MetricsService").Metrics:
            values[metric.Storage["name"]] = dict(metric.Storage["fieldset"][0].get("actuals", {}))
        app.stop()

    run(("P", events(range(10), cls=Endless), step(Failing(3)), collect([]), {"on_error": "drop"}), during=during)
    counter = values["bspump.pipeline"]
    assert {name: counter[name] for name in ("event.in", "event.out", "error")} == {
        "event.in": 10,
        "event.out": 9,
        "error": 1,
    }


def test_processors_are_profiled_for_one_event_in_so_many():
    app = run(("P", events(range(100)), step(lambda e: e, id="A"), collect([], id="S"), {"profile_every": 10}))
    profile = app.pump_service.Pipelines["P"].profile.as_dict()
    assert set(profile) == {"A", "S"}
    assert 5 <= profile["A"]["run"] <= 10


@pytest.mark.parametrize("profile_every", [0, 1, 3])
def test_profiling_neither_loses_nor_repeats(profile_every):
    out = []
    run(("P", events(range(50), 7), step(lambda e: e), collect(out), {"profile_every": profile_every}))
    assert out == list(range(50))


def test_rest_get_shows_the_pipeline_and_its_parts():
    app = run(("P", events(range(3)), step(lambda e: e, id="A"), collect([], id="S")))
    shown = app.pump_service.Pipelines["P"].rest_get()
    assert shown["Id"] == "P"
    assert shown["State"] == "finished"
    assert shown["Error"] is None
    assert [one["Id"] for one in shown["Sources"]] == ["Patient"]
    assert [[one["Id"] for one in depth] for depth in shown["Processors"]] == [["A", "S"]]
    assert shown["Metrics"]["events_in"] == 3


def test_the_last_log_lines_are_kept_for_the_page():
    app = run(("P", events(range(3)), step(Failing(1)), collect([], id="S"), {"on_error": "drop"}))
    [line] = app.pump_service.Pipelines["P"].rest_get()["Log"]
    assert "ValueError: no 1, event drop" in line


def test_locate_connection_hands_back_what_is_no_id(app, pipeline):
    with pytest.raises(KeyError, match="Cannot find connection id 'Nope'"):
        pipeline.locate_connection(app, "Nope")


def test_create_eps_counter_gives_a_counter_of_the_contract(app, pipeline):
    assert pipeline.create_eps_counter() is not None
    assert isinstance(pipeline.time(), float)


def test_an_internal_source_makes_a_pipeline_neither_finite_nor_active(app, pipeline):
    pipeline.build(InternalSource(app, pipeline), NullSink(app, pipeline))
    assert not pipeline.is_exhausted()

from __future__ import annotations

import asyncio

import pytest

from bspump_like import DeliveryError, EndOfInput, Generator, Processor, Sink, Source
from bspump_like.barrier import in_order
from bspump_like.common import InternalSink, InternalSource, RouterSink
from bspump_like.store import Store
from bspump_like.testing import CollectSink, run_pump
from tests.pumping import Endless, Failing, Gate, Patient, add, collect, events, expand, run, step, until


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "store.db")


def positions(path, pipeline="P", source="Endless"):
    store = Store(path)
    try:
        return store.positions(pipeline, source)
    finally:
        store.close()


class BufferSink(Sink):
    """Buffers in process, makes durable in flush; `fail` flushes are refused, and flush waits for `open`."""

    def __init__(self, app, pipeline, id=None, config=None):
        super().__init__(app, pipeline, id, config)
        self.buffer, self.durable, self.refused = [], [], 0
        self.fail, self.fails_with = 0, DeliveryError("the disk is full")
        self.flushing = 0
        self.open = asyncio.Event()
        self.open.set()

    def process(self, context, event):
        self.buffer.append(event)

    async def flush(self):
        assert self.flushing == 0, "flush must never be called twice at a time"
        self.flushing += 1
        try:
            taken = len(self.buffer)
            await self.open.wait()
            if self.fail:
                self.fail -= 1
                self.refused += 1
                raise self.fails_with
            self.durable += self.buffer[:taken]
            del self.buffer[:taken]
        finally:
            self.flushing -= 1


class Watched(Patient):
    """Asserts at every commit that what stands before the position is durable in `sink`."""

    sink = None
    commits = ()

    async def commit(self, position):
        await super().commit(position)
        self.commits = [*self.commits, self.committed]
        missing = set(self.events[: self.committed]) - set(self.sink.durable)
        assert not missing, f"{self.committed} was committed without {missing}"


def watched(app, items, *parts, batch_size=10, config=None, fail=0, closed=False):
    sink_of = []

    def made(app, pipeline):
        sink = BufferSink(app, pipeline)
        sink.fail = fail
        if closed:
            sink.open.clear()
        sink_of.append(sink)
        return sink

    pipeline = add(app, "P", events(items, batch_size, Watched), *parts, made, config=config)
    pipeline.Sources[0].sink = sink_of[0]
    return pipeline, sink_of[0]


async def passed(event):
    await asyncio.sleep(0)
    return event


async def itself(event):
    await asyncio.sleep(0)
    yield event


@pytest.mark.parametrize(
    "parts",
    [
        (),
        (step(passed),),
        (expand(itself),),
        (expand(itself), step(passed)),
        (step(passed), step(passed), expand(itself)),
    ],
)
def test_positions_are_committed_only_when_everything_before_them_is_durable(parts):
    made = []
    run_pump(lambda app: made.append(watched(app, range(100), *parts, batch_size=7)))
    [(pipeline, sink)] = made
    assert sorted(sink.durable) == list(range(100))
    assert pipeline.Sources[0].committed == 100


def test_a_slow_flush_gathers_the_input_of_the_meantime_into_one_barrier():
    made = []

    async def during(app):
        [(pipeline, sink)] = made
        await until(lambda: len(sink.buffer) == 100)
        assert pipeline.Sources[0].commits == ()
        sink.open.set()

    run_pump(lambda app: made.append(watched(app, range(100), batch_size=1, closed=True)), during=during)
    [(pipeline, sink)] = made
    assert sink.durable == list(range(100))
    assert len(pipeline.Sources[0].commits) <= 4


def test_a_flush_that_fails_blocks_and_resumes_without_loss_or_repetition():
    made, states, throttled = [], [], []

    async def during(app):
        [(pipeline, _)] = made
        await until(lambda: pipeline.state().startswith("blocked"))
        states.append(pipeline.state())
        throttled.append(not pipeline.is_ready())
        assert pipeline.Sources[0].committed == 0
        await until(lambda: pipeline.committer.blocked_by is None)
        assert not pipeline.get_throttles()

    run_pump(lambda app: made.append(watched(app, range(50), fail=1)), during=during)
    assert states == ["blocked: the disk is full"]
    assert throttled == [True]
    assert made[0][1].durable == list(range(50))


def test_the_last_flush_of_a_finite_input_may_fail_once():
    made = []
    app = run_pump(lambda app: made.append(watched(app, range(5), fail=1)))
    assert made[0][1].durable == list(range(5))
    assert app.ExitCode == 0


def test_a_delivery_error_that_is_not_retriable_halts_until_it_is_cleared():
    made = []

    def build(app):
        made.append(watched(app, range(20), fail=1))
        made[0][1].fails_with = DeliveryError("the index is closed", retriable=False)

    async def during(app):
        [(pipeline, sink)] = made
        await until(pipeline.is_error)
        assert sink.refused == 1
        pipeline.set_error(None, None, None)

    run_pump(build, during=during)
    assert made[0][1].durable == list(range(20))


def test_a_defect_in_flush_halts_and_goes_on_when_cleared():
    made = []

    def build(app):
        made.append(watched(app, range(20), fail=1))
        made[0][1].fails_with = KeyError("a defect")

    async def during(app):
        [(pipeline, _)] = made
        await until(pipeline.is_error)
        assert pipeline.Sources[0].committed == 0
        pipeline.set_error(None, None, None)

    run_pump(build, during=during)
    assert made[0][1].durable == list(range(20))


def test_a_defect_at_the_end_of_input_halts_and_the_end_comes_again_when_cleared():
    class Fragile(Processor):
        ends = 0

        async def on_end_of_input(self):
            self.ends += 1
            if self.ends == 1:
                raise KeyError("a defect")

        def process(self, context, event):
            return event

    out = []

    async def during(app):
        pipeline = app.pump_service.Pipelines["P"]
        await until(pipeline.is_error)
        pipeline.set_error(None, None, None)

    app = run(("P", events(range(5)), Fragile, collect(out)), during=during)
    assert out == list(range(5))
    assert app.ExitCode == 0


def test_a_barrier_waits_again_for_an_event_that_halted_and_was_mended_while_it_waited(path):
    gate, made = Gate(), []

    async def fails_once_then_waits(event):
        if event == 1:
            await asyncio.sleep(0)
            if gate.entered:
                return await gate(event)
            gate.entered.append(event)
            raise ValueError(event)
        return event

    def mend(_message, pipeline):
        pipeline.Loop.call_soon(pipeline.set_error, None, None, None)

    def build(app):
        pipeline = add(app, "P", events([0, 1], 2, Endless), step(fails_once_then_waits), collect())
        pipeline.PubSub.subscribe("bspump.pipeline.error!", mend)
        made.extend([pipeline, mend])  # asab's PubSub keeps no subscriber alive

    async def during(app):
        await until(lambda: len(gate.entered) == 2)
        barrier = asyncio.create_task(made[0].committer.commit())
        for _ in range(20):
            await app.pump_service.store.call(Store.dead_letters)  # time enough for what is stored, too
        assert positions(path) == {}
        assert not barrier.done()
        gate.open.set()
        await barrier
        assert positions(path) == {"list": 2}
        app.stop()

    run_pump(build, store=path, during=during)


def test_a_barrier_does_not_pass_a_task_of_user_code_that_failed():
    class Uploads(CollectSink):
        def process(self, context, event):
            self.Pipeline.ensure_future(self.upload(event))

        async def upload(self, event):
            await asyncio.sleep(0)
            if event == 3:
                raise OSError("no route to host")
            self.events.append(event)

    async def during(app):
        pipeline = app.pump_service.Pipelines["P"]
        await until(pipeline.is_error)
        for _ in range(20):
            await asyncio.sleep(0)
        assert pipeline.Sources[0].committed <= 3
        app.stop()

    app = run(("P", events(range(9), 3), collect(cls=Uploads)), during=during)
    assert app.ExitCode == 1


# state


class Sum(Processor):
    """Counts and sums, as a state that belongs to a barrier."""

    def __init__(self, app, pipeline, id=None, config=None):
        super().__init__(app, pipeline, id, config)
        self.seen, self.restored = [], None

    def process(self, context, event):
        self.seen.append(event)
        return event

    def snapshot(self):
        return list(self.seen)

    def restore(self, state):
        self.restored = list(state)
        self.seen = list(state)


def summed(parts_before, path, *, failing=None, upstream=False, config=None, items=200):
    """Stop a pump with a stateful part in the middle of its input; compare state and position in the store."""
    sums = []

    def made(app, pipeline):
        sums.append(Sum(app, pipeline, "Sum"))
        return sums[-1]

    class Paced(Endless):
        """Stays at most 30 events ahead of its commits, so that there are several."""

        async def read(self):
            await until(lambda: self._next < self.committed + 30)
            return await super().read()

        async def commit(self, position):
            await super().commit(position)
            check(self.committed)

    checks = []

    def check(committed):
        store = Store(path)
        try:
            state = store.snapshots("D" if upstream else "P")["Sum"]
        finally:
            store.close()
        checks.append((committed, sorted(state)))

    pipelines = [("P", events(range(items), 3, Paced), *parts_before, made, collect(), config or {})]
    if upstream:
        pipelines = [
            (
                "P",
                events(range(items), 3, Paced),
                *parts_before,
                lambda a, p: InternalSink(a, p, config={"target": "D"}),
                config or {},
            ),
            ("D", InternalSource, step(passed), made, collect()),
        ]

    async def during(app):
        await until(lambda: checks and checks[-1][0] == items)
        app.stop()

    run(*pipelines, during=during, store=path)
    return checks


async def later(event):
    for _ in range(event % 5):
        await asyncio.sleep(0)
    return event


async def later_itself(event):
    for _ in range(event % 5):
        await asyncio.sleep(0)
    yield event


@pytest.mark.parametrize("upstream", [False, True], ids=["same pipeline", "linked pipeline"])
@pytest.mark.parametrize("parts", [(), (step(later),), (expand(later_itself),)], ids=["none", "async", "generator"])
def test_a_snapshot_holds_exactly_the_events_of_its_positions(parts, upstream, path):
    checks = summed(parts, path, upstream=upstream)
    assert len(checks) > 2
    for committed, state in checks:
        assert state == list(range(committed))


def test_a_snapshot_holds_events_that_are_tried_again_too(path):
    retry = {"on_error": {"retry": {"attempts": 2, "backoff": 0.002}}}
    checks = summed((step(Failing(*range(0, 30, 7), times=1)),), path, config=retry, items=30)
    for committed, state in checks:
        assert state == list(range(committed))


def test_state_and_position_come_back_together(path):
    sums, out = [], []

    def made(app, pipeline):
        sums.append(Sum(app, pipeline, "Sum"))
        return sums[-1]

    async def during(app):
        await until(lambda: len(out) >= 30)
        app.stop()

    run(("P", events(range(50), 10, Endless, "S"), made, collect(out)), during=during, store=path)
    run(("P", events(range(50), 10, id="S"), made, collect(out)), store=path)
    assert sums[1].restored == sums[0].seen
    assert sums[1].seen == out == list(range(50))


def test_the_mark_of_a_sink_is_taken_after_its_flush_and_given_back(path):
    class Marked(CollectSink):
        restored = None

        def mark(self):
            return {"size": self.durable}

        def restore(self, state):
            self.restored = state

    sinks = []

    def made(app, pipeline):
        sinks.append(Marked(app, pipeline, "Marked"))
        return sinks[-1]

    run(("P", events(range(20)), made), store=path)
    run(("P", events(range(20)), made), store=path)
    assert sinks[0].restored is None
    assert sinks[1].restored == {"size": 20}


# stop


@pytest.mark.parametrize("parts", [(), (step(later),), (expand(later_itself),)], ids=["none", "async", "generator"])
def test_a_clean_stop_repeats_and_loses_nothing(parts, path):
    out, items = [], range(500)

    async def stop_after(app, count):
        await until(lambda: len(out) >= count)
        app.stop()

    for count in (40, 150, 300):
        app = run(
            ("P", events(items, 7, Endless, "S"), *parts, collect(out)),
            store=path,
            during=lambda app, n=count: stop_after(app, n),
        )
        assert app.ExitCode == 0
    run(("P", events(items, 7, Patient, "S"), *parts, collect(out)), store=path)
    assert sorted(out) == list(items)


def test_a_stop_waits_for_a_sink_that_cannot_take_events_now(path):
    made = []

    async def during(app):
        [(_, sink)] = made
        await until(lambda: len(sink.buffer) == 30)
        sink.fail = 2
        sink.open.set()
        app.stop()

    app = run_pump(lambda app: made.append(watched(app, range(30), closed=True)), during=during, store=path)
    assert app.ExitCode == 0
    assert made[0][1].durable == list(range(30))
    assert positions(path, source="Watched") == {"list": 30}


def test_a_stop_gives_up_when_its_time_is_over_and_the_events_are_read_again(path):
    made = []

    async def during(app):
        [(_, sink)] = made
        await until(lambda: len(sink.buffer) == 30)
        sink.fail = 1_000_000
        sink.open.set()
        app.stop()

    app = run_pump(
        lambda app: made.append(watched(app, range(30), closed=True)), during=during, store=path,
        config={"bspump": {"stop_timeout": "0.2"}},
    )  # fmt: skip
    assert app.ExitCode == 1
    assert positions(path, source="Watched") == {}


# groups


def linked(app, *, downstream=(), sink=None, items=range(100), source=Patient, config=None, batch_size=10):
    upstream = add(
        app,
        "U",
        events(items, batch_size, source),
        lambda a, p: InternalSink(a, p, config={"target": "D"}),
        config=config,
    )
    down = add(app, "D", InternalSource, *downstream, sink)
    return upstream, down


def test_a_barrier_passes_through_linked_pipelines():
    sinks = []

    def sink(app, pipeline):
        sinks.append(BufferSink(app, pipeline))
        return sinks[0]

    def build(app):
        upstream, _ = linked(
            app, downstream=(step(later), expand(later_itself)), sink=sink, source=Watched, batch_size=3
        )
        upstream.Sources[0].sink = sinks[0]

    run_pump(build)
    assert sorted(sinks[0].durable) == list(range(100))


def test_a_barrier_takes_what_is_queued_in_a_pipeline_that_is_throttled():
    sinks = []

    def sink(app, pipeline):
        sinks.append(BufferSink(app, pipeline))
        return sinks[0]

    def build(app):
        upstream, down = linked(app, sink=sink, source=Watched, items=range(5))
        upstream.Sources[0].sink = sinks[0]
        down.throttle("the test")

    run_pump(build)
    assert sinks[0].durable == list(range(5))


def test_linked_pipelines_share_one_committer():
    def build(app):
        linked(app, sink=collect())

    app = run_pump(build)
    pipelines = app.pump_service.Pipelines
    assert pipelines["U"].committer is pipelines["D"].committer
    assert [pipeline.Id for pipeline in in_order(pipelines["D"].committer.pipelines)] == ["U", "D"]


def test_the_end_of_input_goes_through_links_in_order():
    ends = []

    class HeldGenerator(Generator):
        def __init__(self, app, pipeline, id=None, config=None):
            super().__init__(app, pipeline, id, config)
            self.held = []

        def generate(self, context, event, depth):
            self.held.append(event)

        async def on_end_of_input(self):
            ends.append(self.locate_address())
            for event in self.held:
                self.Pipeline.inject({}, event, self.PipelineDepth + 1)

    out = []
    run(
        ("U", events(range(10)), HeldGenerator, lambda a, p: InternalSink(a, p, config={"target": "D"})),
        ("D", InternalSource, HeldGenerator, expand(itself), collect(out)),
    )
    assert out == list(range(10))
    assert ends == ["U.HeldGenerator", "D.HeldGenerator"]


def test_end_of_input_is_not_told_when_the_pump_is_stopped():
    ends = []

    class Told(Processor):
        def process(self, context, event):
            return event

        async def on_end_of_input(self):
            ends.append(True)

    async def during(app):
        await until(lambda: len(out) == 10)
        app.stop()

    out = []
    run(("P", events(range(10), cls=Endless), Told, collect(out)), during=during)
    assert ends == []


class Routes(RouterSink):
    """Routes to D, which nobody knew before the first event."""

    def process(self, context, event):
        self.route(context, event, "D")


def test_a_group_grows_when_an_event_is_routed_to_a_pipeline_with_a_batch_under_way():
    """D has its own source in the middle of a batch of several chunks when the router finds it."""
    out, gates = [], []

    class Waits(Patient):
        async def read(self):
            await gates[0].wait()
            return await super().read()

    def signal(event):
        if event == ("own", 2500):
            gates[0].set()
        return event

    def build(app):
        gates.append(asyncio.Event())
        add(app, "U", events(range(20), 5, Waits), Routes)
        add(app, "D", [events([("own", n) for n in range(60_000)], 60_000), InternalSource], step(signal), collect(out))

    app = run_pump(build)
    pipelines = app.pump_service.Pipelines
    assert len(out) == 60_020
    assert pipelines["D"].committer.open_batches == 0
    assert pipelines["D"].Sources[0].committed == 60_000
    assert pipelines["U"].Sources[0].committed == 20


def test_a_group_grows_while_the_barrier_of_the_new_member_fails():
    sinks = []

    class Waits(Patient):
        async def connect(self):
            await super().connect()
            await until(lambda: sinks[0].flushing)

    def sink(app, pipeline):
        sinks.append(BufferSink(app, pipeline))
        sinks[0].fail = 1
        sinks[0].open.clear()
        return sinks[0]

    def build(app):
        add(app, "U", events(range(100, 120), 5, Waits), Routes)
        add(app, "D", [events(range(20), 5), InternalSource], sink)

    async def during(app):
        pipelines = app.pump_service.Pipelines
        await until(lambda: pipelines["U"].committer is pipelines["D"].committer)
        sinks[0].open.set()

    app = run_pump(build, during=during)
    assert sorted(sinks[0].durable) == [*range(20), *range(100, 120)]
    assert [p.Sources[0].committed for p in app.pump_service.Pipelines.values()] == [20, 20]


def test_a_source_that_waits_for_room_is_let_go_when_its_group_changes():
    sinks = []

    class Waits(Patient):
        async def connect(self):
            await super().connect()
            down = self.App.pump_service.Pipelines["D"]
            await until(lambda: down.committer.in_flight >= 10)
            for _ in range(10):  # until it waits for room
                await asyncio.sleep(0)

    def sink(app, pipeline):
        sinks.append(BufferSink(app, pipeline))
        sinks[0].open.clear()
        return sinks[0]

    def build(app):
        add(app, "U", events(range(100, 110), 5, Waits), Routes)
        add(app, "D", [events(range(40), 5), InternalSource], sink, config={"max_in_flight": 10})

    async def during(app):
        pipelines = app.pump_service.Pipelines
        await until(lambda: pipelines["U"].committer is pipelines["D"].committer)
        sinks[0].open.set()

    run_pump(build, during=during)
    assert sorted(sinks[0].durable) == [*range(40), *range(100, 110)]


# bounds


def test_sources_wait_when_too_much_is_not_durable_yet():
    made, most = [], []

    async def during(app):
        [(pipeline, sink)] = made
        await until(lambda: pipeline.committer.in_flight >= 100)
        for _ in range(50):
            await asyncio.sleep(0)
            most.append(pipeline.committer.in_flight)
        sink.open.set()

    run_pump(
        lambda app: made.append(watched(app, range(1000), batch_size=10, closed=True, config={"max_in_flight": 100})),
        during=during,
    )
    assert max(most) == 100
    assert made[0][1].durable == list(range(1000))
    assert made[0][0].committer.in_flight == 0


def test_events_without_position_are_flushed_too():
    sinks = []

    class Bare(Source):
        async def main(self):
            for number in range(10):
                await self.process(number)
            await until(lambda: sinks[0].durable == list(range(10)))

    def sink(app, pipeline):
        sinks.append(BufferSink(app, pipeline))
        return sinks[0]

    run(("P", Bare, sink))
    assert sinks[0].durable == list(range(10))


def test_a_source_that_cannot_tell_its_server_goes_on_from_the_store(path):
    class Deaf(Patient):
        async def commit(self, position):
            raise ConnectionError("gone")

    out = []
    app = run(("P", events(range(20), 5, Deaf), collect(out)), store=path)
    assert app.ExitCode == 0
    assert positions(path, source="Deaf") == {"list": 20}


def test_a_server_that_cannot_be_told_is_named_once_until_it_has_been_told(caplog):
    class Hard(Patient):
        tries = 0

        async def read(self):
            batch = await super().read()
            before = self.tries
            self.Pipeline.committer.touch()
            if self._next > self.options.batch_size:  # each batch has a barrier of its own
                await until(lambda: self.tries > before)
            return batch

        async def commit(self, position):
            self.tries += 1
            if self.tries not in (4, 5):
                raise ConnectionError(f"gone {self.tries}")

    app = run(("P", events(range(80), 10, Hard), collect([]), {"commit_interval": 0}))
    assert app.pump_service.Pipelines["P"].Sources[0].tries >= 7
    told = [record.getMessage() for record in caplog.records if "cannot tell the server" in record.getMessage()]
    assert [text.partition("done: ")[2] for text in told] == ["gone 1; trying again", "gone 6; trying again"]


def test_a_forgotten_partition_is_not_stored(path):
    class Revoked(Patient):
        async def read(self):
            if self._next >= len(self.events):
                self.Pipeline.committer.forget(self, ["list"])
                raise EndOfInput
            return await super().read()

    class Closed(BufferSink):
        async def flush(self):
            await until(lambda: self.Pipeline.Sources[0].finished)
            await super().flush()

    run(("P", events(range(20), 5, Revoked), Closed), store=path)
    assert positions(path, source="Revoked") in ({}, {"list": 5})


def test_a_part_named_twice_keeps_two_snapshots(path):
    def build(app):
        add(app, "P", events(range(5)), lambda a, p: Sum(a, p, "Sum"), lambda a, p: Sum(a, p, "Sum"), collect())

    run_pump(build, store=path)
    store = Store(path)
    assert set(store.snapshots("P")) == {"Sum", "Sum#2"}
    store.close()


def test_a_gate_in_the_chain_holds_the_barrier():
    gates, sink_of = [], []

    def gated(app, pipeline):
        gates.append(Gate())

        async def pass_gate(event):
            return await gates[0](event)

        return step(pass_gate)(app, pipeline)

    async def during(app):
        [(pipeline, _)] = sink_of
        await until(lambda: len(gates[0].entered) == 30)
        for _ in range(20):
            await asyncio.sleep(0)
        assert pipeline.Sources[0].commits == ()
        gates[0].open.set()

    run_pump(lambda app: sink_of.append(watched(app, range(30), gated)), during=during)
    assert sink_of[0][1].durable == list(range(30))

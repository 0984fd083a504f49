from __future__ import annotations

import asyncio

import pytest

from bspump_like import Source
from bspump_like.common import InternalSink, InternalSource, NullSink
from bspump_like.common.internal import DirectSource
from bspump_like.testing import CollectSink, fresh_application
from tests.pumping import Endless, Failing, add, collect, events, run, step, until


def queue(app, **config):
    return add(app, "D", lambda a, p: InternalSource(a, p, "In", config), CollectSink).Sources[0]


@pytest.fixture
def app():
    with fresh_application() as app:
        yield app


def test_put_refuses_when_the_queue_is_full(app):
    source = queue(app, queue_max_size=3)
    for number in range(3):
        source.put({}, number)
    with pytest.raises(asyncio.QueueFull):
        source.put({}, 3)
    assert source.rest_get()["Queue"] == 3


def test_routers_are_never_refused(app):
    source = queue(app, queue_max_size=3)
    for number in range(10):
        source.accept({}, number)
    assert source.rest_get()["Queue"] == 10


def test_the_contract_has_ten_places(app):
    assert queue(app).options.queue_max_size == 10


def test_senders_are_throttled_while_the_queue_is_long(app):
    topics = []

    def listen(message, source):
        topics.append((message.removeprefix("bspump.InternalSource.backpressure_"), source.Id))

    source = queue(app, queue_max_size=10, backpressure=0.5)
    for side in ("on!", "off!"):
        source.Pipeline.PubSub.subscribe(f"bspump.InternalSource.backpressure_{side}", listen)
    sender = add(app, "U", events([]), NullSink)
    app.pump_service.connect(sender, source.Pipeline)
    source.Pipeline.prepare()
    for number in range(4):
        source.put({}, number)
    assert sender.get_throttles() == set()
    source.put({}, 4)
    assert sender.get_throttles() == {source}
    app.Loop.run_until_complete(source.drained())
    assert sender.get_throttles() == set()
    assert topics == [("on!", "In"), ("off!", "In")]
    assert source.Pipeline.Processors[0][0].events == [0, 1, 2, 3, 4]


def test_the_context_of_the_sender_is_the_ancestor():
    sinks = []

    class Bare(Source):
        async def main(self):
            await self.process("event", {"key": 5})

    def sink(app, pipeline):
        sinks.append(CollectSink(app, pipeline))
        return sinks[0]

    run(("U", Bare, lambda a, p: InternalSink(a, p, config={"target": "D"})), ("D", InternalSource, sink))
    assert sinks[0].events == ["event"]
    assert sinks[0].contexts == [{"ancestor": {"key": 5}}]


@pytest.mark.parametrize("copied", [False, True])
def test_put_copies_when_asked(app, copied):
    source = queue(app)
    context, event = {"deep": []}, {"deep": []}
    source.put(context, event, copy_context=copied, copy_event=copied)
    source.Pipeline.prepare()
    app.Loop.run_until_complete(source.drained())
    sink = source.Pipeline.Processors[0][0]
    assert (sink.events[0] is event) is not copied
    assert (sink.contexts[0]["ancestor"] is context) is not copied
    assert sink.events == [event]


def test_put_async_waits_while_the_queue_is_long():
    most, out = [], []

    async def during(app):
        down = app.pump_service.Pipelines["D"]
        source = down.Sources[0]
        await until(down.is_ready)
        down.throttle("the test")

        async def send():
            for number in range(50):
                await source.put_async({}, number)

        sending = asyncio.ensure_future(send())
        for _ in range(100):
            await asyncio.sleep(0)
        most.append(source.rest_get()["Queue"])
        down.throttle("the test", False)
        await sending
        await until(lambda: len(out) == 50)
        app.stop()

    run(
        ("Keep", events([], cls=Endless), NullSink),
        ("D", lambda a, p: InternalSource(a, p, config={"queue_max_size": 10}), collect(out)),
        during=during,
    )  # fmt: skip
    assert most == [8]
    assert out == list(range(50))


def test_what_was_put_before_a_stop_is_delivered():
    out = []

    async def during(app):
        down = app.pump_service.Pipelines["D"]
        await until(down.is_ready)
        for number in range(5):
            down.Sources[0].put({}, number)
        app.stop()

    run(("Keep", events([], cls=Endless), NullSink), ("D", InternalSource, collect(out)), during=during)
    assert out == list(range(5))


@pytest.mark.parametrize("source", [InternalSource, DirectSource])
def test_linked_pipelines_pass_everything_in_order(source):
    out = []
    app = run(
        ("U", events(range(500), 7), lambda a, p: InternalSink(a, p, config={"target": "M"})),
        ("M", source, step(lambda e: e + 1), lambda a, p: InternalSink(a, p, config={"target": "D.*Last"})),
        ("D", lambda a, p: source(a, p, "Last"), collect(out)),
    )
    assert out == list(range(1, 501))
    assert app.ExitCode == 0


@pytest.mark.parametrize("source", [InternalSource, DirectSource])
def test_a_halt_downstream_keeps_order_and_loses_nothing(source):
    out, failing = [], Failing(13, 14, times=1)

    async def during(app):
        down = app.pump_service.Pipelines["D"]
        for _ in range(2):
            await until(down.is_error)
            assert app.pump_service.Pipelines["U"].Sources[0].committed <= 13
            down.set_error(None, None, None)

    run(
        ("U", events(range(100), 7), lambda a, p: InternalSink(a, p, config={"target": "D"})),
        ("D", source, step(failing), collect(out)),
        during=during,
    )  # fmt: skip
    assert out == list(range(100))


def test_two_senders_feed_one_queue():
    out = []
    run(
        ("A", events(range(50)), lambda a, p: InternalSink(a, p, config={"target": "D"})),
        ("B", events(range(100, 150)), lambda a, p: InternalSink(a, p, config={"target": "D"})),
        ("D", InternalSource, collect(out)),
    )  # fmt: skip
    assert [n for n in out if n < 100] == list(range(50))
    assert [n for n in out if n >= 100] == list(range(100, 150))


def test_an_internal_sink_without_a_valid_target_stops_the_start(caplog):
    app = run(("U", events([1]), lambda a, p: InternalSink(a, p, config={"target": "Nope"})))
    assert app.ExitCode == 2
    assert "there is no source to send to at 'Nope'" in caplog.text

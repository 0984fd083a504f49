from __future__ import annotations

import asyncio

import pytest

from bspump_like import BackOff, ConnectionLost, DeliveryError, Pipeline
from bspump_like.aio import AsyncSink
from bspump_like.testing import ListSource, run_pump


class Recording(AsyncSink):
    def __init__(self, app, pipeline, id=None, config=None):
        super().__init__(app, pipeline, id, {"reconnect_delay": 0.001, **(config or {})})
        self.got = []
        self.errors = []

    async def consume(self, context, event):
        await asyncio.sleep(0)
        if self.errors:
            raise self.errors.pop()
        self.got.append(event)


def run(events, errors=(), config=None, on_error="dead_letter"):
    sinks = []

    def build(app):
        pipeline = Pipeline(app, "P", config={"on_error": on_error})
        sinks.append(Recording(app, pipeline, config=config))
        sinks[0].errors = list(errors)
        pipeline.build(ListSource(app, pipeline, events), sinks[0])
        app.pump_service.add_pipeline(pipeline)

    app = run_pump(build)
    pipeline = app.pump_service.Pipelines["P"]
    return sinks[0].got, pipeline


def test_events_are_consumed_in_order_before_the_barrier():
    assert run(list(range(500)))[0] == list(range(500))


def test_the_sources_wait_when_the_queue_is_full():
    assert run(list(range(50)), config={"output_queue_max_size": 2})[0] == list(range(50))


@pytest.mark.parametrize("error", [ConnectionLost("gone"), BackOff(0.001), OSError("broken"), DeliveryError("busy")])
def test_what_passes_is_tried_again_with_the_same_event(error):
    got, pipeline = run([1, 2, 3], [error, error])
    assert got == [1, 2, 3]
    assert pipeline.counters.as_dict()["errors"] == 0


@pytest.mark.parametrize("error", [ValueError("bad"), DeliveryError("never", retriable=False)])
def test_what_does_not_pass_rejects_the_event_alone(error):
    got, pipeline = run([1, 2, 3], [error])
    assert got == [2, 3]
    assert pipeline.counters.as_dict()["dead_letters"] == 1

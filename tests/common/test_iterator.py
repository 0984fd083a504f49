from __future__ import annotations

import pytest

from bspump_like import Pipeline
from bspump_like.common import IteratorSource
from bspump_like.testing import CollectSink, run_pump


def run(iterator, config=None, again=0):
    sinks = []

    def build(app):
        pipeline = Pipeline(app, "P")
        sinks.append(CollectSink(app, pipeline))
        pipeline.build(IteratorSource(app, pipeline, iterator, config=config), sinks[0])
        app.pump_service.add_pipeline(pipeline)

    run_pump(build)
    return sinks[0].events


async def counted(count):
    for number in range(count):
        yield number


@pytest.mark.parametrize("batch", [1, 7, 1000])
def test_every_item_arrives_in_order_whatever_the_batch(batch):
    assert run(iter(range(50)), {"batch": batch}) == list(range(50))


def test_a_list_and_an_asynchronous_iterator_are_read_too():
    assert run([3, 1, 2]) == [3, 1, 2]
    assert run(counted(5)) == [0, 1, 2, 3, 4]

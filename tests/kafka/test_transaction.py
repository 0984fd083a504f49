"""What stands against exactly_once is said at the start; the rest of it is in test_faults.py."""

from __future__ import annotations

import asyncio

import pytest

from bspump_like import ConfigError, Pipeline, Processor
from bspump_like.kafka import KafkaSink, KafkaSource
from bspump_like.testing import ListSource, fresh_application
from tests.kafka.pumps import connected


class Counting(Processor):
    def process(self, context, event):
        return event

    def snapshot(self):
        return {"count": 0}


def kafka_source(app, pipeline, **config):
    return KafkaSource(app, pipeline, "Kafka", config={"topic": "in", "group_id": "g", **config})


@pytest.mark.parametrize(
    ("sources", "processors", "words"),
    [
        ([lambda app, pipeline: ListSource(app, pipeline, [])], [], "is no KafkaSource with a group_id"),
        ([lambda app, pipeline: kafka_source(app, pipeline, group_id="")], [], "is no KafkaSource with a group_id"),
        ([lambda app, pipeline: kafka_source(app, pipeline, positions="store")], [], "resumes from the store"),
        ([kafka_source], [Counting], "keeps state in our store"),
    ],
)
def test_what_cannot_be_kept_is_refused(sources, processors, words):
    with fresh_application() as app:
        connected(app, "127.0.0.1:1")
        pipeline = Pipeline(app, "P")
        sink = KafkaSink(app, pipeline, "Kafka", config={"topic": "out", "delivery": "exactly_once"})
        pipeline.build([make(app, pipeline) for make in sources], *(cls(app, pipeline) for cls in processors), sink)
        with pytest.raises(ConfigError, match=words):
            app.Loop.run_until_complete(asyncio.wait_for(sink.on_start(), 60))


def test_each_worker_has_a_name_of_its_own():
    with fresh_application() as app:
        connected(app, "127.0.0.1:1")
        sink = KafkaSink(app, Pipeline(app, "P"), "Kafka", config={"delivery": "exactly_once"})
        assert sink.transactional_id == "P.KafkaSink"
        sink.worker = (1, 3)
        assert sink.transactional_id == "P.KafkaSink.1"

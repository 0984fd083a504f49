"""Pumps with Kafka at one end or both."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bspump_like import Pipeline
from bspump_like.kafka import KafkaConnection, KafkaSink, KafkaSource
from bspump_like.testing import CollectSink, ListSource, run_pump
from tests.pumping import QUICK

FAST = {"reconnect_delay": 0.1, "reconnect_delay_max": 0.2}


def connected(app: Any, servers: str, **config: Any) -> KafkaConnection:
    connection = KafkaConnection(app, "Kafka", {"bootstrap_servers": servers, **FAST, **config})
    app.pump_service.add_connection(connection)
    return connection


def consume(
    servers, *parts, until, sink=CollectSink, pipeline=None, connection=None, store=":memory:", timeout=120, **config
):
    """Run KafkaSource -> parts -> sink until `await until(pipeline)` returns; return the pipeline."""
    made = []

    def build(app):
        connected(app, servers, **(connection or {}))
        one = Pipeline(app, "P", {**QUICK, **(pipeline or {})})
        source = KafkaSource(app, one, "Kafka", config={**FAST, **config})
        one.build(source, *(part(app, one) for part in parts), sink(app, one))
        app.pump_service.add_pipeline(one)
        made.append(one)

    async def during(app):
        await until(made[0])
        app.stop()

    run_pump(build, during=during, store=store, timeout=timeout)
    return made[0]


def collected(pipeline) -> list[Any]:
    return pipeline.Processors[-1][-1].events


def contexts(pipeline) -> list[dict[str, Any]]:
    return pipeline.Processors[-1][-1].contexts


def produce(
    servers, events, *, contexts=None, connection=None, until=None, source=ListSource, store=":memory:", pipeline=None,
    timeout=120, **config,
):  # fmt: skip
    """Run a list of events -> KafkaSink to its end, or until `await until(pipeline)` returns; return the pipeline."""
    made = []

    class Given(source):
        async def deliver(self, events, position=None, _contexts=None):
            given = contexts and [dict(contexts[event_number(event)]) for event in events]
            await super().deliver(events, position, given)

    numbers = {id(event): number for number, event in enumerate(events)}

    def event_number(event):
        return numbers[id(event)]

    def build(app):
        connected(app, servers, **(connection or {}))
        one = Pipeline(app, "P", {**QUICK, **(pipeline or {})})
        one.build(Given(app, one, events), KafkaSink(app, one, "Kafka", config={**FAST, **config}))
        app.pump_service.add_pipeline(one)
        made.append(one)

    async def during(app):
        await until(made[0])

    run_pump(build, during=during if until else None, store=store, timeout=timeout)
    return made[0]


def definition(servers: str, source: Mapping[str, Any], sink: Mapping[str, Any], **pipeline: Any) -> dict[str, Any]:
    """Return the definition of a pump from Kafka to Kafka."""
    return {
        "connections": [
            {"id": "Kafka", "module": "bspump.kafka", "class": "KafkaConnection",
             "config": {"bootstrap_servers": servers, **FAST}},
        ],
        "pipelines": [
            {
                "id": "P",
                "config": {"commit_interval": 0.02, **pipeline},
                "sources": [
                    {"id": "KafkaSource", "module": "bspump.kafka", "class": "KafkaSource",
                     "args": {"connection": "Kafka"}, "config": {**FAST, **source}},
                ],
                "processors": [],
                "sink": {"id": "KafkaSink", "module": "bspump.kafka", "class": "KafkaSink",
                         "args": {"connection": "Kafka"}, "config": {**FAST, **sink}},
            },
        ],
    }  # fmt: skip

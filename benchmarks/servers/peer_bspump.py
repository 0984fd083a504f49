"""The paths in BSPump's last release, with the options of its connectors left as they are.

That release makes calls of asyncio that newer Pythons do not take; they are given to it again.
It commits offsets when events have been handed over to the sink, not when they are delivered: its guarantee is weaker.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import warnings
from typing import Any

import orjson

from benchmarks.peer_bspump import accept_old_calls

from .work import Job, job_of_arguments, transform


def _accept_old_queue() -> None:
    class Queue(asyncio.Queue[Any]):
        def __init__(self, maxsize: int = 0, *, loop: Any = None) -> None:
            super().__init__(maxsize)

    asyncio.Queue = Queue  # type: ignore[misc]


def main(job: Job, batch: bool) -> None:
    """Build the pipeline and run it until a signal comes.

    Args:
        job: What to do.
        batch: Produce with `KafkaBatchSink`, which waits for 10,000 messages at a time, and not for each.
    """
    warnings.simplefilter("ignore")
    accept_old_calls()
    _accept_old_queue()
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    import bspump
    import bspump.elasticsearch
    import bspump.kafka

    class Parse(bspump.Processor):  # type: ignore[misc]
        def process(self, context: Any, event: Any) -> Any:
            return orjson.loads(event)

    class Transform(bspump.Processor):  # type: ignore[misc]
        def process(self, context: Any, event: Any) -> Any:
            return transform(event)

    class Dump(bspump.Processor):  # type: ignore[misc]
        def process(self, context: Any, event: Any) -> Any:
            return orjson.dumps(event)

    class Null(bspump.Sink):  # type: ignore[misc]
        def process(self, context: Any, event: Any) -> None:
            pass

    app = bspump.BSPumpApplication(args=[])
    logging.getLogger().setLevel(logging.WARNING)
    service = app.get_service("bspump.PumpService")
    service.add_connection(bspump.kafka.KafkaConnection(app, "Kafka", {"bootstrap_servers": job.kafka}))
    pipeline = bspump.Pipeline(app, "P")
    source = bspump.kafka.KafkaSource(app, pipeline, "Kafka", config={"topic": job.topic, "group_id": job.group})
    chain = [source, Parse(app, pipeline), Transform(app, pipeline)]
    if job.path == "null":
        chain.append(Null(app, pipeline))
    elif job.path == "kafka":
        sink = bspump.kafka.KafkaBatchSink if batch else bspump.kafka.KafkaSink
        chain += [Dump(app, pipeline), sink(app, pipeline, "Kafka", config={"topic": job.output, "acks": "all"})]
    else:
        service.add_connection(bspump.elasticsearch.ElasticSearchConnection(app, "Search", {"url": f"{job.search}/"}))
        sink = bspump.elasticsearch.ElasticSearchSink
        chain.append(sink(app, pipeline, "Search", config={"index": job.output}))
    pipeline.build(*chain)
    service.add_pipeline(pipeline)
    app.run()


if __name__ == "__main__":
    main(job_of_arguments(), "--batch" in sys.argv)

"""The paths in Bytewax with its own connector for Kafka, batches of 1000 as it has them; run by `bytewax.run`, with recovery.

It keeps offsets in its recovery store, not in a consumer group, and it has no sink for Elasticsearch: here is one like those of
its documentation, with bulks of ready bytes and each item's error looked at.
"""

from __future__ import annotations

import http.client
import mmap
import os
import pathlib
import urllib.parse
from typing import Any

import bytewax.operators as op
import orjson
from bytewax.connectors.kafka import KafkaSink, KafkaSinkMessage, KafkaSource
from bytewax.dataflow import Dataflow
from bytewax.outputs import DynamicSink, StatelessSinkPartition

from .work import Job, read_job, transform

COUNT = "count"  # the file where the path to null counts


class _Null(StatelessSinkPartition[Any]):
    def __init__(self, job: Job) -> None:
        path = pathlib.Path(job.folder) / COUNT
        path.write_bytes(bytes(8))
        with path.open("r+b") as file:
            self._count = mmap.mmap(file.fileno(), 8)
        self._done = 0

    def write_batch(self, items: list[Any]) -> None:
        self._done += len(items)
        self._count[:8] = self._done.to_bytes(8, "little")


class _Search(StatelessSinkPartition[Any]):
    def __init__(self, job: Job) -> None:
        self._connection = http.client.HTTPConnection(urllib.parse.urlsplit(job.search).netloc)
        self._header = b'{"create":{"_index":%b}}\n' % orjson.dumps(job.output)

    def write_batch(self, items: list[Any]) -> None:
        body = b"".join([b"%b%b\n" % (self._header, item) for item in items])
        path, headers = "/_bulk?filter_path=errors,items.*.error", {"content-type": "application/x-ndjson"}
        self._connection.request("POST", path, body, headers)
        answer = self._connection.getresponse()
        content = orjson.loads(answer.read())
        if answer.status != 200 or content["errors"]:
            raise RuntimeError(str(content)[:500])


class _Sink(DynamicSink[Any]):
    def __init__(self, job: Job, partition: type[Any]) -> None:
        self._job, self._partition = job, partition

    def build(self, step_id: str, worker_index: int, worker_count: int) -> Any:
        return self._partition(self._job)


def _flow(job: Job) -> Dataflow:
    flow = Dataflow("bench")
    messages = op.input("in", flow, KafkaSource([job.kafka], [job.topic]))
    parsed = op.map("parse", messages, lambda message: orjson.loads(message.value))
    events = op.map("transform", parsed, transform)
    if job.path == "null":
        op.output("out", events, _Sink(job, _Null))
    elif job.path == "kafka":
        dumped = op.map("dump", events, lambda event: KafkaSinkMessage(None, orjson.dumps(event)))
        op.output("out", dumped, KafkaSink([job.kafka], job.output))
    else:
        op.output("out", op.map("dump", events, orjson.dumps), _Sink(job, _Search))
    return flow


flow = _flow(read_job(os.environ["BENCH_JOB"]))

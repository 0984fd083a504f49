"""The five steps in Bytewax: a dataflow of `map` and `filter`."""

from __future__ import annotations

from typing import Any

import bytewax.operators as op
import orjson
from bytewax.dataflow import Dataflow
from bytewax.outputs import DynamicSink, StatelessSinkPartition
from bytewax.testing import TestingSource, run_main

from .chain import Keep
from .peer import report


class _Partition(StatelessSinkPartition[bytes]):
    def __init__(self, keep: Keep) -> None:
        self._keep = keep

    def write_batch(self, items: list[bytes]) -> None:
        self._keep.extend(items)


class _Sink(DynamicSink[bytes]):
    def __init__(self, keep: Keep) -> None:
        self._keep = keep

    def build(self, step_id: str, worker_index: int, worker_count: int) -> _Partition:
        return _Partition(self._keep)


def prepare(lines: list[bytes], users: dict[str, dict[str, Any]], keep: Keep, batch: int) -> Any:
    """Return what runs the dataflow on this thread."""

    def enrich(event: dict[str, Any]) -> dict[str, Any]:
        user = users[event["user"]]
        event["tenant"] = user["tenant"]
        event["country"] = user["country"]
        return event

    def derive(event: dict[str, Any]) -> dict[str, Any]:
        event["kilobytes"] = event["bytes"] / 1024
        event["slow"] = event["duration"] > 0.5
        return event

    flow = Dataflow("chain")
    stream: Any = op.input("lines", flow, TestingSource(lines, batch_size=batch))
    stream = op.map("parse", stream, orjson.loads)
    stream = op.filter("filter", stream, lambda event: event["level"] != "debug")
    stream = op.map("enrich", stream, enrich)
    stream = op.map("derive", stream, derive)
    stream = op.map("dump", stream, orjson.dumps)
    op.output("end", stream, _Sink(keep))
    return lambda: run_main(flow)


if __name__ == "__main__":
    report(prepare)

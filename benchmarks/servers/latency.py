"""End-to-end latency of one system at a given load, and what it costs when nothing comes."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import sys
import time
import uuid

from .cluster import Cluster
from .measure import PARTITIONS, START_PATIENCE, Failed, Run
from .stamps import SearchProxy, Stamps, TopicReader
from .systems import ROOT, System

SETTLE = 1.0  # seconds of load before latencies count, and of silence before idling does
_WARM_UP = 1000  # events, so that it has its partitions and its connections


@dataclasses.dataclass(frozen=True)
class Latency:
    """What was measured at a steady load.

    Attributes:
        rate: Events per second that were sent.
        median: Seconds.
        p99: Seconds.
        idle: CPU seconds per second while there were no events.
    """

    rate: float
    median: float
    p99: float
    idle: float


async def latency(cluster: Cluster, system: System, path: str, rate: float, seconds: float) -> Latency:
    """Measure a system at a load, and without one.

    Args:
        cluster: The servers.
        system: The system.
        path: `kafka` or `elasticsearch`.
        rate: Events per second.
        seconds: How long the load lasts; idling is measured as long.

    Raises:
        Failed: It does not work, or it does not keep up.
    """
    topic = f"bench-{uuid.uuid4().hex[:10]}"
    await cluster.create(topic, PARTITIONS)
    stamps = Stamps()
    try:
        async with contextlib.AsyncExitStack() as stack:
            url = ""
            if path == "elasticsearch":
                url = (await stack.enter_async_context(SearchProxy(cluster.search, stamps))).url
            run = await stack.enter_async_context(Run(cluster, system, path, topic, url))
            if path == "kafka":
                await stack.enter_async_context(TopicReader(cluster.kafka, run.job.output, PARTITIONS, stamps))
            sent = await _feed(cluster, topic, _WARM_UP * 5, 0.2)
            await _arrived(run, sent)
            stamps.begin(time.time_ns(), int(SETTLE * 1e9))
            sent += await _feed(cluster, topic, rate, SETTLE + seconds)
            await _arrived(run, sent)
            await asyncio.sleep(SETTLE)
            before, began = run.tree.busy(), time.monotonic()
            await asyncio.sleep(seconds)
            idle = (run.tree.busy() - before) / (time.monotonic() - began)
            return Latency(rate, *stamps.percentiles(), idle)
    finally:
        await cluster.remove(topic)


async def _feed(cluster: Cluster, topic: str, rate: float, seconds: float) -> int:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks.servers.feed", cluster.kafka, topic, str(PARTITIONS), str(rate), str(seconds),
        cwd=ROOT, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    said, _ = await process.communicate()
    if process.returncode:
        raise Failed("the producer has failed")
    return int(said)


async def _arrived(run: Run, count: int) -> None:
    began = time.monotonic()
    while await run.progress() < count:
        if run.process.returncode is not None:
            raise run.fail("it ended")
        if time.monotonic() - began > START_PATIENCE:
            raise run.fail(f"not all of {count} events came through in {START_PATIENCE:.0f} s")
        await asyncio.sleep(0.1)

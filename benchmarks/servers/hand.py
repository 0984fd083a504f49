"""The loops written by hand: the clients and the guarantees of the pump, and nothing else.

At least once: offsets are committed, every tenth of a second, after everything made from the messages before them is
acknowledged by all replicas (the idempotent producer) or stored (each item's error is looked at).
"""

from __future__ import annotations

import asyncio
import gc
import signal
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import aiokafka
import orjson

from .work import WORK, Job, job_of_arguments, transform

COMMIT_EVERY = 0.1  # seconds
RECORDS = {
    "null": 1000,
    "cpu": 1000,
    "kafka": 2000,
    "elasticsearch": 1000,
}  # at most, of one `getmany`: what was found to be cheapest
BATCH = 262_144  # bytes of a batch for Kafka
BULK = 1_048_576  # bytes of a bulk for Elasticsearch
BULKS = 4  # under way at once
# The status of each document: without it nobody could tell which are to be sent again.
_BULK_PATH = "/_bulk?filter_path=errors,items.*.status,items.*.error"

Offsets = dict[aiokafka.TopicPartition, int]


class Commits:
    """Commits offsets while the loop goes on, one commit at a time.

    Args:
        consumer: Whose offsets.
    """

    def __init__(self, consumer: aiokafka.AIOKafkaConsumer) -> None:
        self._consumer = consumer
        self._task: asyncio.Task[None] | None = None
        self._next = 0.0

    def due(self) -> bool:
        """Tell whether it is time for one; raises what the last one raised."""
        if self._task is not None and self._task.done():
            self._task.result()
            self._task = None
        return self._task is None and time.monotonic() >= self._next

    def begin(self, offsets: Offsets, delivered: Callable[[], Awaitable[Any]] | None = None) -> None:
        """Commit, after `delivered()` has returned."""
        self._next = time.monotonic() + COMMIT_EVERY
        self._task = asyncio.create_task(self._commit(offsets, delivered))

    async def _commit(self, offsets: Offsets, delivered: Callable[[], Awaitable[Any]] | None) -> None:
        if delivered is not None:
            await delivered()
        await self._consumer.commit(offsets)


async def to_null(job: Job, consumer: aiokafka.AIOKafkaConsumer) -> None:
    """Parse, transform, forget."""
    commits, offsets, loads, work = Commits(consumer), Offsets(), orjson.loads, WORK.get(job.path, transform)
    while True:
        records = await consumer.getmany(timeout_ms=100, max_records=RECORDS[job.path])
        for partition, messages in records.items():
            for message in messages:
                work(loads(message.value))
            offsets[partition] = messages[-1].offset + 1
        if offsets and commits.due():
            commits.begin(offsets)
            offsets = {}


async def to_kafka(job: Job, consumer: aiokafka.AIOKafkaConsumer) -> None:
    """Parse, transform, serialise, produce; batches fill while the one before them is on its way."""
    commits, offsets, loads, dumps = Commits(consumer), Offsets(), orjson.loads, orjson.dumps
    async with aiokafka.AIOKafkaProducer(
        bootstrap_servers=job.kafka, acks="all", enable_idempotence=True, max_batch_size=BATCH
    ) as producer:
        opened: dict[int, Any] = {}  # partition -> batch
        last: dict[int, asyncio.Future[Any]] = {}  # partition -> acknowledgement of what was sent last
        sent: list[asyncio.Future[Any]] = []

        async def send(number: int, batch: Any) -> None:
            last[number] = acknowledged = await producer.send_batch(batch, job.output, partition=number)
            sent.append(acknowledged)

        while True:
            records = await consumer.getmany(timeout_ms=5 if opened else 100, max_records=RECORDS[job.path])
            for partition, messages in records.items():
                number = partition.partition
                batch = opened.pop(number, None) or producer.create_batch()
                append = batch.append
                for message in messages:
                    value = dumps(transform(loads(message.value)))
                    if append(key=None, value=value, timestamp=None) is None:
                        await send(number, batch)
                        batch = producer.create_batch()
                        append = batch.append
                        append(key=None, value=value, timestamp=None)
                opened[number] = batch
                offsets[partition] = messages[-1].offset + 1
            due = bool(offsets) and commits.due()
            for number in [number for number in opened if due or number not in last or last[number].done()]:
                await send(number, opened.pop(number))
            if due:
                before, sent = sent, []
                commits.begin(offsets, lambda before=before: asyncio.gather(*before))  # type: ignore[misc]
                offsets = {}


async def to_search(job: Job, consumer: aiokafka.AIOKafkaConsumer, ids: bool = False) -> None:
    """Parse, transform, serialise, send bulks of ready bytes, four at a time; `ids` gives documents ids from their offsets."""
    commits, offsets, loads, dumps = Commits(consumer), Offsets(), orjson.loads, orjson.dumps
    index = orjson.dumps(job.output)
    header = b'{"create":{"_index":%b}}' % index
    free = asyncio.Semaphore(BULKS)
    sent: list[asyncio.Task[None]] = []
    lines: list[bytes] = []
    size = 0

    async def send(body: bytes) -> None:
        try:
            async with session.post(_BULK_PATH, data=body) as response:
                answer = await response.read()
        finally:
            free.release()
        if response.status != 200 or not answer.startswith(b'{"errors":false'):
            raise SystemExit(f"Elasticsearch answers {response.status}: {answer[:500]!r}")

    async with aiohttp.ClientSession(job.search, headers={"content-type": "application/x-ndjson"}) as session:
        while True:
            records = await consumer.getmany(timeout_ms=100, max_records=RECORDS[job.path])
            for partition, messages in records.items():
                prefix = b'{"index":{"_index":%b,"_id":"%b:%d:' % (index, job.topic.encode(), partition.partition)
                for message in messages:
                    line = dumps(transform(loads(message.value)))
                    lines += (b'%b%d"}}' % (prefix, message.offset) if ids else header, line)
                    size += len(line)
                    if size >= BULK:
                        await free.acquire()
                        sent.append(asyncio.create_task(send(b"\n".join((*lines, b"")))))
                        lines, size = [], 0
                offsets[partition] = messages[-1].offset + 1
            if offsets and commits.due():
                if lines:
                    await free.acquire()
                    sent.append(asyncio.create_task(send(b"\n".join((*lines, b"")))))
                    lines, size = [], 0
                before, sent = sent, []
                commits.begin(offsets, lambda before=before: asyncio.gather(*before))  # type: ignore[misc]
                offsets = {}


LOOPS = {"null": to_null, "cpu": to_null, "kafka": to_kafka, "elasticsearch": to_search}


async def to_search_once(job: Job, consumer: aiokafka.AIOKafkaConsumer) -> None:
    """Do as `to_search`, with ids, so that nothing is stored twice."""
    await to_search(job, consumer, ids=True)


async def main(job: Job, once: bool) -> None:
    """Consume until a signal comes."""
    gc.set_threshold(200_000, 20, 100)  # as the pump does; Python's own setting costs 5 % more
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    async with aiokafka.AIOKafkaConsumer(
        job.topic,
        bootstrap_servers=job.kafka,
        group_id=job.group,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
    ) as consumer:
        await (to_search_once if once else LOOPS[job.path])(job, consumer)


if __name__ == "__main__":
    try:
        asyncio.run(main(job_of_arguments(), "--once" in sys.argv))
    except asyncio.CancelledError:
        pass

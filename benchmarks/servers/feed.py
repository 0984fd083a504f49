"""A producer at a steady rate; each event has the time at which it was made. A process of its own.

    python -m benchmarks.servers.feed BROKER TOPIC PARTITIONS RATE SECONDS

Prints the number of events when all are acknowledged.
"""

from __future__ import annotations

import argparse
import asyncio
import time

import aiokafka

from .work import make_events

TICK = 0.01  # seconds between two batches for each partition
_STAMP = b'"sent":0,'


async def feed(servers: str, topic: str, partitions: int, rate: float, seconds: float) -> int:
    """Send events; return how many."""
    parts = [event.split(_STAMP) for event in make_events(10_000)]
    heads = [part[0] + b'"sent":' for part in parts]
    tails = [b"," + part[1] for part in parts]
    pending: set[asyncio.Future[object]] = set()
    made = 0
    async with aiokafka.AIOKafkaProducer(bootstrap_servers=servers, acks="all", max_batch_size=262_144) as producer:
        begin = time.perf_counter()
        while (elapsed := time.perf_counter() - begin) < seconds:
            due = int(elapsed * rate) - made
            share = -(-due // partitions)
            for number in range(partitions if due > 0 else 0):
                batch = producer.create_batch()
                for _ in range(share):
                    value = b"%b%d%b" % (heads[made % 10_000], time.time_ns(), tails[made % 10_000])
                    if batch.append(key=None, value=value, timestamp=None) is None:
                        break
                    made += 1
                sent = await producer.send_batch(batch, topic, partition=number)
                pending.add(sent)
                sent.add_done_callback(pending.discard)
            await asyncio.sleep(max(0.0, TICK - (time.perf_counter() - begin - elapsed)))
        if pending:
            await asyncio.gather(*pending)
    return made


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("servers")
    parser.add_argument("topic")
    parser.add_argument("partitions", type=int)
    parser.add_argument("rate", type=float)
    parser.add_argument("seconds", type=float)
    given = parser.parse_args()
    print(asyncio.run(feed(given.servers, given.topic, given.partitions, given.rate, given.seconds)))

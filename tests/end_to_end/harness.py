"""Numbered messages on their way from a topic to an index, and the counting of what has arrived."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sqlite3
import time
import urllib.error
import urllib.request
import uuid
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

import aiokafka
from aiokafka.admin import AIOKafkaAdminClient

from bspump_like.codec import decode
from tests.faults.harness import Pump
from tests.kafka.topics import Topics

Tree = dict[str, Any]

QUICK = {"reconnect_delay": 0.1, "reconnect_delay_max": 1.0}
SOURCE = {**QUICK, "event_block_size": 200, "session_timeout_ms": 60_000, "heartbeat_interval_ms": 300}
"""Who shares a group, and leaves it in good order: a busy machine shall not make it look as if one had died."""
DIES = {"session_timeout_ms": 1500}
"""Who is killed, or loses the broker: the group goes on without it soon."""
PATIENCE = 120.0
_POLL = 0.1


class Route:
    """A topic, an index, and ids from 0 on that are to go from one to the other. Names are those of no other test.

    Args:
        kafka: Addresses of brokers that stay, for the test itself.
        search: URL of a node that stays, for the test itself.
        count: How many ids.
        partitions: Of the topic.
        copies: Of the topic.
    """

    def __init__(self, kafka: str, search: str, count: int, *, partitions: int = 4, copies: int = 1) -> None:
        self.topics, self.search, self.count = Topics(kafka), search, count
        self.partitions = partitions
        self.topic = self.topics.create("ids", partitions, copies)
        self.index = f"ids-{uuid.uuid4().hex[:10]}"
        self.filled = 0
        self.patience = PATIENCE + count / 500
        """Seconds in which everything must have arrived."""
        self._began = time.monotonic()
        settings = {"number_of_shards": 1, "number_of_replicas": 0}
        mappings = {"dynamic": False, "properties": {"n": {"type": "long"}}}
        self.call("PUT", f"/{self.index}", {"settings": settings, "mappings": mappings})

    # The pump

    def definition(
        self, kafka: str = "", search: str = "", *, refused: str = "", pipeline: Tree | None = None,
        connection: Tree | None = None, sink: Tree | None = None, **source: Any,
    ) -> Tree:  # fmt: skip
        """Return a pump from the topic to the index.

        Args:
            kafka: The way to the brokers, if it is another one.
            search: The way to the node, if it is another one.
            refused: Topic for what fails; without it a failure stops the pump.
            pipeline: Options of the pipeline.
            connection: Options of the connection to the node.
            sink: Options of the sink.
            source: Options of the source.
        """
        on_error = {"on_error": {"route": "Refused"}} if refused else {}
        main = {
            "id": "P",
            "config": {"commit_interval": 0.02, "max_in_flight": 1000, **on_error, **(pipeline or {})},
            "sources": [_part("kafka", "KafkaSource", "Kafka", topic=self.topic,
                              **{"group_id": self.topic, **SOURCE, **source})],
            "processors": [_part("common", "JSONParserProcessor")],
            "sink": _part("elasticsearch", "ElasticSearchSink", "Search", index=self.index,
                          **{"document_id": "position", **(sink or {})}),
        }  # fmt: skip
        aside = {
            "id": "Refused",
            "sources": [_part("common", "InternalSource")],
            "sink": _part("kafka", "KafkaSink", "Kafka", topic=refused, **QUICK),
        }
        return {
            "connections": [
                {"id": "Kafka", "module": "bspump.kafka", "class": "KafkaConnection",
                 "config": {"bootstrap_servers": kafka or self.topics.servers, **QUICK}},
                {"id": "Search", "module": "bspump.elasticsearch", "class": "ElasticSearchConnection",
                 "config": {"url": search or self.search, "timeout": 10, **QUICK, **(connection or {})}},
            ],
            "pipelines": [main, aside] if refused else [main],
        }  # fmt: skip

    # The input

    def fill(self, count: int | None = None, *, fields: int = 0) -> None:
        """Produce the next ids, all that are left when no number is given, round robin over the partitions.

        Args:
            count: How many.
            fields: More fields of each message, beside the id.
        """
        stop = max(self.count, self.filled) if count is None else self.filled + count
        asyncio.run(self._produce(self.topic, self.filled, stop, fields))
        self.filled = stop

    async def _produce(self, topic: str, start: int, stop: int, fields: int) -> None:
        names = [f"field{number}" for number in range(fields)]
        async with aiokafka.AIOKafkaProducer(
            bootstrap_servers=self.topics.servers, request_timeout_ms=60000
        ) as producer:
            for partition in range(self.partitions):
                batch, sent = producer.create_batch(), []
                for n in range(start + partition, stop, self.partitions):
                    value = json.dumps({"n": n, **dict.fromkeys(names, f"the value {n}")}).encode()
                    if batch.append(key=None, value=value, timestamp=None) is None:
                        sent.append(await producer.send_batch(batch, topic, partition=partition))
                        batch = producer.create_batch()
                        batch.append(key=None, value=value, timestamp=None)
                sent.append(await producer.send_batch(batch, topic, partition=partition))
                await asyncio.gather(*sent)

    # The output

    def call(self, method: str, path: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.search + path, data, {"Content-Type": "application/json"}, method=method)
        with urllib.request.urlopen(request, timeout=60) as response:
            return json.load(response)

    def documents(self) -> int:
        """Return how many documents the index has now; -1 while nobody answers."""
        try:
            self.call("POST", f"/{self.index}/_refresh")
            return int(self.call("GET", f"/{self.index}/_count")["count"])
        except OSError:  # an HTTPError is one, too: a node that starts answers 503
            return -1

    def arrived(self) -> Counter[int]:
        """Return how many documents there are of each id."""
        found: Counter[int] = Counter()
        page = self.call(
            "POST", f"/{self.index}/_search?scroll=1m", {"size": 10000, "sort": ["_doc"], "_source": ["n"]}
        )
        while page["hits"]["hits"]:
            found.update(hit["_source"]["n"] for hit in page["hits"]["hits"])
            page = self.call("POST", "/_search/scroll", {"scroll": "1m", "scroll_id": page["_scroll_id"]})
        self.call("DELETE", "/_search/scroll", {"scroll_id": page["_scroll_id"]})
        return found

    def arrive(self, *pumps: Pump, apart: int = 0) -> None:
        """Wait until all ids are there, but so many that are somewhere else."""
        wait_for("all ids are there", lambda: self.documents() >= self.filled - apart, *pumps, patience=self.patience)

    def finish(self, fault: str, *pumps: Pump, apart: Iterable[int] = ()) -> None:
        """Wait until everything is there, stop the pumps, and count.

        Args:
            fault: What was done, for the report.
            pumps: Those that run.
            apart: Ids that are somewhere else for a good reason.
        """
        apart = set(apart)
        self.arrive(*pumps, apart=len(apart))
        for pump in pumps:
            assert pump.terminate() == 0, pump.log()[-3000:]
        self.documents()  # refreshes
        found = self.arrived()
        lost = set(range(self.filled)) - set(found) - apart
        doubled = {n: times for n, times in found.items() if times > 1} | dict.fromkeys(apart & set(found), 1)
        seconds = time.monotonic() - self._began
        print(f"\n{fault}: {self.filled} ids, lost {len(lost)}, doubled {len(doubled)}, {seconds:.1f} s")
        assert not lost, sorted(lost)[:10]
        assert not doubled, dict(list(doubled.items())[:10])
        for pump in pumps:
            assert "Traceback" not in pump.log(), pump.log()[-4000:]

    def close(self) -> None:
        """Delete the index; a test that fails may leave nobody to ask."""
        with contextlib.suppress(OSError):
            self.call("DELETE", f"/{self.index}")


def _part(module: str, name: str, connection: str = "", **config: Any) -> Tree:
    args = {"args": {"connection": connection}} if connection else {}
    return {"id": name, "module": f"bspump.{module}", "class": name, **args, "config": config}


def delete_topic(servers: str, topic: str) -> None:
    """Delete a topic if there is such a one, and return when it is gone."""

    async def delete() -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=servers)
        await admin.start()
        try:
            if topic in await admin.list_topics():
                await admin.delete_topics([topic])
            while topic in await admin.list_topics():  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(_POLL)
        finally:
            await admin.close()

    asyncio.run(delete())


def wait_for(what: str, condition: Callable[[], Any], *pumps: Pump, patience: float = PATIENCE) -> None:
    """Return when `condition()` is true, asked ten times a second; the pumps must be alive until then."""
    deadline = time.monotonic() + patience
    while not condition():
        for pump in pumps:
            assert pump.process is not None
            assert pump.process.poll() is None, f"ended before {what}:\n{pump.log()[-4000:]}"
        logs = "\n".join(pump.log()[-4000:] for pump in pumps)
        assert time.monotonic() < deadline, f"not within {patience} s: {what}:\n{logs}"
        time.sleep(_POLL)


def stored(pump: Pump) -> int:
    """Return how many messages the store of a pump says are done, all partitions together."""
    try:
        with contextlib.closing(sqlite3.connect(f"file:{pump.store}?mode=ro", uri=True)) as db:
            return sum(decode(row[0]) for row in db.execute("SELECT value FROM positions"))
    except sqlite3.OperationalError:  # not there yet, or without its tables
        return 0


def moving(pump: Pump, count: int) -> None:
    """Wait until the pump has done so many more messages."""
    goal = stored(pump) + count
    pump.wait_for(f"{count} more messages", lambda: stored(pump) >= goal)


def for_seconds(seconds: float, *pumps: Pump) -> int:
    """Let the pumps live for a while, during a fault; return the most memory that one of them took, in bytes."""
    deadline, most = time.monotonic() + seconds, 0
    while time.monotonic() < deadline:
        for pump in pumps:
            assert pump.process is not None
            assert pump.process.poll() is None, f"ended with {pump.process.returncode}:\n{pump.log()[-4000:]}"
            most = max(most, pump.resident())
        time.sleep(_POLL)
    return most

"""The servers, seen from outside of the systems: topics are filled and read, indices made and counted."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from types import TracebackType
from typing import Any, Self

import aiohttp
import aiokafka
import orjson
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import GroupCoordinatorNotAvailableError, NotCoordinatorForGroupError

from .work import INDEX, make_events, transform

_PATIENCE = 30.0


class NotThere(Exception):
    """A server does not do what it should; the message says what."""


class Cluster:
    """Clients of a Kafka and an Elasticsearch.

    Args:
        kafka: Address of the broker.
        search: URL of the node.
    """

    def __init__(self, kafka: str, search: str) -> None:
        self.kafka, self.search = kafka, search
        self._admin = AIOKafkaAdminClient(bootstrap_servers=self.kafka)
        self._consumer = aiokafka.AIOKafkaConsumer(bootstrap_servers=self.kafka, enable_auto_commit=False)
        self._http = aiohttp.ClientSession(self.search)

    async def __aenter__(self) -> Self:
        """Connect."""
        await self._admin.start()
        await self._consumer.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Disconnect."""
        await self._http.close()
        await self._consumer.stop()
        await self._admin.close()

    # Topics

    async def create(self, topic: str, partitions: int) -> None:
        """Create a topic and wait until it is there."""
        answer = await self._admin.create_topics([NewTopic(topic, partitions, 1)])
        code = answer.topic_errors[0][1]
        if code:
            raise NotThere(f"topic {topic} cannot be created: {answer.topic_errors[0]}")
        await self._known(topic, partitions)

    async def _known(self, topic: str, partitions: int) -> None:
        async with asyncio.timeout(_PATIENCE):
            while True:
                cluster = await self._consumer._client.fetch_all_metadata()
                if len(cluster.partitions_for_topic(topic) or ()) == partitions:
                    return
                await asyncio.sleep(0.05)

    async def remove(self, topic: str) -> None:
        """Delete a topic if it is there."""
        if topic in await self._admin.list_topics():
            await self._admin.delete_topics([topic])

    async def fill(self, topic: str, partitions: int, count: int) -> None:
        """Create a topic with `count` events, the same number in each partition; one that is full already stays."""
        if topic in await self._admin.list_topics():
            await self._known(topic, partitions)
            if sum((await self.ends(topic, partitions)).values()) == count:
                return
            await self.remove(topic)
            await asyncio.sleep(2)  # the broker forgets a name a moment after it has said so
        await self.create(topic, partitions)
        events = make_events(count)
        async with aiokafka.AIOKafkaProducer(
            bootstrap_servers=self.kafka, acks="all", max_batch_size=262_144
        ) as producer:
            for number in range(partitions):
                await _produce(producer, topic, number, events[number::partitions])

    async def ends(self, topic: str, partitions: int) -> dict[int, int]:
        """Return partition -> offset behind its last message."""
        ends = await self._consumer.end_offsets([aiokafka.TopicPartition(topic, one) for one in range(partitions)])
        return {tp.partition: end for tp, end in ends.items()}

    async def committed(self, group: str, topic: str) -> int:
        """Return how many messages of a topic a group has committed."""
        try:
            offsets = await self._admin.list_consumer_group_offsets(group)
        except (GroupCoordinatorNotAvailableError, NotCoordinatorForGroupError):
            return 0  # the very first group of a broker
        return sum(max(0, one.offset) for tp, one in offsets.items() if tp.topic == topic)

    async def members(self, group: str) -> int:
        """Return how many members a group has that has divided its partitions, 0 while it divides them."""
        try:
            answers = await self._admin.describe_consumer_groups([group])
        except (GroupCoordinatorNotAvailableError, NotCoordinatorForGroupError):
            return 0
        _, _, state, _, _, members, *_ = answers[0].groups[0]
        return len(members) if state == "Stable" else 0

    async def last(self, topic: str, partitions: int, count: int) -> list[Any]:
        """Return up to `count` of the last events of each partition, parsed."""
        found: list[Any] = []
        async with aiokafka.AIOKafkaConsumer(
            bootstrap_servers=self.kafka, isolation_level="read_committed"
        ) as consumer:
            await self._known(topic, partitions)
            await consumer._client.fetch_all_metadata()
            for number, end in (await self.ends(topic, partitions)).items():
                if not end:
                    continue
                partition = aiokafka.TopicPartition(topic, number)
                consumer.assign([partition])
                consumer.seek(partition, max(0, end - count))
                part: list[Any] = []
                async with asyncio.timeout(_PATIENCE):
                    while await consumer.position(partition) < end:
                        for messages in (await consumer.getmany(timeout_ms=200)).values():
                            part += [orjson.loads(message.value) for message in messages]
                found += part
        return found

    # Indices

    async def call(self, method: str, path: str, body: Any = None) -> Any:
        """Return the parsed answer of Elasticsearch."""
        data = None if body is None else orjson.dumps(body)
        async with self._http.request(
            method, path, data=data, headers={"content-type": "application/json"}
        ) as response:
            answer = orjson.loads(await response.read())
            if response.status >= 300:
                raise NotThere(f"Elasticsearch answers {response.status} to {method} {path}: {str(answer)[:300]}")
            return answer

    async def create_index(self, name: str) -> None:
        """Create an index for the events."""
        await self.call("PUT", f"/{name}", INDEX)

    async def indexed(self, name: str) -> int:
        """Return how many documents an index has been given; needs no refresh."""
        answer = await self.call("GET", f"/{name}/_stats/indexing?filter_path=_all.primaries.indexing.index_total")
        return int(answer["_all"]["primaries"]["indexing"]["index_total"])

    async def documents(self, name: str, count: int) -> tuple[int, list[Any]]:
        """Return how many documents an index has, and up to `count` of them."""
        await self.call("POST", f"/{name}/_refresh")
        total = int((await self.call("GET", f"/{name}/_count"))["count"])
        found = await self.call("POST", f"/{name}/_search", {"size": count, "sort": [{"id": "desc"}]})
        return total, [hit["_source"] for hit in found["hits"]["hits"]]

    async def remove_index(self, name: str) -> None:
        """Delete an index if it is there."""
        await self.call("DELETE", f"/{name}?ignore_unavailable=true")


async def _produce(producer: aiokafka.AIOKafkaProducer, topic: str, partition: int, values: Sequence[bytes]) -> None:
    sent = []
    batch = producer.create_batch()
    for value in values:
        if batch.append(key=None, value=value, timestamp=None) is None:
            sent.append(await producer.send_batch(batch, topic, partition=partition))
            batch = producer.create_batch()
            batch.append(key=None, value=value, timestamp=None)
    sent.append(await producer.send_batch(batch, topic, partition=partition))
    await asyncio.gather(*sent)


def wrong(found: Iterable[Any], count: int) -> str:
    """Return what is wrong with some results of the first `count` events, empty when nothing is."""
    expected = {event["id"]: event for event in map(transform, map(orjson.loads, make_events(count)))}
    checked = 0
    for event in found:
        if event != expected.get(event.get("id")):
            return f"it made {event} of event {event.get('id')}"
        checked += 1
    return "" if checked else "it made nothing"

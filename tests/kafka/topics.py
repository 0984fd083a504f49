"""Topics of a test, seen from outside of the pump: created, written and read with aiokafka alone."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

import aiokafka
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

PATIENCE = 60.0


async def eventually(condition: Callable[[], Awaitable[Any]], patience: float = PATIENCE) -> None:
    """Ask a server again and again until the answer is true."""
    async with asyncio.timeout(patience):
        while not await condition():  # noqa: ASYNC110 - the server is another process
            await asyncio.sleep(0.01)


async def named(admin: AIOKafkaAdminClient, topic: str) -> bool:
    return topic in await admin.list_topics()


class Topics:
    """Names no other test uses, at one cluster. Methods run a loop of their own; those with `a` before are for a running one."""

    def __init__(self, servers: str) -> None:
        self.servers = servers
        self.prefix = uuid.uuid4().hex[:10]

    def name(self, short: str) -> str:
        return f"{short}-{self.prefix}"

    def create(self, short: str = "in", partitions: int = 1, replication: int = 1, **config: str) -> str:
        name = self.name(short)
        asyncio.run(self.acreate(name, partitions, replication, **config))
        return name

    async def acreate(self, name: str, partitions: int = 1, replication: int = 1, **config: str) -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=self.servers)
        await admin.start()
        try:
            configs = {key.replace("_", "."): value for key, value in config.items()}
            answer = await admin.create_topics([NewTopic(name, partitions, replication, topic_configs=configs)])
            assert all(code == 0 for _, code, *_ in answer.topic_errors), answer
            await eventually(lambda: named(admin, name))
        finally:
            await admin.close()

    def delete(self) -> None:
        """Delete those of this test: a broker that was killed reads every log again before it serves."""
        asyncio.run(self._delete())

    async def _delete(self) -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=self.servers)
        await admin.start()
        try:
            ours = [name for name in await admin.list_topics() if self.prefix in name]
            if ours:
                await admin.delete_topics(ours)
        finally:
            await admin.close()

    def produce(self, topic: str, values: Iterable[bytes], **message: Any) -> None:
        asyncio.run(self.aproduce(topic, values, **message))

    async def aproduce(self, topic: str, values: Iterable[bytes], **message: Any) -> None:
        async with aiokafka.AIOKafkaProducer(bootstrap_servers=self.servers, linger_ms=5) as producer:
            sent = [await producer.send(topic, value, **message) for value in values]
            await asyncio.gather(*sent)

    def read(self, topic: str, isolation: str = "read_committed") -> list[Any]:
        return asyncio.run(self.aread(topic, isolation))

    async def aread(self, topic: str, isolation: str = "read_committed") -> list[Any]:
        """Return all messages there are now."""
        async with aiokafka.AIOKafkaConsumer(
            bootstrap_servers=self.servers, auto_offset_reset="earliest", isolation_level=isolation
        ) as consumer:
            cluster = await consumer._client.fetch_all_metadata()
            partitions = [aiokafka.TopicPartition(topic, one) for one in cluster.partitions_for_topic(topic)]
            consumer.assign(partitions)
            ends = await consumer.end_offsets(partitions)
            found: list[Any] = []
            async with asyncio.timeout(PATIENCE):
                while any([await consumer.position(tp) < end for tp, end in ends.items()]):
                    for messages in (await consumer.getmany(timeout_ms=200)).values():
                        found += messages
            return found

    def values(self, topic: str, **how: Any) -> list[bytes]:
        return [message.value for message in self.read(topic, **how)]

    def committed(self, group: str, topic: str) -> Mapping[int, int]:
        return asyncio.run(self.acommitted(group, topic))

    async def acommitted(self, group: str, topic: str) -> Mapping[int, int]:
        """Return partition -> committed offset of a group."""
        admin = AIOKafkaAdminClient(bootstrap_servers=self.servers)
        await admin.start()
        try:
            found = await admin.list_consumer_group_offsets(group)
        finally:
            await admin.close()
        return {tp.partition: place.offset for tp, place in found.items() if tp.topic == topic}

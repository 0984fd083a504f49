"""Messages as aiokafka hands them over, turned into a batch of events."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, overload

import aiokafka

from ..abc import Batch, Context


def partition_name(partition: aiokafka.TopicPartition) -> str:
    """Return how a partition is called in positions: `topic:number`."""
    return f"{partition.topic}:{partition.partition}"


def named(name: str) -> aiokafka.TopicPartition:
    """Return the partition that `partition_name` has given this name."""
    topic, _, number = name.rpartition(":")
    return aiokafka.TopicPartition(topic, int(number))


class Contexts(Sequence[Context]):
    """The contexts of messages, each made when its event begins its way: what no part keeps is gone again at once.

    Args:
        messages: What aiokafka has handed over.
    """

    def __init__(self, messages: Sequence[Any]) -> None:
        """Make none yet."""
        self._messages = messages

    def __len__(self) -> int:
        """Return the number of messages."""
        return len(self._messages)

    def __iter__(self) -> Iterator[Context]:
        """Make them one by one."""
        for message in self._messages:
            yield {
                "kafka": message, "kafka_key": message.key, "kafka_headers": message.headers, "_kafka_topic": message.topic,
                "_kafka_partition": message.partition, "_kafka_offset": message.offset,
            }  # fmt: skip

    @overload
    def __getitem__(self, index: int) -> Context: ...

    @overload
    def __getitem__(self, index: slice) -> Contexts: ...

    def __getitem__(self, index: int | slice) -> Context | Contexts:
        """Make one, or those of a part."""
        if isinstance(index, slice):
            return Contexts(self._messages[index])
        return next(iter(Contexts((self._messages[index],))))


def batch(records: dict[aiokafka.TopicPartition, list[Any]]) -> Batch:
    """Return values, position and contexts of messages, in the order of each partition."""
    messages = (
        [message for part in records.values() for message in part] if len(records) > 1 else next(iter(records.values()))
    )
    position = {partition_name(partition): part[-1].offset + 1 for partition, part in records.items()}
    return Batch([message.value for message in messages], position, Contexts(messages))

"""Messages as aiokafka hands them over, turned into a batch of events."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, overload

import aiokafka
from aiokafka.consumer.fetcher import FetchResult, PartitionRecords

from ..abc import Batch, Context


def partition_name(partition: aiokafka.TopicPartition) -> str:
    """Return how a partition is called in positions: `topic:number`."""
    return f"{partition.topic}:{partition.partition}"


def named(name: str) -> aiokafka.TopicPartition:
    """Return the partition that `partition_name` has given this name."""
    topic, _, number = name.rpartition(":")
    return aiokafka.TopicPartition(topic, int(number))


class Message:
    """One message: what aiokafka's `ConsumerRecord` says, at a third of its cost; it is made for every message there is.

    Attributes:
        topic: Of the partition.
        partition: Its number.
        offset: Place in the partition.
        key: Bytes or None.
        value: Bytes or None.
        headers: Pairs of name and bytes.
    """

    __slots__ = ("_record", "headers", "key", "offset", "partition", "topic", "value")

    def __init__(self, place: tuple[str, int], record: Any) -> None:
        """Take over a record of the client."""
        self.topic, self.partition = place
        self._record = record
        self.offset: int = record.offset
        self.key: bytes | None = record.key
        self.value: bytes | None = record.value
        headers = record.headers
        self.headers: tuple[tuple[str, bytes], ...] = tuple(headers) if headers else ()

    @property
    def timestamp(self) -> int:
        """Milliseconds since 1970."""
        moment: int = self._record.timestamp
        return moment

    @property
    def timestamp_type(self) -> int:
        """0: the producer has set the time; 1: the broker has."""
        kind: int = self._record.timestamp_type
        return kind

    @property
    def checksum(self) -> None:
        """None: messages have none since Kafka 0.11, their batches do."""

    @property
    def serialized_key_size(self) -> int:
        """Bytes of the key, -1 without one."""
        return -1 if self.key is None else len(self.key)

    @property
    def serialized_value_size(self) -> int:
        """Bytes of the value, -1 without one."""
        return -1 if self.value is None else len(self.value)

    def __repr__(self) -> str:
        """Return place and key, not the value, which may be long."""
        return f"<Message {self.topic}:{self.partition} at {self.offset}, key {self.key!r}>"


class _Records(PartitionRecords):
    """What a fetch has brought of one partition, handed out as `Message`."""

    def __iter__(self) -> Iterator[Message]:
        messages: Iterator[Message] = self._records_iterator
        return messages

    def _consumer_record(self, tp: aiokafka.TopicPartition, record: Any) -> Message:
        return Message(tp, record)


class FetchedRecords(dict[aiokafka.TopicPartition, Any]):
    """The place where aiokafka's fetcher keeps what has come; lets `getmany` return `Message` objects.

    This is the only thing of the client that we change, on the instance that is ours: making its own records is most of what
    the client costs per message.
    """

    def __setitem__(self, partition: aiokafka.TopicPartition, result: Any) -> None:
        """Keep a result of a fetch; errors are kept as they are."""
        if type(result) is FetchResult and type(result._partition_records) is PartitionRecords:
            result._partition_records.__class__ = _Records
        super().__setitem__(partition, result)


class Contexts(Sequence[Context]):
    """The contexts of messages, each made when its event begins its way: what no part keeps is gone again at once.

    Args:
        messages: What the client has handed over.
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

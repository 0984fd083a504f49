"""Messages as aiokafka hands them over, turned into a batch of events."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, overload

import aiokafka
from aiokafka.consumer.fetcher import FetchResult, PartitionRecords
from aiokafka.errors import CorruptRecordException

from ..abc import Batch, Context


def partition_name(partition: tuple[str, int]) -> str:
    """Return how a partition is called in positions: `topic:number`."""
    return f"{partition[0]}:{partition[1]}"


def named(name: str) -> aiokafka.TopicPartition:
    """Return the partition that `partition_name` has given this name."""
    topic, _, number = name.rpartition(":")
    return aiokafka.TopicPartition(topic, int(number))


class Message:
    """One message, with the attributes of aiokafka's `ConsumerRecord` at a fraction of its cost.

    One is made for every message there is, and many wait together for a barrier: it only refers to what was fetched.

    Args:
        place: Topic and number of the partition.
        record: The record as the client has unpacked it.
    """

    __slots__ = ("place", "record")

    def __init__(self, place: tuple[str, int], record: Any) -> None:
        """Refer to them."""
        self.place = place
        self.record = record

    topic = property(lambda self: self.place[0], doc="Of the partition.")
    partition = property(lambda self: self.place[1], doc="Its number.")
    offset = property(lambda self: self.record.offset, doc="Place in the partition.")
    key = property(lambda self: self.record.key, doc="Bytes or None.")
    value = property(lambda self: self.record.value, doc="Bytes or None.")
    headers = property(lambda self: tuple(self.record.headers), doc="Pairs of name and bytes.")
    timestamp = property(lambda self: self.record.timestamp, doc="Milliseconds since 1970.")
    timestamp_type = property(lambda self: self.record.timestamp_type, doc="0: the producer's time; 1: the broker's.")
    checksum = property(lambda self: None, doc="None: messages have none since Kafka 0.11, their batches do.")
    serialized_key_size = property(lambda self: _size(self.record.key), doc="Bytes of the key, -1 without one.")
    serialized_value_size = property(lambda self: _size(self.record.value), doc="Bytes of the value, -1 without one.")

    def __repr__(self) -> str:
        """Return place and key, not the value, which may be long."""
        return f"<Message {partition_name(self.place)} at {self.offset}, key {self.key!r}>"


def _size(text: bytes | None) -> int:
    return -1 if text is None else len(text)


class _Records(PartitionRecords):
    """What a fetch has brought of one partition, handed out as `Message`."""

    next_fetch_offset: int

    def __iter__(self) -> Iterator[Message]:
        messages: Iterator[Message] = self._records_iterator
        return messages

    def _messages(self) -> Iterator[Message]:
        """Unpack batches of which none was aborted; `next_fetch_offset` is always where to go on."""
        place, records = self._tp, self._records
        while records.has_next():
            batch = records.next_batch()
            if self._check_crcs and not batch.validate_crc():
                raise CorruptRecordException(f"{partition_name(place)}: a batch of messages has a wrong checksum")
            if not batch.is_control_batch:  # the marks of transactions are no messages
                first = self.next_fetch_offset  # within a compressed batch a fetch may begin before it
                for record in batch:
                    offset = record.offset
                    if offset >= first:
                        self.next_fetch_offset = offset + 1
                        yield Message(place, record)
            self.next_fetch_offset = batch.next_offset  # the last messages of a compacted batch may be missing

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
            records = result._partition_records
            records.__class__ = _Records
            if not records._aborted_transactions:
                records._records_iterator = records._messages()
        super().__setitem__(partition, result)


class Contexts(Sequence[Context]):
    """The contexts of messages, each made when its event begins its way: what no part keeps is gone again at once.

    Args:
        messages: What the client has handed over.
    """

    def __init__(self, messages: Sequence[Message]) -> None:
        """Make none yet."""
        self._messages = messages

    def __len__(self) -> int:
        """Return the number of messages."""
        return len(self._messages)

    def __iter__(self) -> Iterator[Context]:
        """Make them one by one."""
        for message in self._messages:
            record = message.record
            topic, partition = message.place
            yield {
                "kafka": message, "kafka_key": record.key, "kafka_headers": record.headers, "_kafka_topic": topic,
                "_kafka_partition": partition, "_kafka_offset": record.offset,
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


def batch(records: dict[aiokafka.TopicPartition, list[Message]]) -> Batch:
    """Return values, position and contexts of messages, in the order of each partition."""
    messages = (
        [message for part in records.values() for message in part] if len(records) > 1 else next(iter(records.values()))
    )
    position = {partition_name(partition): part[-1].record.offset + 1 for partition, part in records.items()}
    return Batch([message.record.value for message in messages], position, Contexts(messages))

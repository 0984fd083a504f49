"""Messages and their contexts, for whoever looks at them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from ..abc import RecordContext

Record = Any
"""A message as the client has unpacked it, in C: `offset`, `timestamp`, `key`, `value`, `headers`."""


def partition_name(partition: tuple[str, int]) -> str:
    """Return how a partition is called in positions: `topic:number`."""
    return f"{partition[0]}:{partition[1]}"


class Message:
    """One message, with the attributes of aiokafka's `ConsumerRecord` at a fraction of its cost.

    It only refers to what was fetched.

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


class KafkaContext(RecordContext):
    """The context of a message."""

    __slots__ = ()

    entries: ClassVar[Mapping[str, Callable[[KafkaContext], Any]]] = {
        "kafka": lambda context: Message(context.place, context.record),
        "kafka_key": lambda context: context.record.key,
        "kafka_headers": lambda context: context.record.headers,
        "_kafka_topic": lambda context: context.place[0],
        "_kafka_partition": lambda context: context.place[1],
        "_kafka_offset": lambda context: context.record.offset,
    }

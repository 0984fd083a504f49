"""What a fetch has brought, unpacked as aiokafka does it but faster; and the contexts of messages. No broker is needed."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.consumer.fetcher import FetchResult, PartitionRecords
from aiokafka.errors import CorruptRecordException
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.legacy_records import LegacyRecordBatchBuilder
from aiokafka.record.memory_records import MemoryRecords
from hypothesis import given
from hypothesis import strategies as some

from bspump_like.kafka.message import KafkaContext
from bspump_like.kafka.records import FetchedRecords, batch

PLACE = TopicPartition("t", 3)
GZIP = 1


class Assignment:
    """Where the consumer stands, as far as a FetchResult asks."""

    active = True
    paused = False

    def __init__(self, position: int) -> None:
        self.position = position

    def state_value(self, partition: TopicPartition) -> Assignment:
        return self

    def consumed_to(self, position: int) -> None:
        self.position = position


def batch_of(offset: int, count: int, compression: int = 0, gap: int = 0) -> bytes:
    """Return messages from an offset on; `gap` messages behind them have been compacted away."""
    builder = DefaultRecordBatchBuilder(2, compression, 0, -1, -1, 0, 1 << 20)
    for number in range(count):
        builder.append(number, 1000 + number, b"k%d" % number, b"v%d" % (offset + number), [("h", b"1")])
    made = bytearray(builder.build())
    made[:8] = offset.to_bytes(8, "big")  # neither is covered by the checksum
    if gap:
        made = bytearray(_with_last(made, count - 1 + gap))
    return bytes(made)


def _with_last(made: bytearray, last: int) -> bytes:
    """Set the distance of the last offset, which is behind the checksum."""
    from aiokafka.record.util import calc_crc32c_py

    made[23:27] = last.to_bytes(4, "big")
    made[17:21] = calc_crc32c_py(memoryview(made)[21:]).to_bytes(4, "big")
    return bytes(made)


def fetched(data: bytes, offset: int) -> tuple[FetchResult, FetchedRecords]:
    records = PartitionRecords(PLACE, MemoryRecords(data), [], offset, None, None, True, 0)
    result = FetchResult(PLACE, assignment=Assignment(offset), partition_records=records, backoff=0)
    kept = FetchedRecords()
    kept[PLACE] = result
    return result, kept


@given(
    parts=some.lists(
        some.tuples(some.integers(1, 9), some.sampled_from((0, GZIP)), some.integers(0, 3)), min_size=1, max_size=5
    ),
    start=some.integers(0, 12),
    most=some.integers(1, 12),
)
def test_messages_and_places_are_those_that_aiokafka_finds(
    parts: list[tuple[int, int, int]], start: int, most: int
) -> None:
    start = min(start, sum(count + gap for count, _, gap in parts) - 1)  # nothing is fetched from behind the end
    data, offset = b"", 0
    for count, compression, gap in parts:
        if offset + count + gap > start:  # brokers begin with the batch that has the place
            data += batch_of(offset, count, compression, gap)
        offset += count + gap
    result, kept = fetched(data, start)
    own = PartitionRecords(PLACE, MemoryRecords(data), [], start, None, None, True, 0)
    expected = [(record.offset, record.key, record.value) for record in own]
    found: list[Any] = []
    while result.has_more():
        taken = kept[PLACE].getall(most)
        assert len(taken) <= most
        found += taken
        if len(taken) == most:  # the next message is behind the last; where nothing is left, the place is behind all
            assert result._assignment.position == taken[-1].offset + 1
    assert [(record.offset, record.key, record.value) for record in found] == expected
    assert result._assignment.position == own.next_fetch_offset


def test_a_fetch_may_begin_within_a_batch_of_the_old_format() -> None:
    builder = LegacyRecordBatchBuilder(magic=1, compression_type=GZIP, batch_size=1 << 20)
    for number in range(5):
        builder.append(number, 1000, None, b"v%d" % number)
    data = bytearray(builder.build())
    data[:8] = (4).to_bytes(8, "big")  # as brokers do: the wrapper has the offset of the last
    result, _ = fetched(bytes(data), 3)
    assert [record.value for record in result.getall(10)] == [b"v3", b"v4"]


def test_messages_before_a_damaged_batch_come_first() -> None:
    damaged = bytearray(batch_of(3, 2))
    damaged[-1] ^= 1
    result, _ = fetched(batch_of(0, 3) + bytes(damaged), 0)
    assert [record.offset for record in result.getall(10)] == [0, 1, 2]
    assert not result.has_more()
    assert result._assignment.position == 3
    result, _ = fetched(bytes(damaged), 3)  # the next fetch
    with pytest.raises(CorruptRecordException, match="t:3: a batch of messages has a wrong checksum"):
        result.getall(10)


def test_what_was_fetched_for_an_assignment_that_is_over_is_thrown_away() -> None:
    result, _ = fetched(batch_of(0, 3), 0)
    result._assignment.active = False
    assert result.getall(10) == []
    assert not result.has_more()


def test_a_part_of_the_contexts_is_that_of_the_messages() -> None:
    one, _ = fetched(batch_of(0, 3), 0)
    other, _ = fetched(batch_of(7, 4), 7)
    made = batch({PLACE: one.getall(10), TopicPartition("u", 0): other.getall(10)})
    offsets = [0, 1, 2, 7, 8, 9, 10]
    assert made.position == {"t:3": 3, "u:0": 11}
    assert made.events == [b"v%d" % offset for offset in offsets]
    assert made.contexts is not None
    assert len(made.contexts) == 7
    for start in range(8):
        for stop in range(start, 8):
            assert [one["_kafka_offset"] for one in made.contexts[start:stop]] == offsets[start:stop]
    assert made.contexts[-1]["_kafka_topic"] == "u"
    with pytest.raises(IndexError):
        made.contexts[7]


# Contexts

ENTRIES = {
    "kafka_key": b"k0", "kafka_headers": [("h", b"1")], "_kafka_topic": "t", "_kafka_partition": 3, "_kafka_offset": 8,
}  # fmt: skip


@pytest.fixture
def context() -> KafkaContext:
    result, _ = fetched(batch_of(8, 1), 8)
    made = batch({PLACE: result.getall(1)}).contexts
    assert made is not None
    found = made[0]
    assert isinstance(found, KafkaContext)
    return found


def without_record(context: Any) -> dict[str, Any]:
    found = dict(context)
    message = found.pop("kafka")
    assert (message.topic, message.partition, message.offset, message.timestamp) == ("t", 3, 8, 1000)
    return found


@pytest.mark.parametrize(
    "read",
    [
        dict, copy.copy, lambda c: {**c}, lambda c: c | {}, lambda c: {} | c, lambda c: c.copy(), lambda c: dict(c.items()),
        lambda c: {key: c[key] for key in c}, lambda c: dict(zip(c.keys(), c.values(), strict=True)),
        lambda c: (lambda **given: given)(**c), lambda c: {key: c.get(key) for key in (*ENTRIES, "kafka")},
        lambda c: {key: c.pop(key) for key in list(c)}, lambda c: dict(c.popitem() for _ in range(6)),
        lambda c: {key: c.setdefault(key, 1) for key in (*ENTRIES, "kafka")}, lambda c: {key: c[key] for key in reversed(c)},
    ],
)  # fmt: skip
def test_a_context_has_its_entries_however_it_is_read(context: KafkaContext, read: Any) -> None:
    assert without_record(read(context)) == ENTRIES


def test_a_context_is_equal_to_the_dict_with_its_entries(context: KafkaContext) -> None:
    assert context == {**ENTRIES, "kafka": context["kafka"]}
    assert len(context) == 6


def test_a_context_keeps_what_is_written_over_an_entry(context: KafkaContext) -> None:
    context["kafka_key"] = None
    context["mine"] = 1
    assert context["kafka_key"] is None
    assert context.get("kafka_key", b"other") is None
    assert without_record(context) == {**ENTRIES, "kafka_key": None, "mine": 1}


@pytest.mark.parametrize("remove", [lambda c: c.pop("kafka_key"), lambda c: c.__delitem__("kafka_key")])
def test_what_is_removed_from_a_context_does_not_come_back(context: KafkaContext, remove: Any) -> None:
    remove(context)
    assert "kafka_key" not in context
    assert context.get("kafka_key") is None
    with pytest.raises(KeyError, match="kafka_key"):
        context["kafka_key"]


def test_a_cleared_context_is_empty(context: KafkaContext) -> None:
    context.clear()
    assert context == {}
    assert not context


def test_the_record_of_a_context_is_one_object(context: KafkaContext) -> None:
    assert context["kafka"] is context["kafka"]
    assert context["kafka"] is dict(context)["kafka"]


def test_a_context_knows_what_it_has_not(context: KafkaContext) -> None:
    assert "kafka" in context
    assert "es_index" not in context
    assert context.get("es_index", "x") == "x"
    with pytest.raises(KeyError, match="es_index"):
        context["es_index"]
    assert context  # it has entries

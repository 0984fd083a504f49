"""Messages as aiokafka hands them over, turned into a batch of events."""

from __future__ import annotations

import functools
import itertools
import weakref
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, overload

import aiokafka
from aiokafka.consumer.fetcher import FetchResult, PartitionRecords
from aiokafka.errors import CorruptRecordException
from aiokafka.record.default_records import DefaultRecordBatch

from ..abc import Batch, Context
from .message import KafkaContext, Record, partition_name


def named(name: str) -> aiokafka.TopicPartition:
    """Return the partition that `partition_name` has given this name."""
    topic, _, number = name.rpartition(":")
    return aiokafka.TopicPartition(topic, int(number))


class _Records(PartitionRecords):
    """What a fetch has brought of one partition, handed out as the client has unpacked it.

    Of topics without aborted transactions whole batches are unpacked at once, in C.
    """

    next_fetch_offset: int

    def unpack(self) -> None:
        """Begin to unpack by the batch."""
        self._behind = self.next_fetch_offset  # the place behind the batches that have been begun
        self._records_iterator: Iterator[Record] = itertools.chain.from_iterable(self._batches())

    def take(self, most: int | None) -> list[Record]:
        """Return the next records, fewer than `most` when there are no more; `next_fetch_offset` is where to go on then."""
        taken = list(itertools.islice(self._records_iterator, most))
        # Behind the last of all there may be marks of transactions, and places whose messages have been compacted away.
        self.next_fetch_offset = taken[-1].offset + 1 if len(taken) == most else self._behind
        return taken

    def _batches(self) -> Iterator[Iterable[Record]]:
        place, records, first = self._tp, self._records, self.next_fetch_offset
        is_first = True
        while records.has_next():
            batch = records.next_batch()
            if self._check_crcs and not batch.validate_crc():
                if not is_first:
                    return  # what is before it comes first; the next fetch begins here, and fails
                raise CorruptRecordException(f"{partition_name(place)}: a batch of messages has a wrong checksum")
            is_first = False
            self._behind = batch.next_offset
            if not batch.is_control_batch:  # the marks of transactions are no messages
                # A fetch may begin within a batch; those of Kafka before 0.11 do not say where they begin.
                is_whole = type(batch) is DefaultRecordBatch and batch.base_offset >= first
                yield batch if is_whole else [record for record in batch if record.offset >= first]

    def _consumer_record(self, tp: aiokafka.TopicPartition, record: Record) -> Record:
        return record


def _take(result: Any, most: int | None) -> list[Record]:
    """Do as `getall` of a FetchResult."""
    fetched = result()
    if fetched is None or not fetched.check_assignment(fetched._topic_partition) or not fetched.has_more():
        return []
    taken: list[Record] = fetched._partition_records.take(most)
    fetched._update_position()
    if most is None or len(taken) < most:
        fetched._partition_records = None
    return taken


class FetchedRecords(dict[aiokafka.TopicPartition, Any]):
    """The place where aiokafka's fetcher keeps what has come; lets `getmany` return records as they are unpacked.

    This is the only thing of the client that we change, on the instance that is ours: making records of its own, one by one,
    is most of what the client costs per message.
    """

    def __setitem__(self, partition: aiokafka.TopicPartition, result: Any) -> None:
        """Keep a result of a fetch; errors are kept as they are."""
        if type(result) is FetchResult and type(result._partition_records) is PartitionRecords:
            records = result._partition_records
            records.__class__ = _Records
            if not records._aborted_transactions:
                records.unpack()
                # Weakly: a cycle would hold what was fetched until the garbage collector comes by.
                result.getall = functools.partial(_take, weakref.ref(result))
        super().__setitem__(partition, result)


class Contexts(Sequence[Context]):
    """The contexts of messages, each made when its event begins its way: what no part keeps is gone again at once.

    Args:
        records: What the client has handed over, by partition.
    """

    def __init__(self, records: Mapping[aiokafka.TopicPartition, Sequence[Record]]) -> None:
        """Make none yet."""
        self._records = records

    def __len__(self) -> int:
        """Return the number of messages."""
        return sum(map(len, self._records.values()))

    def __iter__(self) -> Iterator[Context]:
        """Make them one by one."""
        new = KafkaContext
        for place, records in self._records.items():
            for record in records:
                context = new()  # without a constructor of its own, which would double what it takes
                context.place = place
                context.record = record
                yield context

    @overload
    def __getitem__(self, index: int) -> Context: ...

    @overload
    def __getitem__(self, index: slice) -> Contexts: ...

    def __getitem__(self, index: int | slice) -> Context | Contexts:
        """Make one, or those of a part."""
        if not isinstance(index, slice):
            number = range(len(self))[index]
            return next(iter(self[number : number + 1]))
        start, stop, step = index.indices(len(self))
        if step != 1:
            raise ValueError("a part of the contexts has no steps")
        parts, before = {}, 0
        for place, records in self._records.items():
            part = records[max(start - before, 0) : max(stop - before, 0)]
            before += len(records)
            if part:
                parts[place] = part
        return Contexts(parts)


def batch(records: Mapping[aiokafka.TopicPartition, Sequence[Record]]) -> Batch:
    """Return values, position and contexts of messages, in the order of each partition."""
    values = [record.value for part in records.values() for record in part]
    position = {partition_name(partition): part[-1].offset + 1 for partition, part in records.items()}
    return Batch(values, position, Contexts(records))

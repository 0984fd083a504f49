"""One membership in a group, or one set of partitions: what a KafkaSource runs between `connect` and `close`.

Replaced as a whole when the connection is lost. Rebalancing follows the rule: barrier and commit before letting go; what
was fetched under the old assignment is thrown away.
"""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import Collection, Coroutine, Iterable
from typing import TYPE_CHECKING, Any

import aiokafka
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError, OffsetOutOfRangeError

from ..abc import Batch, Position
from ..config import nearest
from ..errors import BSPumpError, ConnectionLost
from .message import partition_name
from .records import FetchedRecords, batch, named

if TYPE_CHECKING:
    from .connection import KafkaConnection
    from .source import KafkaSource

L = logging.getLogger(__name__)

_SILENCE = 8.0  # seconds without a message before the brokers are asked whether they are there
_ANSWER = 5.0  # seconds they have for small questions
_FLAP = 1.0  # seconds of backpressure before partitions are paused: pausing throws away what was fetched ahead
_NEVER = 2**31 - 1  # milliseconds


class Consumer(aiokafka.ConsumerRebalanceListener):
    """A running aiokafka consumer of one source.

    Args:
        source: Its options, its pipeline and its position.
        connection: How to reach the cluster.
    """

    def __init__(self, source: KafkaSource, connection: KafkaConnection) -> None:
        """Make the client; connect to nothing yet."""
        self._source = source
        self._connection = connection
        self._options = options = source.options
        self._paused = False
        self._moving = bool(options.group_id)  # between the loss of the old partitions and the place in the new ones
        self._assignments = 0
        self._failed: ConnectionLost | None = None
        self._fetching: asyncio.Timeout | None = None
        self._progress = self._heard = time.monotonic()
        self._committing: asyncio.Future[None] | None = None
        self._begun: dict[str, int] = {}  # where each partition stands at the broker when it is assigned
        self.membership = (-1, "")
        """Generation of the group when it gave us the partitions we have, and our name in it."""
        self.lost = False
        """True when partitions have moved away before what was read from them was durable and committed."""
        in_group = {}
        if options.group_id:
            in_group = {
                "group_id": options.group_id,
                "session_timeout_ms": options.session_timeout_ms,
                "heartbeat_interval_ms": min(options.heartbeat_interval_ms, options.session_timeout_ms // 3),
                "rebalance_timeout_ms": options.rebalance_timeout_ms,
                # Heartbeats run in the loop that processes: one that hangs sends none. A pipeline that waits keeps its place.
                "max_poll_interval_ms": _NEVER,
            }
        self._client = aiokafka.AIOKafkaConsumer(
            **connection.client_settings(),
            **in_group,
            client_id=options.client_id,
            enable_auto_commit=False,
            auto_offset_reset=options.auto_offset_reset,
            max_partition_fetch_bytes=options.max_partition_fetch_bytes,
            fetch_min_bytes=options.fetch_min_bytes,
            fetch_max_wait_ms=options.fetch_max_wait_ms,
            request_timeout_ms=options.request_timeout_ms,
            metadata_max_age_ms=options.metadata_max_age_ms,
            isolation_level=options.isolation_level,
        )

    async def start(self) -> None:
        """Connect and take partitions.

        Raises:
            ConnectionLost: The cluster cannot be reached, refuses us, or has no such topic.
        """
        try:
            async with asyncio.timeout(self._connection.options.connect_timeout):
                await self._client.start()
                self._client._fetcher._records = FetchedRecords()
                # `partitions_for_topic` of the consumer knows only what it has subscribed to.
                cluster = await self._client._client.fetch_all_metadata()
        except (KafkaError, OSError, TimeoutError) as error:
            raise await self._connection.why(error) from error
        known = cluster.topics()
        topics = [topic for topic in self._options.topic if not topic.startswith("^")]
        patterns = [topic for topic in self._options.topic if topic.startswith("^")]
        for topic in topics:
            name = topic.partition(":")[0]
            if name not in known:
                servers = self._connection.options.bootstrap_servers
                raise ConnectionLost(f"Kafka at {servers} has no topic '{name}'", hint=nearest(name, known))
        if patterns:
            patterns += [f"{re.escape(topic)}$" for topic in topics]
            pattern = f"(?!__)(?:{'|'.join(patterns)})"  # the cluster's own topics are nobody's data
            topics = sorted(topic for topic in known if re.match(pattern, topic))
        if self._options.group_id:
            self._client.subscribe(**({"pattern": pattern} if patterns else {"topics": topics}), listener=self)
            return
        partitions = [tp for topic in topics for tp in self._partitions_of(topic, cluster) if self._is_ours(tp)]
        self._client.assign(partitions)
        try:
            await self._go_to_positions(partitions)
        except KafkaError as error:
            raise await self._connection.why(error) from error

    def _is_ours(self, partition: aiokafka.TopicPartition) -> bool:
        return self._source.belongs_to(partition_name(partition), self._source.worker)

    def _partitions_of(self, topic: str, cluster: Any) -> list[aiokafka.TopicPartition]:
        topic, _, number = topic.partition(":")
        if number:
            return [aiokafka.TopicPartition(topic, int(number))]
        numbers = self._options.user_defined_partitions or sorted(cluster.partitions_for_topic(topic) or ())
        return [aiokafka.TopicPartition(topic, one) for one in numbers]

    async def _go_to_positions(self, partitions: Iterable[aiokafka.TopicPartition]) -> None:
        """Seek to where we stand, or to where to start at when there is no such place.

        That is the stored position, where the store knows best; else the place behind what this process has handed over,
        unless the group has come further; else what is committed. A first place at the end or at a time is made
        durable at once: what comes between it and a crash must not be skipped by looking for it anew.
        """
        position = self._source.position
        unplaced = []
        for partition in partitions:
            name = partition_name(partition)
            committed = await self._client.committed(partition) if self._options.group_id else None
            known = position.get(name)
            self._begun[name] = -1 if committed is None else committed
            if known is not None and (self._source.keeps_positions or committed is None or known > committed):
                self._client.seek(partition, known)
            elif committed is None:
                unplaced.append(partition)
        if not unplaced or (not self._options.start_at and self._options.auto_offset_reset == "earliest"):
            return
        places = dict.fromkeys(unplaced)
        if self._options.start_at:
            moment = int(self._options.start_at.timestamp() * 1000)
            found = await self._client.offsets_for_times(dict.fromkeys(unplaced, moment))
            places = {tp: found[tp].offset if found.get(tp) is not None else None for tp in unplaced}
        ends = await self._client.end_offsets(unplaced)
        places = {tp: ends[tp] if offset is None else offset for tp, offset in places.items()}
        for partition, offset in places.items():
            self._client.seek(partition, offset)
        first = {partition_name(tp): offset for tp, offset in places.items()}
        position.update(first)
        self._source.Pipeline.committer.accept(self._source, first, 0)

    # Reading

    async def read(self) -> Batch:
        """Return the next messages; see `ReaderSource.read`."""
        pipeline = self._source.Pipeline
        while True:
            if self._failed is not None:
                raise self._failed
            assignment = self._assignments
            records = await self._fetch()
            if not records:
                await self._listen()
                continue
            self._progress = self._heard = time.monotonic()
            if not pipeline.has_room():
                await self.idle_until(pipeline.room())
                if assignment != self._assignments or self._failed is not None:
                    continue  # whoever has the partitions now, perhaps we, reads these again
            return batch(records)

    async def _fetch(self) -> dict[aiokafka.TopicPartition, list[Any]]:
        """Return messages, or none when there are none for a while; while partitions move there are none."""
        wait = min(self._options.get_timeout_ms / 1000, _SILENCE, self._options.stall_timeout / 2)
        try:
            # The client's own limit does not hold while it waits for an assignment.
            async with asyncio.timeout(wait + 1) as self._fetching:
                records: dict[aiokafka.TopicPartition, list[Any]] = await self._client.getmany(
                    timeout_ms=int(wait * 1000), max_records=self._options.event_block_size
                )
        except TimeoutError:
            return {}
        except OffsetOutOfRangeError as error:
            raise ConnectionLost("the position is no longer in the topic", detail=str(error)) from error
        except (KafkaError, OSError) as error:
            raise await self._connection.why(error) from error
        finally:
            self._fetching = None
        return records

    def fail(self, error: ConnectionLost) -> None:
        """Let `read` raise an error, at once."""
        self._failed = error
        if self._fetching is not None and not self._fetching.expired():
            self._fetching.reschedule(0)

    async def idle_until(self, room: Coroutine[Any, Any, None]) -> None:
        """Wait for `room`, with the partitions paused if it takes long, so that the client goes on without fetching."""
        waiting = asyncio.ensure_future(room)
        try:
            await asyncio.wait({waiting}, timeout=_FLAP)
            while not waiting.done():
                self._paused = True
                self._client.pause(*self._client.assignment())
                await self._client.getmany(timeout_ms=0)  # nothing comes; errors of the group do
                await asyncio.wait({waiting}, timeout=_FLAP)
        except (KafkaError, OSError) as error:
            raise await self._connection.why(error) from error
        finally:
            waiting.cancel()
            self._progress = time.monotonic()
            if self._paused:
                self._paused = False
                if not self._moving:
                    self._client.resume(*(self._client.paused() & self._client.assignment()))

    async def _listen(self) -> None:
        """Say when the brokers have gone; rebuild the client when there are messages and none has come for a while.

        aiokafka waits for brokers without a word, and clients that fall silent are known.
        """
        now = time.monotonic()
        if now - self._heard < _SILENCE and now - self._progress < self._options.stall_timeout:
            return
        try:
            async with asyncio.timeout(_ANSWER):
                behind = await self._behind()
        except (KafkaError, OSError, TimeoutError) as error:
            reason = await self._connection.why(error)
            if now - self._progress >= self._options.stall_timeout:
                raise reason from error
            self._source.say(reason)
            return
        self._heard = time.monotonic()
        self._source.Pipeline.report_available(self._source)
        stuck = {name: count for name, count in behind.items() if count > 0}
        if not stuck:
            self._progress = self._heard
        elif now - self._progress >= self._options.stall_timeout:
            raise ConnectionLost(
                f"no message for {self._options.stall_timeout:.0f} s, though there are some", detail=str(stuck),
                hint="the client is rebuilt",
            )  # fmt: skip

    async def _behind(self) -> dict[str, int]:
        """Ask the brokers how many messages each partition has that were not read yet."""
        partitions = self._client.assignment()
        if not partitions:
            await self._client.topics()  # they shall answer in any case
            return {}
        ends = await self._client.end_offsets(partitions)
        return {partition_name(tp): max(0, end - await self._client.position(tp)) for tp, end in ends.items()}

    async def lag(self) -> dict[str, int]:
        """Return partition -> messages that are there and not read yet, as the brokers say now.

        Raises:
            ConnectionLost: They do not answer.
        """
        try:
            async with asyncio.timeout(_ANSWER):
                return await self._behind()
        except (KafkaError, OSError, TimeoutError) as error:
            raise ConnectionLost("the lag is not known", detail=str(error) or "no answer in time") from error

    # Committing

    def owns(self, names: Collection[str]) -> bool:
        """Tell whether these partitions are ours, and have been since they were read."""
        return not self.lost and self._failed is None and {named(name) for name in names} <= self._client.assignment()

    async def commit(self, position: Position) -> None:
        """Commit offsets of the partitions that are ours.

        Raises:
            ConnectionLost: The broker cannot be told; the next barrier will.
        """
        ours = self._client.assignment()
        # A late barrier may cover a partition that went away and came back: never commit behind where it began.
        offsets = {
            named(name): offset
            for name, offset in position.items()
            if offset is not None and offset > self._begun.get(name, offset) and named(name) in ours
        }
        if not offsets:
            return
        if self._committing is not None and not self._committing.done():
            raise ConnectionLost("cannot commit offsets", detail="the last commit has had no answer yet")
        # Not cancelled when the time is over: the client shields its request, and nobody would see how that ended.
        self._committing = asyncio.ensure_future(self._client.commit(offsets))
        self._committing.add_done_callback(lambda task: task.cancelled() or task.exception())
        await asyncio.wait({self._committing}, timeout=self._connection.options.connect_timeout)
        if not self._committing.done():
            raise ConnectionLost("cannot commit offsets", detail="no answer in time")
        try:
            self._committing.result()
        except (CommitFailedError, IllegalStateError) as error:
            L.info("%s: the group has moved on before a commit: %s", self._source.locate_address(), error)
        except KafkaError as error:
            raise ConnectionLost("cannot commit offsets", detail=str(error)) from error

    async def confirm(self, position: Position) -> None:
        """Wait until the group's offsets show a position that a transaction has committed.

        The coordinator says that a transaction is committed before the offsets in it can be seen, and whoever takes over a
        partition must not begin at the old ones.
        """
        try:
            async with asyncio.timeout(self._connection.options.connect_timeout):
                for name, offset in position.items():
                    while (await self._client.committed(named(name)) or 0) < offset:  # noqa: ASYNC110 - the server never tells
                        await asyncio.sleep(0.02)
        except (KafkaError, TimeoutError) as error:
            L.warning(
                "%s: cannot see the committed offsets: %s",
                self._source.locate_address(),
                str(error) or "no answer in time",
            )

    async def stop(self) -> None:
        """Leave the group and close the sockets."""
        try:
            async with asyncio.timeout(self._connection.options.connect_timeout):
                await self._client.stop()
        except (KafkaError, OSError, TimeoutError) as error:
            L.info("%s: while closing: %s", self._source.locate_address(), error)

    # The group; aiokafka awaits these in the midst of a rebalance, while heartbeats go on

    async def on_partitions_revoked(self, revoked: Collection[aiokafka.TopicPartition]) -> None:
        """Make everything read so far durable and commit it, before others read on from there."""
        self._moving = True
        self._assignments += 1
        if not revoked:
            return
        names = [partition_name(tp) for tp in revoked]
        try:
            await self._source.Pipeline.committer.commit_within(self._options.rebalance_timeout_ms / 1000 * 0.7)
        except BSPumpError as error:
            self.lost = True
            L.warning(
                "%s: partitions move away before all that was read is durable (%s); it will be read again",
                self._source.locate_address(), error,
            )  # fmt: skip
        else:
            await self._source.before_letting_go(names)
        self._source.Pipeline.committer.forget(self._source, names)

    async def on_partitions_assigned(self, assigned: Collection[aiokafka.TopicPartition]) -> None:
        """Begin at the position of the new partitions; nothing is read from them before."""
        self._client.pause(*assigned)
        coordinator = self._client._coordinator
        self.membership = (coordinator.generation, coordinator.member_id)
        self._begun.clear()
        try:
            await self._go_to_positions(assigned)
        except Exception as error:  # raised by `read`: aiokafka would go on as if nothing had happened
            self.fail(ConnectionLost("cannot take partitions", detail=str(error) or type(error).__name__))
        self._moving = False
        if not self._paused:
            self._client.resume(*assigned)

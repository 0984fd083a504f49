"""The running producer of one KafkaSink: batches per partition, sent by one task, tried again until they are acknowledged."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable
from typing import TYPE_CHECKING, Any, TypeVar

import aiokafka
from aiokafka.errors import (
    InvalidTimestampError,
    KafkaError,
    MessageSizeTooLargeError,
    RecordListTooLargeError,
    RecordTooLargeError,
    UnknownError,
)

from ..abc import Backoff, Context
from ..errors import BSPumpError, ConnectionLost, DeliveryError, ProcessingError
from .lane import NO_HEADERS, Lane, SentBatch
from .partitioner import Partitioner, Place

if TYPE_CHECKING:
    from .connection import KafkaConnection
    from .sink import KafkaSink

L = logging.getLogger(__name__)

_REFUSED = (MessageSizeTooLargeError, RecordListTooLargeError, RecordTooLargeError, InvalidTimestampError)
_UNKNOWN_TRIES = 4  # aiokafka has no name for some refusals: a compacted topic wants keys, for instance
_SILENCE = 8.0  # seconds without an acknowledgement before the reason is looked for
_CLOSE_TIMEOUT = 5.0
_REMEMBERED = 100_000  # keys
# Batches that may wait, for each partition that has any: one on its way, one to follow it, one for luck. More would bring
# nothing but memory, whose events are no longer in the processor's cache when they are let go.
_AHEAD = 3

Answer = TypeVar("Answer")


class Producer:
    """Sends what a KafkaSink was handed.

    Args:
        sink: Its options and its pipeline.
        connection: How to reach the cluster.
    """

    def __init__(self, sink: KafkaSink, connection: KafkaConnection) -> None:
        """Make no client yet."""
        self._sink = sink
        self._connection = connection
        self._options = sink.options
        self._client: Any = None
        self._partitioners: dict[str, Partitioner] = {}
        self.lanes: dict[bytes | None, Lane] = {}
        """Where messages for the configured topic go, by their key; those that were looked for already."""
        self._places: dict[Place, Lane] = {}
        self._unplaced: dict[str, deque[tuple[bytes | None, bytes | None, Context]]] = {}  # partitions not known yet
        self._placed = asyncio.Event()
        self._placed.set()
        self._senders: set[asyncio.Task[None]] = set()
        self._waiting = 0  # batches
        self._busy = 0  # lanes that have any
        self._unknown = asyncio.Event()  # there are messages for a topic whose partitions are not known
        self._connecting: asyncio.Task[None] | None = None
        self._renewing = asyncio.Lock()
        self._throttled = False
        self.ready = asyncio.Event()
        """Set while there is a client."""

    # The event path

    def add(self, topic: str, key: bytes | None, value: bytes | None, context: Context) -> None:
        """Put one message into the batch of its partition."""
        lane = self.lane(topic, key)
        if lane is None:
            self._unplaced.setdefault(topic, deque()).append((key, value, context))
            self._placed.clear()
            self._unknown.set()
        else:
            self.put(lane, key, value, context)

    def lane(self, topic: str, key: bytes | None) -> Lane | None:
        """Return where a message goes; None while the partitions of its topic are not known."""
        partitioner = self._partitioners.get(topic)
        if partitioner is None:
            return None
        place = partitioner.place(key)
        lane = self._places.get(place)
        if lane is None:
            lane = self._places[place] = Lane(place)
        if topic == self._options.topic:
            if len(self.lanes) >= _REMEMBERED:
                self.lanes.clear()
            self.lanes[key] = lane
        return lane

    def put(self, lane: Lane, key: bytes | None, value: bytes | None, context: Context) -> None:
        """Put one message into the open batch of a lane; into a new one if it is full."""
        given = context.get("kafka_headers")
        headers = list(given) if given else NO_HEADERS
        if lane.append(len(lane.contexts), None, key, value, headers) is None:
            # A batch takes its first message whatever its size; the broker says whether that is too large.
            self._submit(lane)
            lane.open(self._client.create_batch())
            lane.append(0, None, key, value, headers)
        lane.contexts.append(context)

    def _submit(self, lane: Lane) -> None:
        batch = lane.close()
        if batch is None:
            return
        if self._partitioners[lane.place[0]].turn(lane.place):
            self.lanes.pop(None, None)  # messages without a key go to the next partition now
        lane.sending.append(batch)
        self._waiting += 1
        if len(lane.sending) == 1:
            self._busy += 1
            task = self._sink.Pipeline.start_service(self._send_in_order(lane.place, lane.sending), self._sink)
            self._senders.add(task)
            task.add_done_callback(self._senders.discard)
        if not self._throttled and self._waiting > min(_AHEAD * self._busy, self._options.output_queue_max_size):
            self._throttled = True
            self._sink.Pipeline.throttle(self._sink)

    # Delivery

    async def flush(self) -> None:
        """Send what is open, and wait until everything that was handed over before is acknowledged."""
        await self._placed.wait()
        lanes = list(self._places.values())
        for lane in lanes:
            self._submit(lane)
        self._grow()
        last = [lane.sending[-1] for lane in lanes if lane.sending]
        for batch in last:
            if batch.settled is None:
                batch.settled = self._sink.Loop.create_future()
        if last:
            await asyncio.wait([batch.settled for batch in last if batch.settled is not None])

    def _grow(self) -> None:
        """Use the partitions that topics have got since."""
        for topic, partitioner in self._partitioners.items():
            count = len(self._client.client.cluster.partitions_for_topic(topic) or ())
            if count > partitioner.count:
                self._partitioners[topic] = Partitioner(topic, count)
                self.lanes.clear()

    async def _send_in_order(self, place: Place, queue: deque[SentBatch]) -> None:
        """Send the batches of one partition, one after the other, each until it is acknowledged."""
        backoff = Backoff(0.2, self._options.reconnect_delay_max)
        while queue:
            batch = queue[0]
            client = self._client
            try:
                await self.patiently(self._send(client, place, batch))
            except (KafkaError, OSError, TimeoutError) as error:
                if isinstance(error, _REFUSED) or (
                    isinstance(error, UnknownError) and backoff.failures >= _UNKNOWN_TRIES
                ):
                    self._take_back_numbers(client, place, batch)
                    self._halve(place, queue, str(error))
                    continue
                if self._give_up(error):
                    return
                self._say(await self._connection.why(error))
                await asyncio.sleep(backoff.next())
                if not getattr(error, "retriable", True):
                    await self._renew(client)
                batch.builder = self._built(batch.messages())
                continue
            backoff.reset()
            self._sink.Pipeline.report_available(self._sink)
            queue.popleft()
            self._busy -= not queue
            self._done(batch)

    async def _send(self, client: Any, place: Place, batch: SentBatch) -> None:
        acknowledged = await client.send_batch(batch.builder, place[0], partition=place[1])
        await acknowledged

    async def patiently(self, answer: Awaitable[Answer]) -> Answer:
        """Wait for the brokers, who may take long; say why when they take very long: aiokafka waits without a word."""
        task = asyncio.ensure_future(answer)
        try:
            while not (await asyncio.wait({task}, timeout=_SILENCE))[0]:
                self._say(await self._connection.why(TimeoutError()))
        finally:
            task.cancel()
        return await task

    def _give_up(self, error: BaseException) -> bool:
        """Tell whether trying again is in vain."""
        return False

    def _done(self, batch: SentBatch) -> None:
        self._waiting -= 1
        if batch.settled is not None and not batch.settled.done():
            batch.settled.set_result(None)
        if self._throttled and self._waiting <= min(self._busy, self._options.output_queue_max_size // 2):
            self._throttled = False
            self._sink.Pipeline.throttle(self._sink, False)

    def _built(self, messages: list[Any]) -> Any:
        builder = self._client.create_batch()
        for message in messages:
            builder.append(timestamp=message.timestamp, key=message.key, value=message.value, headers=message.headers)
        return builder

    def _halve(self, place: Place, queue: deque[SentBatch], reason: str) -> None:
        """Replace a batch that the broker refuses by two halves; refuse a message that it refuses alone."""
        whole = queue[0]
        messages = whole.messages()
        if len(messages) == 1:
            queue.popleft()
            self._busy -= not queue
            value = messages[0].value
            error = ProcessingError(
                f"topic '{place[0]}' does not take a message of {len(value or b'')} bytes", detail=reason
            )
            self._sink.Pipeline.reject(self._sink, whole.contexts[0], value, error)
            self._done(whole)
            return
        middle = len(messages) // 2
        queue.appendleft(SentBatch(self._built(messages[:middle]), whole.contexts[:middle]))
        whole.builder, whole.contexts = self._built(messages[middle:]), whole.contexts[middle:]
        self._waiting += 1

    def _take_back_numbers(self, client: Any, place: Place, batch: SentBatch) -> None:
        """Number the next messages as if the refused ones had never been: aiokafka leaves a gap, which brokers do not take.

        Numbers are those of the idempotent producer (KIP-98); one batch of a partition is under way at a time.
        """
        if client._txn_manager is not None:
            client._txn_manager.increment_sequence_number(aiokafka.TopicPartition(*place), -len(batch.contexts))

    def _say(self, error: BSPumpError) -> None:
        if self._sink.Pipeline.report_unavailable(self._sink, error):
            L.warning("%s: %s; trying again, nothing is lost", self._sink.locate_address(), error)

    # Connecting

    def start(self) -> None:
        """Begin to connect."""
        self._connecting = self._sink.Pipeline.start_service(self._connect_and_place(), self._sink)

    async def _connect_and_place(self) -> None:
        await self._connect()
        topic = self._options.topic
        if topic != "unconfigured" and topic.constant:
            await self._learn(topic)
        backoff = Backoff(self._options.reconnect_delay, self._options.reconnect_delay_max)
        while True:
            await self._unknown.wait()
            await self.ready.wait()
            self._unknown.clear()
            for topic in list(self._unplaced):
                await self._learn(topic)
            if self._unplaced:
                self._unknown.set()
                await asyncio.sleep(backoff.next())
            else:
                backoff.reset()

    async def _connect(self) -> None:
        """Make a client; returns when it is connected."""
        backoff = Backoff(self._options.reconnect_delay, self._options.reconnect_delay_max)
        while True:
            try:
                self._client = await self._new_client()
                break
            except ConnectionLost as error:
                self._say(error)
                await asyncio.sleep(backoff.next())
        self._sink.Pipeline.report_available(self._sink)
        self.ready.set()

    async def _renew(self, old: Any) -> None:
        """Replace a client that brokers do not listen to any more; what others wait for is sent by the old one."""
        async with self._renewing:
            if self._client is old:
                await self._connect()
                await self._close(old)

    def _client_settings(self) -> dict[str, Any]:
        options = self._options
        return {
            **self._connection.client_settings(),
            "client_id": options.client_id,
            "acks": "all" if options.acks == "all" or options.enable_idempotence else 1,
            "enable_idempotence": options.enable_idempotence,
            "compression_type": _compression(self._connection.options.compression_type),
            "max_batch_size": options.max_batch_size,
            "max_request_size": max(options.max_request_size, options.max_batch_size),
            "request_timeout_ms": options.request_timeout_ms,
        }

    async def _new_client(self) -> Any:
        client = aiokafka.AIOKafkaProducer(**self._client_settings())
        try:
            async with asyncio.timeout(self._connection.options.connect_timeout):
                await client.start()
        except (KafkaError, OSError, TimeoutError) as error:
            await client.stop()
            raise await self._connection.why(error) from error
        except BaseException:
            await client.stop()
            raise
        return client

    async def _learn(self, topic: str) -> None:
        """Find out the partitions of a topic, and put the messages that waited for it into batches, in the same step."""
        try:
            async with asyncio.timeout(_CLOSE_TIMEOUT):
                # `partitions_for` waits for a topic that is missing; this tells.
                cluster = await self._client.client.fetch_all_metadata()
                partitions = cluster.partitions_for_topic(topic)
        except (KafkaError, OSError, TimeoutError) as error:
            partitions, reason = None, error
        else:
            reason = None
        if partitions:
            self._partitioners[topic] = Partitioner(topic, len(partitions))
            for key, value, context in self._unplaced.pop(topic, ()):
                self.add(topic, key, value, context)
            if not self._unplaced:
                self._placed.set()
            return
        if isinstance(reason, TimeoutError):
            self._say(await self._connection.why(reason))
            return
        servers = self._connection.options.bootstrap_servers
        self._say(
            DeliveryError(
                f"Kafka at {servers} does not take messages for topic '{topic}'",
                detail=str(reason or "there is no such topic"), hint="create it, for instance with KafkaTopicInitializer",
            )
        )  # fmt: skip

    async def stop(self) -> None:
        """Close the client; what is not acknowledged is not committed either, and will be read again."""
        tasks = self._senders | ({self._connecting} if self._connecting is not None else set())
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        if self._client is not None:
            await self._close(self._client)

    async def _close(self, client: Any) -> None:
        try:
            async with asyncio.timeout(_CLOSE_TIMEOUT):
                await client.stop()
        except (KafkaError, OSError, TimeoutError) as error:
            L.info("%s: while closing: %s", self._sink.locate_address(), str(error) or "no answer in time")
            await client.client.close()


def _compression(name: str) -> str | None:
    return name if name not in ("", "none") else None

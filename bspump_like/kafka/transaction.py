"""Exactly once from Kafka to Kafka: what a barrier covers and the offsets of its input in one transaction (KIP-98, KIP-447).

The input waits from the beginning of a barrier to the end of its transaction, so that a transaction holds exactly the
events before the barrier. A transaction that fails is abandoned as a whole: its messages are aborted, the sources go back to
the offsets that are committed, and a new client makes them again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from aiokafka.errors import KafkaError

from ..abc import Position, Source
from ..errors import ConfigError
from .fencing import fence
from .producer import Producer
from .records import named
from .source import KafkaSource

if TYPE_CHECKING:
    from .connection import KafkaConnection
    from .sink import KafkaSink

L = logging.getLogger(__name__)


class TransactionalProducer(Producer):
    """Sends what a KafkaSink was handed in transactions, one for each barrier.

    Args:
        sink: Its options and its pipeline.
        connection: How to reach the cluster.
    """

    def __init__(self, sink: KafkaSink, connection: KafkaConnection) -> None:
        """Check that the pipeline can keep the promise.

        Raises:
            ConfigError: It cannot; says why.
        """
        super().__init__(sink, connection)
        self._failure: BaseException | None = None
        self.committed: dict[Source, dict[str, Any]] = {}
        """The last committed offsets of each source."""
        self._sources = _sources_of(sink, connection)
        for source in self._sources:
            source.transaction = sink

    def _client_settings(self) -> dict[str, Any]:
        return {
            **super()._client_settings(),
            "acks": "all",
            "enable_idempotence": True,
            "transactional_id": self._sink.transactional_id,
            "transaction_timeout_ms": self._options.transaction_timeout_ms,
        }

    async def _new_client(self) -> Any:
        client = await super()._new_client()
        fence(client, self._sources[0].membership)
        await client.begin_transaction()  # the broker hears of it with the first message
        return client

    def _give_up(self, error: BaseException) -> bool:
        """Give up the transaction when its producer cannot go on; `commit` abandons it."""
        if getattr(error, "retriable", True):
            return False
        self._fail(error)
        return True

    def _fail(self, error: BaseException) -> None:
        self._failure = self._failure or error
        for lane in self._places.values():
            while lane.sending:
                self._busy -= len(lane.sending) == 1
                self._done(lane.sending.popleft())

    async def commit(self, positions: Mapping[Source, Position]) -> None:
        """End the transaction that is open and begin the next.

        Args:
            positions: Where each source stands.
        """
        offsets = {}
        for source, position in positions.items():
            if not isinstance(source, KafkaSource):
                continue
            if not source.owns(position):
                await self._abandon("partitions have moved away with events under way")
                return
            offsets.update({named(name): offset for name, offset in position.items() if offset is not None})
        try:
            if self._failure is None:
                await self.patiently(self._end(offsets))
        except KafkaError as error:
            self._failure = error
        if self._failure is not None:
            reason = str(self._failure) or type(self._failure).__name__
            await self._abandon(f"the transaction '{self._sink.transactional_id}' has failed: {reason}")
            return
        for source, position in positions.items():
            self.committed.setdefault(source, {}).update(position)

    async def _end(self, offsets: Mapping[Any, int]) -> None:
        if offsets:
            await self._client.send_offsets_to_transaction(dict(offsets), self._sources[0].options.group_id)
        await self._client.commit_transaction()
        await self._client.begin_transaction()

    async def _abandon(self, reason: str) -> None:
        """Leave nothing of the transaction, and let the sources read its input again."""
        L.warning("%s: %s; nothing of it counts, its input is read again", self._sink.locate_address(), reason)
        for sender in set(self._senders):
            sender.cancel()
        if self._senders:
            await asyncio.wait(self._senders)
        self._fail(asyncio.CancelledError())
        self._failure = None
        self._places.clear()
        self.lanes.clear()
        self._unplaced.clear()
        self._placed.set()
        self._partitioners.clear()  # what comes now waits for the new client
        self.ready.clear()
        for source in self._sources:
            source.begin_again(reason)
        old, self._client = self._client, None
        await self._close(old)
        # A new client with the same name makes the coordinator abort what the old one has left open.
        await self._connect()


def _sources_of(sink: KafkaSink, connection: KafkaConnection) -> list[KafkaSource]:
    """Return the sources whose offsets go into the transactions.

    Raises:
        ConfigError: A part of the pipeline cannot be undone together with a transaction.
    """
    pipeline, where = sink.Pipeline, sink.locate_address()
    sources = [source for source in pipeline.Sources if isinstance(source, KafkaSource)]
    for source in pipeline.Sources:
        if source not in sources or not source.options.group_id:
            raise ConfigError(
                f"{where} delivers exactly once, but {source.Id} is no KafkaSource with a group_id",
                hint="only offsets of a consumer group can be part of a transaction; use at_least_once",
            )
        if source._connection is not connection:
            raise ConfigError(
                f"{where} delivers exactly once, but {source.Id} has another connection",
                hint="a transaction does not reach beyond one cluster; use at_least_once",
            )
        if source.options.positions == "store":
            raise ConfigError(
                f"{where} delivers exactly once, but {source.Id} resumes from the store",
                hint="with positions: broker, the offsets in the transaction say where to resume",
            )
    if len(sources) > 1:
        raise ConfigError(
            f"{where} delivers exactly once, but there are {len(sources)} sources",
            hint="a transaction has the offsets of one member of a group; one source can read several topics",
        )
    if pipeline.has_state():
        raise ConfigError(
            f"{where} delivers exactly once, but a part of the pipeline keeps state in our store",
            hint="the store and Kafka cannot commit as one; use at_least_once",
        )
    others = [part for part in pipeline.iter_processors() if getattr(part, "transactional", False) and part is not sink]
    if others:
        raise ConfigError(f"{where} and {others[0].Id} both deliver exactly once", hint="one transaction has one sink")
    return sources

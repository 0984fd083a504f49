"""Documents that code of one's own hands to a connection, without a sink: `consume`, `flush`, `enqueue`."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from ..abc import Backoff
from ..errors import ConnectionLost
from .feeder import with_index

if TYPE_CHECKING:
    from .bulk import ElasticSearchBulk, Failure
    from .connection import ElasticSearchConnection

L = logging.getLogger(__name__)


class Outbox:
    """Bulks of one connection on their way; each index has a line of its own, so its documents keep their order.

    What the cluster cannot take now is tried again, for ever. What it will never take is logged with the reason and counted as
    `fail` of the metric `elasticsearch.insert`: there is no pipeline whose dead letters could keep it.

    Args:
        connection: The cluster.
    """

    def __init__(self, connection: ElasticSearchConnection) -> None:
        """Begin with nothing to send."""
        self._connection = connection
        self._bulks: dict[tuple[str, type[ElasticSearchBulk]], ElasticSearchBulk] = {}
        self._born: dict[ElasticSearchBulk, float] = {}
        self._lines: list[_Line] = []
        self._paused = False
        metrics: Any = connection.App.get_service("asab.MetricsService")
        self._counter = metrics and metrics.create_counter(
            "elasticsearch.insert", tags={"connection": connection.Id}, init_values={"ok": 0, "fail": 0}
        )

    @property
    def waiting(self) -> int:
        """Return how many bulks are queued or on their way."""
        return sum(len(line.queue) for line in self._lines)

    def consume(self, index: str, lines: Iterable[bytes], bulk_class: type[ElasticSearchBulk]) -> None:
        """Take one document as a feeder yields it."""
        key = (index, bulk_class)
        bulk = self._bulks.get(key)
        if bulk is None:
            bulk = self._bulks[key] = bulk_class(self._connection, index, self._connection.options.bulk_out_max_size)
            self._born[bulk] = self._connection.App.time()
        if bulk.consume(with_index(lines, index), {}, None):
            self.enqueue(self._bulks.pop(key))

    def flush(self, forced: bool) -> None:
        """Send bulks that are old enough; all of them when `forced`."""
        latest = self._connection.App.time() - self._connection.options.max_bulk_age
        for key, bulk in list(self._bulks.items()):
            if forced or self._born[bulk] <= latest:
                self.enqueue(self._bulks.pop(key))

    def enqueue(self, bulk: ElasticSearchBulk) -> None:
        """Send a bulk."""
        self._born.pop(bulk, None)
        if not self._lines:
            self._lines = [_Line(self) for _ in range(self._connection.loaders)]
        self._lines[hash(bulk.Index) % len(self._lines)].put(bulk)
        self._pause(self.waiting >= self._connection.options.output_queue_max_size)

    async def drained(self) -> None:
        """Wait until everything that was taken before this call is stored, or refused for good."""
        self.flush(True)
        await asyncio.gather(*(line.drained() for line in self._lines))

    async def stop(self, seconds: float) -> None:
        """Send what there is, and give up after so many seconds."""
        try:
            async with asyncio.timeout(seconds):
                await self.drained()
        except TimeoutError:
            left = sum(len(bulk.documents) for line in self._lines for bulk in line.queue)
            L.error("connection %s: %d documents could not be stored before the end", self._connection.Id, left)
        finally:
            for line in self._lines:
                await line.stop()

    def settle(self, stored: int, refused: list[Failure]) -> None:
        """Count the documents of one answer, and say which were refused."""
        if self._counter:
            self._counter.add("ok", stored)
            self._counter.add("fail", len(refused))
        for failure in refused[: self._connection.options.fail_log_max_size]:
            L.error("connection %s: a document is refused with %d: %s", self._connection.Id, *failure[1:])
        self._pause(self._paused and self.waiting > self._connection.options.output_queue_max_size // 2)

    def _pause(self, on: bool) -> None:
        if on != self._paused:
            self._paused = on
            event = f"ElasticSearchConnection.{'pause' if on else 'unpause'}!"
            self._connection.App.PubSub.publish(event, self._connection)

    async def upload(self, bulk: ElasticSearchBulk) -> None:
        """Send a bulk until each of its documents is settled."""
        from .connection import Refused

        options = self._connection.options
        backoff, said = Backoff(options.reconnect_delay, options.reconnect_delay_max), ""
        while bulk.documents:
            count, trouble = len(bulk.documents), ""
            try:
                busy = await bulk.upload()
                trouble = f"{len(busy)} documents are refused for now with {busy[0].status}" if busy else ""
            except (Refused, ConnectionLost) as error:
                trouble = error.steady_detail if isinstance(error, Refused) else str(error)
            refused, bulk.refused = bulk.refused, []
            self.settle(count - len(bulk.documents) - len(refused), refused)
            if trouble:
                if trouble != said:
                    said = trouble
                    L.warning("connection %s: %s; trying again, nothing is lost", self._connection.Id, trouble)
                await asyncio.sleep(backoff.next())


class _Line:
    """Sends bulks one after another."""

    def __init__(self, outbox: Outbox) -> None:
        self.queue: deque[ElasticSearchBulk] = deque()
        self._outbox = outbox
        self._changed = asyncio.Condition()
        self._work = asyncio.Event()
        self._given = self._done = 0
        self._task = asyncio.get_running_loop().create_task(self._run(), name="bulks of a connection")

    def put(self, bulk: ElasticSearchBulk) -> None:
        self.queue.append(bulk)
        self._given += 1
        self._work.set()

    async def drained(self) -> None:
        goal = self._given
        async with self._changed:
            await self._changed.wait_for(lambda: self._done >= goal or self._task.done())
        if self._done < goal:
            self._task.result()  # a defect in a bulk of one's own is raised here

    async def stop(self) -> None:
        self._task.cancel()
        await asyncio.wait([self._task])

    async def _run(self) -> None:
        try:
            while True:
                while self.queue:
                    await self._outbox.upload(self.queue[0])
                    self.queue.popleft()
                    self._done += 1
                    self._outbox.settle(0, [])
                    async with self._changed:
                        self._changed.notify_all()
                self._work.clear()
                await self._work.wait()
        finally:
            async with self._changed:
                self._changed.notify_all()

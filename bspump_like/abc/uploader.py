"""The task behind a buffering sink: sends batches in order, each until it is delivered."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from ..errors import BSPumpError, ConnectionLost
from .backoff import Backoff
from .sink import Sink

L = logging.getLogger(__name__)

Batch = TypeVar("Batch")


class Limit:
    """Throttles the pipeline of a sink while as many batches as allowed wait or are under way, over all its uploaders.

    Args:
        sink: The sink.
        most: Batches.
        paused: Called with True when the pipeline is throttled, with False when it goes on.
    """

    def __init__(self, sink: Sink, most: int, paused: Callable[[bool], None] = lambda on: None) -> None:
        """Begin with none."""
        self._sink, self._most, self._paused = sink, most, paused
        self._count = 0
        self._throttled = False

    def add(self, count: int) -> None:
        """Take note of a batch more, or one less."""
        self._count += count
        on = self._count >= self._most
        if on is not self._throttled:
            self._throttled = on
            self._sink.Pipeline.throttle(self, on)
            self._paused(on)


class Uploader(Generic[Batch]):
    """Sends the batches of one sink, one after another.

    Args:
        sink: The sink; its pipeline is told of trouble.
        upload: Sends a batch; returns None when all of it is delivered or refused for good, else what is left to be tried again.
            A `ConnectionLost` it raises is logged once and the batch is tried again, for ever.
        backoff: How long to wait between tries.
        limit: Of the sink.
    """

    def __init__(
        self,
        sink: Sink,
        upload: Callable[[Batch], Awaitable[Batch | None]],
        backoff: Backoff,
        limit: Limit,
    ) -> None:
        """Begin with nothing to send."""
        self._sink = sink
        self._upload = upload
        self._backoff = backoff
        self._limit = limit
        self._queue: deque[Batch] = deque()
        self._work = asyncio.Event()
        self._given = self._done = 0
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()
        self._task: asyncio.Task[None] | None = None

    @property
    def waiting(self) -> int:
        """Return how many batches are queued or on their way."""
        return len(self._queue)

    def put(self, batch: Batch) -> None:
        """Queue a batch."""
        self._queue.append(batch)
        self._given += 1
        self._work.set()
        self._limit.add(1)

    async def drained(self) -> None:
        """Wait until every batch put before this call is sent; what is put meanwhile is not waited for."""
        if self._done < self._given:
            sent = asyncio.get_running_loop().create_future()
            self._waiting.append((self._given, sent))
            await sent

    def start(self, prepare: Callable[[], Awaitable[None]] | None = None) -> None:
        """Begin to send, after `prepare` has succeeded."""
        self._task = self._sink.Pipeline.start_service(self._run(prepare), self._sink)

    async def stop(self) -> None:
        """Stop; what is not delivered is not committed either, and will be read again."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _run(self, prepare: Callable[[], Awaitable[None]] | None) -> None:
        while prepare is not None:
            try:
                await prepare()
                prepare = None
                self._backoff.reset()
                self._sink.Pipeline.report_available(self._sink)
            except ConnectionLost as error:
                await self._wait_after(error)
        while True:
            while self._queue:
                await self._send(self._queue[0])
                self._queue.popleft()
                self._done += 1
                while self._waiting and self._waiting[0][0] <= self._done:
                    _, sent = self._waiting.popleft()
                    if not sent.done():  # a barrier that was given up
                        sent.set_result(None)
                self._limit.add(-1)
            self._work.clear()
            await self._work.wait()

    async def _send(self, batch: Batch) -> None:
        left: Batch | None = batch
        while left is not None:
            try:
                left = await self._upload(left)
            except ConnectionLost as error:
                await self._wait_after(error)
                continue
            if left is not None:
                await asyncio.sleep(self._backoff.next())
        self._backoff.reset()
        self._sink.Pipeline.report_available(self._sink)

    async def _wait_after(self, error: BSPumpError) -> None:
        if self._sink.Pipeline.report_unavailable(self._sink, error):
            L.warning("%s: %s; trying again, nothing is lost", self._sink.locate_address(), error)
        await asyncio.sleep(self._backoff.next())

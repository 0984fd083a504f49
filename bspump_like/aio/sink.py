"""AsyncSink: a sink whose work is a coroutine."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from ..abc import Backoff, BackoffOptions, Context, Event, ProcessorOptions, Sink
from ..config import option
from ..errors import BackOff, ConnectionLost, DeliveryError

if TYPE_CHECKING:
    from ..application import BSPumpApplication
    from ..pipeline import Pipeline


class AsyncSinkOptions(BackoffOptions, ProcessorOptions):
    """Options of the sink."""

    output_queue_max_size: int = option(100, "events that may wait before the sources are stopped", ge=1)


class AsyncSink(Sink):
    """The base of sinks that take one event after another in a coroutine: override `consume`.

    In: whatever `consume` takes, in order. A barrier waits until it has taken all that came before. When it raises
    `ConnectionLost`, `BackOff`, `OSError` or a retriable `DeliveryError`, the same event is tried again with backoff, for
    ever; with any other error the event is rejected and goes where `on_error` says, with `stop` to the dead letters.

    Example:
        from bspump_like.aio import AsyncSink

        class Posting(AsyncSink):
            async def consume(self, context, event):
                await self.client.post("/events", json=event)
    """

    to_override: ClassVar[tuple[str, ...]] = ("consume",)

    class Options(AsyncSinkOptions):
        """Length of the queue, and how to wait between tries."""

    def __init__(
        self, app: BSPumpApplication, pipeline: Pipeline, id: str | None = None, config: Mapping[str, Any] | None = None
    ) -> None:
        """See `Sink`."""
        super().__init__(app, pipeline, id, config)
        self._waiting: deque[tuple[Context, Event]] = deque()
        self._most: int = self.options.output_queue_max_size
        self._taken = 0  # events handed over since the start
        self._done = 0  # of them, how many are consumed or rejected
        self._moved = asyncio.Condition()
        self._working: asyncio.Task[None] | None = None

    async def consume(self, context: Context, event: Event) -> None:
        """Take one event; called for one after the other. When it returns the event is durable.

        Raises:
            ConnectionLost: Try the same event again.
            BackOff: Likewise, after so many seconds.
            OSError: Likewise.
            DeliveryError: Likewise, if it is retriable.
            Exception: The event can never be taken.
        """
        raise NotImplementedError(f"{type(self).__name__} defines no consume(context, event)")

    def process(self, context: Context, event: Event) -> None:
        """Queue one event."""
        self._waiting.append((context, event))
        self._taken += 1
        if self._working is None or self._working.done():
            self._working = self.Loop.create_task(self._work())
        if len(self._waiting) == self._most:
            self.Pipeline.throttle(self)

    async def _work(self) -> None:
        backoff = Backoff(self.options.reconnect_delay, self.options.reconnect_delay_max)
        while self._waiting:
            context, event = self._waiting[0]
            try:
                await self.consume(context, event)
            except (ConnectionLost, OSError, DeliveryError, BackOff) as error:
                if not isinstance(error, DeliveryError) or error.retriable:
                    await self._pause(error, backoff)
                    continue
                self.Pipeline.reject(self, context, event, error)
            except Exception as error:  # the policy of the pipeline has to decide on it, whatever it is
                self.Pipeline.reject(self, context, event, error)
            backoff.reset()
            self.Pipeline.report_available(self)
            self._waiting.popleft()
            self._done += 1
            if len(self._waiting) < self._most:
                self.Pipeline.throttle(self, False)
            async with self._moved:
                self._moved.notify_all()

    async def _pause(self, error: Exception, backoff: Backoff) -> None:
        if self.Pipeline.report_unavailable(self, error):
            self.Pipeline.L.warning("%s: %s; trying again", self.locate_address(), error)
        await asyncio.sleep(error.wait if isinstance(error, BackOff) else backoff.next())

    async def flush(self) -> None:
        """Return when `consume` has taken everything handed over before this call."""
        taken = self._taken
        async with self._moved:
            await self._moved.wait_for(lambda: self._done >= taken)

    async def on_stop(self) -> None:
        """End the work; what is left was covered by no barrier, and is read again at the next start."""
        if self._working is not None:
            self._working.cancel()
            await asyncio.wait([self._working])

"""Sources that other pipelines send to."""

from __future__ import annotations

import asyncio
import copy
from collections import deque
from typing import Any, ClassVar

from ..abc import Context, Event, Source, SourceOptions
from ..config import option
from ..settlement import KEY, hold, release

_BATCH = 1000


def child_context(context: Context) -> Context:
    """Return the context of an event that is made from one of another pipeline: its own, with a way back."""
    child: Context = {"ancestor": context}
    if KEY in context:
        child[KEY] = context[KEY]
    return child


class InternalSourceOptions(SourceOptions):
    """Options of queues between pipelines."""

    queue_max_size: int = option(
        10, "events in the queue before `put` refuses; routers never lose one, they are throttled", ge=1
    )
    backpressure: float = option(0.8, "share of the queue at which the senders are throttled", gt=0, le=1)


class InternalSource(Source):
    """A queue at the beginning of a pipeline, for events of other pipelines.

    Out: the events as they were put, with a context `{"ancestor": context of the sender}`. A barrier of the sender passes
    through the queue. Publishes `bspump.InternalSource.backpressure_on!` and `_off!` with `source=`.

    Example:
        pipelines:
          - id: Example
            sources:
              - {class: IteratorSource, args: {iterator: [1, 2, 3]}}
            sink: {class: InternalSink, config: {target: Other}}
          - id: Other
            sources:
              - {class: InternalSource}
            sink: {class: PrintSink}
    """

    passive: ClassVar[bool] = True

    class Options(InternalSourceOptions):
        """The size of the queue."""

    def __init__(self, app: Any, pipeline: Any, id: str | None = None, config: Any = None) -> None:
        """See `Source`."""
        super().__init__(app, pipeline, id, config)
        self._queue: deque[tuple[Context, Event]] = deque()
        self._high = max(1, int(self.options.queue_max_size * self.options.backpressure))
        self._put = self._taken = 0
        self._arrived = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self._pressed = False

    def put(self, context: Context, event: Event, copy_context: bool = False, copy_event: bool = False) -> None:
        """Queue one event, unless the queue is full.

        Args:
            context: Of the sender; it becomes the ancestor of the event's own.
            event: The event.
            copy_context: Deep-copy the sender's context, since it will change it.
            copy_event: Deep-copy the event, for the same reason.

        Raises:
            asyncio.QueueFull: There are `queue_max_size` events in it.
        """
        if len(self._queue) >= self.options.queue_max_size:
            raise asyncio.QueueFull
        self.accept(copy.deepcopy(context) if copy_context else context, copy.deepcopy(event) if copy_event else event)

    def accept(self, context: Context, event: Event) -> None:
        """Queue one event whatever the length of the queue; for routers, which are throttled instead of refused."""
        hold(context)
        self._queue.append((child_context(context), event))
        self._put += 1
        self._arrived.set()
        if len(self._queue) >= self._high and not self._pressed:
            self._press(True)

    async def put_async(
        self, context: Context, event: Event, copy_context: bool = False, copy_event: bool = False
    ) -> None:
        """Queue one event; wait while the queue is under pressure."""
        while self._pressed:
            await self._room.wait()
        self.accept(copy.deepcopy(context) if copy_context else context, copy.deepcopy(event) if copy_event else event)

    async def main(self) -> None:
        """Take what is queued, by the batch."""
        while True:
            await self._arrived.wait()
            await self.Pipeline.flowing()
            self._take()
            await asyncio.sleep(0)

    async def drained(self) -> None:
        """Return when everything put before this call has been taken, even while the pipeline is throttled."""
        target = self._put
        while self._taken < target:
            await self.Pipeline.healthy()
            self._take()

    def queued(self) -> int:
        """Return the length of the queue."""
        return len(self._queue)

    def _take(self) -> None:
        """Run one batch of the queue through the pipeline."""
        queue, pipeline = self._queue, self.Pipeline
        pairs = [queue.popleft() for _ in range(min(len(queue), _BATCH))]
        if any(KEY in context for context, _ in pairs):
            taken = self._take_tracked(pairs)
        else:
            taken = pipeline.process_batch([event for _, event in pairs], [context for context, _ in pairs])
        self._taken += taken
        queue.extendleft(reversed(pairs[taken:]))  # behind an event that halted the pipeline
        pipeline.committer.touch()
        if not queue:
            self._arrived.clear()
        if self._pressed and len(queue) < self._high:
            self._press(False)

    def _take_tracked(self, pairs: list[tuple[Context, Event]]) -> int:
        for number, (context, event) in enumerate(pairs):
            self.Pipeline.counters.events_in += 1
            self.Pipeline.push(0, context, event)
            release(context)
            if self.Pipeline.is_error():
                return number + 1
        return len(pairs)

    def _press(self, on: bool) -> None:
        self._pressed = on
        if on:
            self._room.clear()
        else:
            self._room.set()
        for sender in self.Pipeline.upstream:
            in_circle = sender in self.Pipeline.circle  # throttled, it would not take any more what makes it wait
            sender.hold(self, on and in_circle)
            sender.throttle(self, on and not in_circle)  # both are taken back: the circle may have closed meanwhile
        self.Pipeline.PubSub.publish(f"bspump.InternalSource.backpressure_{'on' if on else 'off'}!", source=self)

    def rest_get(self) -> dict[str, Any]:
        """Return what the web API shows of this source, with the length of its queue."""
        return {**super().rest_get(), "Queue": len(self._queue)}


class DirectSource(Source):
    """An entry to a pipeline without a queue: `put` runs the event through at once.

    Example:
        from bspump_like import Pipeline
        from bspump_like.common import DirectSource, PrintSink

        class Direct(Pipeline):
            def __init__(self, app, id="Direct"):
                super().__init__(app, id)
                self.build(DirectSource(app, self), PrintSink(app, self))

        # somewhere else, on the event loop: app.pump_service.locate("Direct.*DirectSource").put({}, "event")
    """

    passive: ClassVar[bool] = True

    def put(self, context: Context, event: Event, copy_context: bool = False, copy_event: bool = False) -> None:
        """Run one event through the pipeline; see `InternalSource.put` for the arguments."""
        self.accept(copy.deepcopy(context) if copy_context else context, copy.deepcopy(event) if copy_event else event)

    def accept(self, context: Context, event: Event) -> None:
        """Run one event through the pipeline; for routers."""
        pipeline = self.Pipeline
        pipeline.counters.events_in += 1
        pipeline.push(0, child_context(context), event)
        pipeline.committer.touch()

    async def main(self) -> None:
        """Wait for the stop; `put` does the work."""
        await asyncio.Event().wait()

    async def drained(self) -> None:
        """Return at once: nothing is queued."""

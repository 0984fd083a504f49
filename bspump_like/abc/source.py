"""Sources: where events come from."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Self

from .backoff import BackoffOptions
from .delivery import Context, Event, Outcome, Position
from .part import PipelinePart

if TYPE_CHECKING:
    from ..application import BSPumpApplication
    from ..pipeline import Pipeline
    from ..trigger import Trigger


class SourceOptions(BackoffOptions):
    """Options of every source."""


class Source(PipelinePart):
    """A source of events with a free `main()`; the contract's base for users' own sources.

    `main` runs as a task while the pipeline runs. It hands events over with `await self.process(event)`, one at a time, or
    with `await self.deliver(events, position)`, by the batch. Both wait while the pipeline is throttled or in error. A
    `main` that returns has finished; a `main` that raises is started again with backoff.
    """

    to_override: ClassVar[tuple[str, ...]] = ("main",)

    class Options(SourceOptions):
        """Only the common options."""

    settles: ClassVar[bool] = False
    """True: `settle` is called for every event handed over."""

    passive: ClassVar[bool] = False
    """True: events come from other pipelines, so this source finishes when nothing can send to it any more."""

    def __init__(
        self, app: BSPumpApplication, pipeline: Pipeline, id: str | None = None, config: Mapping[str, Any] | None = None
    ) -> None:
        """See `PipelinePart`."""
        super().__init__(app, pipeline, id, config)
        self.Task: asyncio.Task[None] | None = None
        self.position: dict[str, Any] = {}
        """Partition -> where to resume: what the store knew at the start, then what `deliver` was given."""
        self.finished = False
        """True when the source has come to the end of its input."""

    async def process(self, event: Event, context: Context | None = None) -> None:
        """Send one event down the pipeline; waits while the pipeline is not ready.

        Returns when the synchronous part of the chain is done with it. There is no position: after a crash it is up to
        the caller to send it again.
        """
        await self.Pipeline.process(event, context)

    async def deliver(
        self, events: Sequence[Event], position: Position | None = None, contexts: Sequence[Context] | None = None
    ) -> None:
        """Send a batch down the pipeline and queue the place after it for the next barrier.

        Waits while the pipeline is throttled, in error, or too far ahead of its barriers. Events that fail are the
        business of `on_error`: this returns when every event has been taken.

        Args:
            events: The batch, in order.
            position: Where to resume after these events; see `delivery.Position`.
            contexts: One dict per event; each event gets an empty one when left out.
        """
        await self.Pipeline.deliver(self, events, position, contexts)

    def start(self, loop: asyncio.AbstractEventLoop | None = None) -> None:
        """Start `main` as a task, unless it runs; the pipeline calls it."""
        if self.Task is None or self.Task.done():
            self.finished = False
            self.Task = self.Loop.create_task(self.Pipeline.supervise(self), name=self.locate_address())

    async def stop(self) -> None:
        """Cancel `main` and wait until it has ended; nothing that it handed over is lost."""
        task, self.Task = self.Task, None
        if task is None:
            return
        task.cancel()
        await asyncio.wait([task])

    def restart(self, loop: asyncio.AbstractEventLoop | None = None) -> None:
        """Start `main` anew if it has ended."""
        self.start(loop)

    async def main(self) -> None:
        """Produce events until there are no more or the task is cancelled; override it."""
        raise NotImplementedError(f"{type(self).__name__} defines no main()")

    async def stopped(self) -> None:
        """Wait until `main` has ended by itself or was stopped."""
        if self.Task is not None:
            await asyncio.wait([self.Task])

    def is_finite(self) -> bool:
        """Tell whether `main` ends by itself, so that waiting for more is in vain when the pipeline has halted."""
        return False

    def remark(self) -> str:
        """Return what may come as a surprise of the way it is configured; `pump lint` says it. Empty: nothing."""
        return ""

    def queued(self) -> int:
        """Return how many events of other pipelines wait here to be taken; a passive source with a queue says it."""
        return 0

    async def commit(self, position: Position) -> None:
        """Tell the server that everything up to `position` is durable; called after each barrier, in order.

        The store has the position already, so a source without a server of its own overrides nothing.

        Raises:
            ConnectionLost: The server cannot be told now; the position stays in the store.
        """

    async def on_stop(self) -> None:
        """Release what the source holds; called once, after the last barrier and its `commit`."""

    async def settle(self, context: Context, outcome: Outcome, result: Event, error: BaseException | None) -> None:
        """Take the end of one event; called when `settles` is True, exactly once for each, in any order.

        The barrier after the event does not complete before this has returned.

        Args:
            context: The context that the source handed over with the event, the same object.
            outcome: How it ended.
            result: The event as the last sink got it; None when none did.
            error: What was raised, for `REJECTED`, `FAILED` and `DEFERRED`.
        """

    def locate_address(self) -> str:
        """Return the address of this source: `Pipeline.*Id`."""
        return f"{self.Pipeline.Id}.*{self.Id}"

    def rest_get(self) -> dict[str, Any]:
        """Return what the web API shows of this source."""
        return {"Id": self.Id, "Class": type(self).__name__, "Finished": self.finished}


class TriggerSource(Source):
    """A source that works in cycles: a trigger fires, `cycle()` runs once, the trigger is told.

    Without a trigger it runs one cycle and has finished: the way of a finite input.
    """

    to_override: ClassVar[tuple[str, ...]] = ("cycle",)

    def __init__(
        self, app: BSPumpApplication, pipeline: Pipeline, id: str | None = None, config: Mapping[str, Any] | None = None
    ) -> None:
        """See `Source`."""
        super().__init__(app, pipeline, id, config)
        self.Triggers: set[Trigger] = set()
        self.TriggerEvent = asyncio.Event()
        self.once = False
        """True: finish after the first cycle, whatever the trigger says."""

    def on(self, trigger: Trigger) -> Self:
        """Run a cycle whenever `trigger` fires; returns the source, so that it can stand in `build()`."""
        trigger.add(self)
        self.Triggers.add(trigger)
        return self

    def is_finite(self) -> bool:
        """Tell whether there is no trigger to start another cycle."""
        return self.once or not self.Triggers

    async def main(self, *args: Any, **kwargs: Any) -> None:
        """Run a cycle at each firing of a trigger; arguments are passed on to `cycle`."""
        publish = self.Pipeline.PubSub.publish
        while True:
            await self.Pipeline.ready()
            if self.Triggers and not self.once:
                await self.TriggerEvent.wait()
            publish("bspump.pipeline.cycle_begin!", pipeline=self.Pipeline)
            try:
                await self.cycle(*args, **kwargs)
            except asyncio.CancelledError:
                publish("bspump.pipeline.cycle_canceled!", pipeline=self.Pipeline)
                raise
            # Not when the cycle failed or was cancelled: the event stays set, so that it is repeated when `main` starts again.
            self.TriggerEvent.clear()
            for trigger in self.Triggers:
                trigger.done(self)
            publish("bspump.pipeline.cycle_end!", pipeline=self.Pipeline)
            if self.once or all(trigger.exhausted for trigger in self.Triggers):
                return

    async def cycle(self, *args: Any, **kwargs: Any) -> None:
        """Do one round of work: read what there is and hand it over; override it."""
        raise NotImplementedError(f"{type(self).__name__} defines no cycle()")

    def rest_get(self) -> dict[str, Any]:
        """Return what the web API shows of this source, with its triggers."""
        return {**super().rest_get(), "Triggers": [trigger.Id for trigger in self.Triggers]}

"""The source that hands over what a test feeds, and says how each event ended."""

from __future__ import annotations

import asyncio
import dataclasses
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from ..abc import Context, Event, Outcome, ProcessorBase, Source
from ..config import option
from ..settlement import KEY, Settling
from .doubles import picture


@dataclasses.dataclass
class Fed:
    """One event that was fed, and how it ended.

    Attributes:
        event: The event, as it was fed.
        outcome: How it ended; None while it is under way, or where it halted the pipeline.
        result: What a sink got last of what was made from it.
        error: Why it failed.
    """

    event: Event
    outcome: Outcome | None = None
    result: Event = None
    error: BaseException | None = None


class FeedOptions(Source.Options):
    """Options of `FeedSource`."""

    batch: int = option(1000, "events handed over at a time", ge=1)


class FeedSource(Source):
    """Hands over what `put` gives it, in order; ends when it was told that there is no more.

    Its position counts the events. It stands in the place of a pipeline's own source, or feeds a part in the middle.
    """

    settles: ClassVar[bool] = True

    class Options(FeedOptions):
        """The size of the batches."""

    def __init__(self, app: Any, pipeline: Any, id: str | None = None, config: Mapping[str, Any] | None = None) -> None:
        """See `Source`."""
        super().__init__(app, pipeline, id, config)
        self.fed: list[Fed] = []
        self.committed = 0
        """So many events are durable, by the last barrier."""
        self._waiting: deque[tuple[Fed, Context, ProcessorBase | None]] = deque()
        self._arrived = asyncio.Event()
        self._ended = False
        self._settling = Settling(pipeline)
        self._under_way: dict[int, Fed] = {}

    def is_finite(self) -> bool:
        """Return True: the feed ends when the test does."""
        return True

    def put(
        self, events: Sequence[Event], contexts: Sequence[Context] | None = None, before: ProcessorBase | None = None
    ) -> list[Fed]:
        """Queue events.

        Args:
            events: They are copied: the test may compare with what it gave.
            contexts: As many.
            before: Enter the pipeline at this part instead of the first.
        """
        if contexts is not None and len(contexts) != len(events):
            raise ValueError(f"{len(events)} events and {len(contexts)} contexts: give one for each")
        fed = [Fed(event) for event in events]
        pairs = zip(fed, contexts or [{} for _ in fed], strict=True)
        self._waiting.extend((one, dict(context), before) for one, context in pairs)
        self.fed += fed
        self._arrived.set()
        return fed

    def end(self) -> None:
        """Say that there will be no more."""
        self._ended = True
        self._arrived.set()

    async def main(self) -> None:
        """Hand over what is queued."""
        while True:
            await self.Pipeline.ready()
            while self._waiting:
                await self._hand_over()
            if self._ended:
                return
            self._arrived.clear()
            await self._arrived.wait()

    async def _hand_over(self) -> None:
        before = self._waiting[0][2]
        taken: list[tuple[Fed, Context, ProcessorBase | None]] = []
        while self._waiting and self._waiting[0][2] is before and len(taken) < self.options.batch:
            taken.append(self._waiting.popleft())
        contexts = [context for _, context, _ in taken]
        events = [picture(fed.event) for fed, _, _ in taken]
        self._under_way |= {id(context): fed for fed, context, _ in taken}
        done = sum(self.position.values()) + len(taken)
        if before is None:
            await self.deliver(events, {"fed": done}, contexts)
        else:
            await self._enter(before, events, contexts)

    async def _enter(self, before: ProcessorBase, events: Sequence[Event], contexts: Sequence[Context]) -> None:
        """Run events from a part on: what a replayed dead letter does."""
        pipeline = self.Pipeline
        depth = before.PipelineDepth
        tracked = self._settling.track(self, events, contexts)
        for context, event in zip(tracked, events, strict=True):
            await pipeline.ready()
            pipeline.counters.events_in += 1
            pipeline.push(depth, context, event, start=pipeline.index_at(depth, before))
            context[KEY].release()
        pipeline.committer.accept(self, None, len(events))

    async def commit(self, position: Mapping[str, Any]) -> None:
        """Remember what is durable."""
        self.committed = position["fed"]

    async def settle(self, context: Context, outcome: Outcome, result: Event, error: BaseException | None) -> None:
        """Note how an event ended."""
        fed = self._under_way.pop(id(context))
        fed.outcome, fed.result, fed.error = outcome, picture(result), error

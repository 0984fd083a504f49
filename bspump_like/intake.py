"""How sources hand over their batches: when there is room, by pieces that leave the loop its turns, position last."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from .abc import Context, Event, Outcome, Source
from .settlement import KEY, Settling, note
from .work import Work

_CHUNK = 2000  # events run in one step of the loop: a few milliseconds


class Intake(Work):
    """What a source calls; the base of `Pipeline` that takes batches whole, whatever comes between."""

    _settling: Settling

    def process_batch(self, events: Sequence[Event], contexts: Sequence[Context] | None = None) -> int:
        """Run events through the first depth; see `Pipeline.process_batch`."""
        raise NotImplementedError(f"{type(self).__name__} defines no process_batch(events, contexts)")

    async def deliver(
        self, source: Source, events: Sequence[Event], position: Any = None, contexts: Sequence[Context] | None = None
    ) -> None:
        """Run a batch and queue its position; see `Source.deliver`."""
        if contexts is not None and len(contexts) != len(events):
            raise ValueError(f"{source.locate_address()} delivers {len(events)} events with {len(contexts)} contexts")
        if not self.has_room():
            await self.room()
        if source.settles:
            contexts = self._settling.track(source, events, contexts)
        try:
            taken = self.process_batch(events if len(events) <= _CHUNK else events[:_CHUNK], contexts)
            if taken < len(events):
                await self._deliver_rest(events, contexts, taken)
            if position is not None:
                source.position.update(position)
            self.committer.accept(source, position, len(events))
        finally:
            if source.settles and contexts is not None:
                for context in contexts:
                    context[KEY].release()
        await asyncio.sleep(0)

    def has_room(self) -> bool:
        """Tell whether a batch would be taken at once."""
        return self._open and self.committer.in_flight < self.options.max_in_flight

    async def room(self) -> None:
        """Wait until a batch would be taken at once."""
        while not self.has_room():
            await self._ready.wait()
            await self.committer.room(self.options.max_in_flight)

    async def _deliver_rest(self, events: Sequence[Event], contexts: Sequence[Context] | None, taken: int) -> None:
        """Run what did not fit in one step of the loop, or came behind an event that halted the pipeline."""
        committer, cancelled = self.committer, False
        committer.open_batches += 1
        try:
            while taken < len(events):
                try:
                    await asyncio.sleep(0)
                    if cancelled and self._error is not None:
                        raise asyncio.CancelledError  # to the handler below
                    await self._sound.wait()
                except asyncio.CancelledError:
                    if self._error is not None:
                        self.committer.torn = self.committer.closing
                        raise  # halted, and stopped before it was mended: the batch is read again
                    cancelled = True  # half a batch must not stand behind a snapshot: finish it first
                if self._error is not None:
                    continue  # mended, and halted again before this task had its turn
                rest = slice(taken, taken + _CHUNK)
                taken += self.process_batch(events[rest], None if contexts is None else contexts[rest])
        except BaseException as error:
            for context in () if contexts is None else contexts[taken:]:
                note(context, Outcome.FAILED, error)  # never run
            raise
        finally:
            await self.committer.close_batch()
        if cancelled:
            task = asyncio.current_task()
            if task is not None:
                task.cancel()

"""Barriers: the only place that knows delivery.

Pipelines that feed each other form a group; a group has one committer. It loops:

    in one step of the event loop: take all queued positions, snapshot the stateful parts
    -> barrier: pipeline by pipeline, depth by depth: wait for the work under way, flush every part
    -> positions, snapshots and dead letters in one store transaction -> tell the sources

Input goes on meanwhile. The next barrier starts when the last has ended, so batches adapt to the load by themselves.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Iterable
from typing import TYPE_CHECKING, Any

from .abc import Backoff, Sink, Source
from .cut import Cut, state_lags
from .errors import ConnectionLost, DeliveryError
from .store import AsyncStore, Commit, Store, StoreError
from .walk import drain, in_order, walk

if TYPE_CHECKING:
    from .pipeline import Pipeline

L = logging.getLogger(__name__)


class Stopping(DeliveryError):
    """The barrier cannot complete and there is no time left to wait for it."""


class Committer:
    """Delivery of one group of linked pipelines.

    Args:
        pipeline: The first member; `link` adds others.
    """

    def __init__(self, pipeline: Pipeline) -> None:
        """Begin with one pipeline and nothing to commit."""
        self.pipelines: list[Pipeline] = [pipeline]
        self.in_flight = 0
        """Events of the input that no barrier has covered yet."""
        self.open_batches = 0
        """Batches that are handed over in more than one step of the loop: no snapshot may be taken between."""
        self.blocked_by: DeliveryError | StoreError | None = None
        self.stopping = False
        self.closing = False  # True as soon as the pump stops: from then on no source is started again
        self.torn = False  # True when that came upon a halted event: half of its batch has gone on, no barrier may stand there
        self.on_ended: Callable[[], None] = lambda: None
        self._positions: dict[Source, dict[str, Any]] = {}
        self._discards: list[int] = []
        self._wake = asyncio.Event()
        self._changed = asyncio.Condition()
        self._lock = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None
        self._absorbed_by: Committer | None = None
        self._inputs_ended = False
        self._last = 0.0
        self._hurry = asyncio.Event()  # cuts pauses short
        self._untold: set[Source] = set()  # whose server does not know what is done
        self._late: set[asyncio.Task[None]] = set()  # barriers that somebody did not want to wait for
        self._transaction = object()  # throttles the inputs while a transaction ends
        self._pausing = object()  # throttles the inputs while a snapshot waits for work under way

    # What sources and pipelines call

    def accept(self, source: Source, position: Any, count: int) -> None:
        """Queue a position: everything before it has been handed over. In the same loop step as the last of the events."""
        if position is not None:
            queued = self._positions.get(source)
            if queued is None:
                queued = self._positions[source] = {}
            queued.update(position)
        self.in_flight += count
        self._wake.set()
        if self.in_flight * 2 >= source.Pipeline.options.max_in_flight:
            self._hurry.set()  # the interval must not make the sources wait

    def forget(self, source: Source, partitions: Iterable[str]) -> None:
        """Take back the queued positions of partitions that are not the source's any more."""
        for partition in partitions:
            self._positions.get(source, {}).pop(partition, None)
            source.position.pop(partition, None)

    def touch(self) -> None:
        """Ask for a barrier: something was handed over that has no position."""
        self._wake.set()

    def replayed(self, id: int) -> None:
        """Remove a dead letter with the next barrier: it has been handed over again."""
        self._discards.append(id)
        self._wake.set()

    async def room(self, limit: int) -> None:
        """Wait until fewer than `limit` events are ahead of the last barrier."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._absorbed_by is not None or self.in_flight < limit)

    def source_finished(self) -> None:
        """Note that a source has come to its end; what was held back for that is sent on."""
        self._inputs_ended = True
        self._wake.set()

    def absorb(self, other: Committer) -> None:
        """Make one group of two, because a pipeline of one feeds a pipeline of the other."""
        if other is self:
            return
        for pipeline in other.pipelines:
            pipeline.committer = self
        self.pipelines += other.pipelines
        for source, position in other._positions.items():
            self._positions.setdefault(source, {}).update(position)
        self._discards += other._discards
        self._inputs_ended |= other._inputs_ended
        self.torn |= other.torn
        other._positions, other._discards, other._absorbed_by = {}, [], self
        self.in_flight += other.in_flight
        self.open_batches += other.open_batches
        other._unblock()
        other._wake.set()
        self._wake.set()

    # Lifecycle

    def start(self) -> None:
        """Start the loop, unless it runs."""
        if self._task is None and self._absorbed_by is None:
            pipeline = self.pipelines[0]
            self._task = pipeline.Loop.create_task(self._run(), name=f"committer of {pipeline.Id}")
            self._task.add_done_callback(self._on_loop_ended)

    def _on_loop_ended(self, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if error is not None:  # a defect of ours: never commit no more in silence
            L.error("the committer of %s has ended", self.pipelines[0].Id, exc_info=error)
            self.pipelines[0].set_error(None, None, error)

    async def finish(self) -> None:
        """Stop the loop and complete a last barrier; wait for sinks that cannot take events now.

        Cancel it to give up: nothing is lost, what is not committed is read again.

        Raises:
            Stopping: A pipeline is in error, so its last events cannot be delivered.
        """
        self.stopping = True
        self._hurry.set()
        self._wake.set()
        for pipeline in self.pipelines:
            pipeline.wake_waiters()
        if self._task is not None:
            await asyncio.shield(self._task)  # a barrier under way is never torn: a sink may be writing
        backoff = Backoff(0.2, 2.0)
        while True:
            try:
                await self.commit()
                return
            except Stopping:
                raise
            except (DeliveryError, StoreError) as error:
                self._block(error)
                await asyncio.sleep(backoff.next())

    async def abort(self, grace: float) -> None:
        """Stop the loop where it is, when the time to finish is over; leave a part that does not let go in `grace` seconds."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task], timeout=grace)

    async def _run(self) -> None:
        backoff = Backoff(0.5, 15.0)
        loop = asyncio.get_running_loop()
        ended = False  # kept over barriers that fail: the end is told when one behind it has completed
        while True:
            await self._wake.wait()
            wait = self._last + min(p.options.commit_interval for p in self.pipelines) - loop.time()
            if wait > 0 and not self._inputs_ended:
                await self._sleep(wait)
            self._wake.clear()
            if not self.stopping:
                self._hurry.clear()
            if self._absorbed_by is not None:
                async with self._changed:
                    self._changed.notify_all()  # who waits here has to wait there
                return
            if self.stopping:
                return
            self._last = loop.time()
            try:
                if self._inputs_ended:
                    ended = True
                    await self._end_inputs()
                await self.commit()
            except Stopping:
                return  # `finish` says what is left
            except (DeliveryError, StoreError) as error:
                if self._owner() is not self:
                    continue  # the other one tries again; a block of ours would never be lifted
                self._block(error)
                self._wake.set()
                await self._sleep(backoff.next())
                continue
            except Exception as error:  # a defect: said, and the pipeline halts; never commit no more in silence
                L.exception("the barrier of %s failed", self.pipelines[0].Id)
                self.pipelines[0].set_error(None, None, error)
                self._wake.set()
                continue
            self._unblock()
            backoff.reset()
            if ended and not self._inputs_ended:
                ended = False
                self.on_ended()

    async def _sleep(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._hurry.wait()
        except TimeoutError:
            return

    # The barrier

    async def commit(self) -> None:
        """Complete one barrier over everything handed over so far and store it.

        Raises:
            DeliveryError: A part could not make its events durable; nothing is committed, everything is kept.
            StoreError: The store could not be written; the same.
        """
        async with self._lock, self._transactions() as sinks:
            cut = await self._cut()
            positions = cut.positions
            try:
                await walk(self.pipelines, cut.snapshots)
                await self._store(cut)
                for sink in sinks:
                    await sink.commit_transaction({s: p for s, p in positions.items() if s.Pipeline is sink.Pipeline})
            except BaseException:
                self._put_back(positions, cut.discards)
                raise
            self._owner().in_flight -= cut.count
            transactional = {sink.Pipeline for sink in sinks}
            for source, position in positions.items():
                if source.Pipeline not in transactional:
                    await self._tell(source, position)
            async with self._changed:
                self._changed.notify_all()

    @contextlib.asynccontextmanager
    async def _transactions(self) -> AsyncIterator[list[Sink]]:
        """Hold the input of a group with transactional sinks from before the cut: a transaction must hold nothing behind it."""
        parts = [part for pipeline in self.pipelines for part in pipeline.iter_processors()]
        sinks = [part for part in parts if isinstance(part, Sink) and part.transactional]
        held = list(self.pipelines) if sinks else []
        for pipeline in held:
            pipeline.hold(self._transaction)
        try:
            yield sinks
        finally:
            for pipeline in held:
                pipeline.hold(self._transaction, False)

    async def commit_within(self, seconds: float) -> None:
        """Complete one barrier now, or go on without it when the time is over; it is never torn.

        Raises:
            DeliveryError: It is not complete; a barrier under way goes on.
            StoreError: The store could not be written.
        """
        task = asyncio.ensure_future(self.commit())
        self._late.add(task)
        task.add_done_callback(self._late.discard)
        await asyncio.wait({task}, timeout=seconds)
        if not task.done():
            task.add_done_callback(lambda task: task.cancelled() or task.exception())  # the loop's next try says it again
            raise DeliveryError(f"the barrier was not complete after {seconds:.0f} s")
        await task

    async def _cut(self) -> Cut:
        """Take positions and snapshots that belong together, in one step of the loop."""
        held = False
        for state in {state for pipeline in self.pipelines for state in pipeline.states}:
            preparation = state.preparation()
            if preparation is not None:
                await asyncio.to_thread(preparation)
        try:
            while True:
                for pipeline in self.pipelines:
                    await pipeline.healthy()
                members = len(self.pipelines)
                if state_lags(self.pipelines):
                    held = True
                    for pipeline in self.pipelines:
                        pipeline.hold(self._pausing)
                    await drain(self.pipelines)
                joined = len(self.pipelines) > members
                if self.open_batches == 0 and not joined and not any(p.is_error() for p in self.pipelines):
                    break
                await self._batch_done()
            if self.torn:
                raise Stopping("the pump was stopped before what had halted it was mended")
            positions, self._positions = self._positions, {}
            discards, self._discards = self._discards, []
            return Cut.of(self.pipelines, positions, self.in_flight, discards)
        finally:
            if held:
                for pipeline in self.pipelines:
                    pipeline.hold(self._pausing, False)

    async def _batch_done(self) -> None:
        async with self._changed:
            await self._changed.wait_for(lambda: self.open_batches == 0 or self.stopping)
        await asyncio.sleep(0)  # at a stop nothing else lets the open batch go on

    async def close_batch(self) -> None:
        """Note that a batch of several steps has been handed over."""
        self.open_batches -= 1
        async with self._changed:
            self._changed.notify_all()

    async def _store(self, cut: Cut) -> None:
        store: AsyncStore = self.pipelines[0].App.pump_service.store
        letters = [(p, p.failures.dead_letters) for p in self.pipelines]
        for pipeline, _ in letters:
            pipeline.failures.dead_letters = []
        commit = cut.commit(letter for _, waiting in letters for letter in waiting)
        if commit == Commit():
            return
        try:
            await store.call(Store.commit, commit)
        except BaseException:
            for pipeline, waiting in letters:
                pipeline.failures.dead_letters[:0] = waiting
            raise
        for _, saved in cut.shared.values():
            saved.done()

    async def _tell(self, source: Source, position: dict[str, Any]) -> None:
        try:
            await source.commit(position)
        except (ConnectionLost, OSError) as error:
            # The store has the position: the server is told with the next one, and until then the source resumes from ours.
            if source not in self._untold:  # while it is away there may be many barriers in a second
                self._untold.add(source)
                L.warning("%s: cannot tell the server what is done: %s; trying again", source.locate_address(), error)
        else:
            self._untold.discard(source)

    def _put_back(self, positions: dict[Source, dict[str, Any]], discards: list[int]) -> None:
        owner = self._owner()
        for source, position in positions.items():
            owner._positions[source] = {**position, **owner._positions.get(source, {})}
        owner._discards[:0] = discards
        owner._wake.set()

    def _owner(self) -> Committer:
        """Return who answers for this group now: another committer may have absorbed it during a barrier."""
        return self if self._absorbed_by is None else self._absorbed_by._owner()

    # The end of finite inputs

    async def _end_inputs(self) -> None:
        """Send on what parts held back, in every pipeline that has no input left."""
        async with self._lock:
            self._inputs_ended = False
            for pipeline in in_order(self.pipelines):
                if pipeline.ended or not pipeline.is_exhausted():
                    continue
                try:
                    await pipeline.drain_inputs()
                    for depth in range(pipeline.depth_count()):
                        await pipeline.drain(depth)
                        await pipeline.healthy()
                        for processor in pipeline.processors_at(depth):
                            await processor.on_end_of_input()
                except BaseException:  # the end comes again, behind whatever this was
                    self._inputs_ended = True
                    raise
                pipeline.ended = True

    # Trouble

    def _block(self, error: DeliveryError | StoreError) -> None:
        if self.blocked_by is None or str(self.blocked_by) != str(error):
            L.warning("%s; nothing is lost, trying again", error)
        if self.blocked_by is None and not self.stopping:
            for pipeline in self.pipelines:
                pipeline.hold(self)
        self.blocked_by = error

    def _unblock(self) -> None:
        if self.blocked_by is not None:
            L.warning("delivery works again")
            self.blocked_by = None
            for pipeline in self.pipelines:
                pipeline.hold(self, False)

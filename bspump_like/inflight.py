"""Work of one depth that has left the event path for a while: tasks of generators, and asynchronous processors.

A barrier asks two things of it: wait for what is under way now, and nothing later.
"""

from __future__ import annotations

import asyncio
import inspect
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from .abc import Context, Event, Outcome, Processor, ProcessorBase
from .errors import ProcessingError
from .settlement import hold, note, release

if TYPE_CHECKING:
    from .work import Work


class Tasks:
    """The tasks of one depth, owned by the pipeline: each is awaited and its exception seen.

    Args:
        pipeline: Throttled while it has more tasks than `async_concurency_limit`.
        depth: Their depth; -1 for tasks of user code whose depth is unknown.
    """

    def __init__(self, pipeline: Work, depth: int) -> None:
        """Begin with none."""
        self._pipeline = pipeline
        self._depth = depth
        self._tasks: set[asyncio.Task[Any]] = set()
        self._cancelled = False
        self.started = 0
        """How many there were in all."""

    def __len__(self) -> int:
        """Return how many are under way."""
        return len(self._tasks)

    def start(
        self, coro: Coroutine[Any, Any, Any], context: Context | None, event: Event, processor: ProcessorBase | None
    ) -> asyncio.Task[Any]:
        """Start a task on behalf of an event, which fails if the task does."""
        hold(context)
        task = self._pipeline.Loop.create_task(coro)
        self._tasks.add(task)
        self.started += 1

        def done(task: asyncio.Task[Any]) -> None:
            self._tasks.discard(task)
            error = _error_of(task, processor)
            if error is not None and self._cancelled:
                note(context or {}, Outcome.FAILED, error)
            elif error is not None:
                self._pipeline.task_failed(self._depth, processor, error, context, event)
            release(context)
            self._pipeline.on_task_done()

        task.add_done_callback(done)
        return task

    async def drained(self) -> None:
        """Wait for the tasks that are under way now."""
        if self._tasks:
            await asyncio.wait(set(self._tasks))

    async def cancel(self) -> None:
        """Cancel what is under way, and wait."""
        self._cancelled = True
        for task in self._tasks:
            task.cancel()
        await self.drained()


def _error_of(task: asyncio.Task[Any], processor: ProcessorBase | None) -> BaseException | None:
    """Return what a task failed with; one that works on an event must not end without a word."""
    if not task.cancelled():
        return task.exception()
    if processor is None:
        return None  # a task of user code, cancelled by it
    return _cancelled(processor)


def _cancelled(processor: ProcessorBase) -> ProcessingError:
    return ProcessingError(f"the work of {processor.locate_address()} on an event was cancelled")


class _Work:
    __slots__ = ("context", "error", "event", "ready", "result")

    def __init__(
        self, context: Context, event: Event, result: Event = None, error: BaseException | None = None, ready: bool = False
    ) -> None:
        self.context, self.event = context, event
        self.ready, self.result, self.error = ready, result, error


class AsyncStage:
    """An asynchronous or threaded processor: up to `concurrency` events in work, leaving in the order they came.

    Args:
        pipeline: Throttled while more than twice `concurrency` events wait.
        processor: The processor whose `process` is a coroutine function, or is to run in threads.
        leave: Takes context and result of each event, in order, on the loop.
        failed: Takes context, event and error of an event that failed, in the same order.
    """

    def __init__(
        self,
        pipeline: Work,
        processor: Processor,
        leave: Callable[[Context, Event], None],
        failed: Callable[[Context, Event, BaseException], None],
    ) -> None:
        """Begin with nothing in work."""
        self._pipeline = pipeline
        self.processor = processor
        self._leave, self._failed = leave, failed
        self._limit = processor.options.concurrency
        self._process: Callable[[Context, Event], Awaitable[Event]] = processor.process
        self._process_at_once = processor.process_at_once
        if processor.threaded:
            # Our own threads: the loop's default executor is shared by everybody and smaller than `concurrency` may be.
            self._threads = ThreadPoolExecutor(self._limit, thread_name_prefix=processor.Id)
            self._process = self._in_thread
        self._waiting: deque[_Work] = deque()  # not started
        self._order: deque[_Work] = deque()  # all that have not left, oldest first
        self._tasks: set[asyncio.Task[None]] = set()
        self._entered = self._left = 0
        self._cancelled = False
        self._watchers: list[tuple[int, asyncio.Future[None]]] = []

    def submit(self, context: Context, event: Event) -> None:
        """Take one event; it leaves at once if nothing must be awaited, neither for it nor for those before it."""
        if self._cancelled:  # given up already, and another pipeline was still sending
            note(context, Outcome.FAILED, _cancelled(self.processor))
            return
        at_once = self._process_at_once
        work = None
        if at_once is not None:
            try:
                result = at_once(context, event)
            except Exception as error:  # not swallowed: it leaves in order, to the error policy
                work = _Work(context, event, error=error, ready=True)
            else:
                if result is not NotImplemented:
                    if not self._order:
                        self._leave(context, result)
                        return
                    work = _Work(context, event, result=result, ready=True)
        hold(context)
        self._entered += 1
        work = work or _Work(context, event)
        self._order.append(work)
        if not work.ready:
            self._waiting.append(work)
            self._start_waiting()
        elif len(self._order) == 1:
            self._let_go()
        if len(self._order) >= 2 * self._limit:
            self._pipeline.throttle(self)

    async def drained(self) -> None:
        """Wait until everything submitted before this call has left."""
        if self._left < self._entered:
            watcher: asyncio.Future[None] = self._pipeline.Loop.create_future()
            self._watchers.append((self._entered, watcher))
            await watcher

    async def cancel(self) -> None:
        """Cancel what is in work, and wait."""
        self._cancelled = True
        self._waiting.clear()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(set(self._tasks))
        for work in self._order:
            note(work.context, Outcome.FAILED, _cancelled(self.processor))
            release(work.context)
        self._order.clear()

    def close(self) -> None:
        """Let the threads go; called once, when nothing is in work any more."""
        if self.processor.threaded:
            self._threads.shutdown(wait=False)

    def _start_waiting(self) -> None:
        while self._waiting and len(self._tasks) < self._limit:
            task = self._pipeline.Loop.create_task(self._work(self._waiting.popleft()))
            self._tasks.add(task)
            task.add_done_callback(self._on_done)

    async def _work(self, work: _Work) -> None:
        try:
            work.result = await self._process(work.context, work.event)
        except asyncio.CancelledError:
            if self._cancelled:
                raise
            work.error = _cancelled(self.processor)
        except Exception as error:  # not swallowed: it leaves in order, to the error policy
            work.error = error
        work.ready = True

    async def _in_thread(self, context: Context, event: Event) -> Event:
        return await self._pipeline.Loop.run_in_executor(self._threads, self.processor.process, context, event)

    def _on_done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if task.cancelled():
            return
        task.result()
        self._start_waiting()
        self._let_go()

    def _let_go(self) -> None:
        while self._order and self._order[0].ready:
            work = self._order.popleft()
            self._left += 1
            if work.error is not None:
                self._failed(work.context, work.event, work.error)
            else:
                self._leave(work.context, work.result)
            release(work.context)
        if len(self._order) <= self._limit:
            self._pipeline.throttle(self, False)
        while self._watchers and self._watchers[0][0] <= self._left:
            watcher = self._watchers.pop(0)[1]
            if not watcher.done():
                watcher.set_result(None)


def is_asynchronous(processor: ProcessorBase) -> bool:
    """Tell whether `process` of a processor does not return its result at once."""
    return isinstance(processor, Processor) and (processor.threaded or inspect.iscoroutinefunction(processor.process))

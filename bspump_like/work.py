"""What a pipeline has under way beside the event path: tasks, retries, asynchronous processors; and waiting for it."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from .abc import Context, Event, ProcessorBase
from .inflight import AsyncStage, Tasks
from .readiness import Readiness
from .structure import Structure


class Work(Structure, Readiness):
    """The work of one pipeline that takes longer than a step of the loop; the base of `Pipeline` that owns it."""

    options: Any

    def __init__(self) -> None:
        """Begin with none."""
        Structure.__init__(self)
        Readiness.__init__(self)
        self._tasks: dict[int, Tasks] = {-1: Tasks(self, -1)}
        self._retries: dict[int, Tasks] = {}
        self._stages: dict[int, AsyncStage] = {}

    def add_depth(self, depth: int) -> None:
        """Make room for the work of a depth."""
        self._tasks.setdefault(depth, Tasks(self, depth))
        self._retries.setdefault(depth, Tasks(self, depth))

    def ensure_future(self, coro: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Run a coroutine as a task of the pipeline: barriers wait for it, and its exception becomes an error of the pipeline.

        More than `async_concurency_limit` of them throttle the sources.
        """
        return self.start_task(coro, -1, None, None, None)

    def start_task(
        self, coro: Coroutine[Any, Any, Any], depth: int, context: Context | None, event: Event,
        processor: ProcessorBase | None,
    ) -> asyncio.Task[Any]:  # fmt: skip
        """Run a coroutine on behalf of an event at a depth; the event fails if the coroutine does."""
        return self._start_in(self._tasks[depth], coro, context, event, processor)

    def start_retry(
        self,
        coro: Coroutine[Any, Any, Any],
        depth: int,
        context: Context,
        event: Event,
        processor: ProcessorBase,
    ) -> None:
        """Run a coroutine that tries an event again: barriers wait for it after all other work of the depth."""
        self._start_in(self._retries[depth], coro, context, event, processor)

    def _start_in(
        self, tasks: Tasks, coro: Coroutine[Any, Any, Any], context: Context | None, event: Event,
        processor: ProcessorBase | None,
    ) -> asyncio.Task[Any]:  # fmt: skip
        task = tasks.start(coro, context, event, processor)
        if self._task_count() == self.options.async_concurency_limit:
            self.throttle(self._tasks[-1])
        return task

    def _task_count(self) -> int:
        return sum(map(len, self._tasks.values())) + sum(map(len, self._retries.values()))

    def start_service(self, coro: Coroutine[Any, Any, None], part: ProcessorBase) -> asyncio.Task[None]:
        """Run a coroutine that serves a part as long as it lives, beside the events; the part stops it.

        No barrier waits for it. If it raises, the pipeline halts: a part without its service would keep events for ever.
        """
        task = self.Loop.create_task(coro, name=f"service of {part.locate_address()}")

        def done(task: asyncio.Task[None]) -> None:
            error = None if task.cancelled() else task.exception()
            if error is not None:
                self.set_error(None, None, error)

        task.add_done_callback(done)
        return task

    def task_failed(
        self, depth: int, processor: ProcessorBase | None, error: BaseException, context: Context | None, event: Event
    ) -> None:
        """Take a task that raised."""
        if processor is None:
            self.set_error(context, event, error)
            return
        index = self.index_at(depth, processor)
        self.failures.failed(depth, index, error, {} if context is None else context, (None,) * index + (event,))

    def on_task_done(self) -> None:
        """Let the sources go on when there are few enough tasks."""
        tasks = self._tasks[-1]
        if tasks in self._throttles and self._task_count() < self.options.async_concurency_limit:
            self.throttle(tasks, False)

    async def drain(self, depth: int) -> None:
        """Wait for the work of a depth that is under way now; -1: only for tasks of no known depth."""
        await self._tasks[-1].drained()
        if depth < 0:
            return
        retries = self._retries[depth]
        for _ in (*self.Processors[depth], None):  # what is tried again may fail once more, at every processor behind
            idle, started = not retries, retries.started
            await self._tasks[depth].drained()
            await self._drain_stage(depth)
            if idle and retries.started == started:
                return
            await retries.drained()
        await self._tasks[depth].drained()  # of a generator that has got at last what was tried again
        await self._drain_stage(depth)

    async def _drain_stage(self, depth: int) -> None:
        if depth in self._stages:
            await self._stages[depth].drained()

    def is_retrying(self) -> bool:
        """Tell whether an event is being tried again: parts behind it have not seen it yet."""
        return any(self._retries.values())

    async def give_up(self) -> None:
        """Cancel what is under way, and wait until it has ended."""
        for tasks in (*self._tasks.values(), *self._retries.values()):
            await tasks.cancel()
        for stage in self._stages.values():
            await stage.cancel()
            stage.close()

"""Whether the sources of a pipeline may send: throttles, holds of barriers, errors; and what people are told of it."""

from __future__ import annotations

import asyncio
import collections
import logging
import os
from typing import TYPE_CHECKING, Any

import asab

from .abc import Context, Event, ProcessorBase, Source
from .barrier import Committer, Stopping
from .errors import BSPumpError
from .metrics import PipelineMetrics

if TYPE_CHECKING:
    from .application import BSPumpApplication
    from .failure import Failures

_READIES_PER_YIELD = 10_000  # the contract: `ready()` gives the loop a turn once in so many calls


class Readiness:
    """The gate in front of one pipeline; the base of `Pipeline` that opens and closes it."""

    Id: str
    App: BSPumpApplication
    Loop: asyncio.AbstractEventLoop
    PubSub: asab.PubSub
    committer: Committer
    metrics: PipelineMetrics | None
    failures: Failures
    L: PipelineLogger
    Sources: list[Source]
    ended: bool

    def __init__(self) -> None:
        """Begin closed."""
        self._throttles: set[Any] = set()
        self._holds: set[Any] = set()
        self._ancestors: set[Readiness] = set()
        self._unavailable: dict[Any, str] = {}
        self._error: tuple[Context | None, Event, BaseException] | None = None
        self._started = False
        self._open = False  # `_ready.is_set()`, without the call
        self._ready = asyncio.Event()
        self._flows = asyncio.Event()
        self._sound = asyncio.Event()
        self._sound.set()
        self._waiters: list[asyncio.Future[None]] = []
        self._readies = 0

    def throttle(self, who: Any, enable: bool = True) -> None:
        """Stop the sources while anybody asks for it; pipelines this one is linked to are throttled too.

        Args:
            who: Whoever asks; the same object takes it back.
            enable: False takes it back.
        """
        if enable:
            self._throttles.add(who)
        else:
            self._throttles.discard(who)
        self._update_ready()

    def hold(self, who: Any, enable: bool = True) -> None:
        """Stop new input, as `throttle` does, but let pass what other pipelines have sent: a barrier waits for that."""
        (self._holds.add if enable else self._holds.discard)(who)
        self._update_ready()

    def get_throttles(self) -> set[Any]:
        """Return who throttles the pipeline now."""
        return self._throttles | self._holds

    def link(self, ancestral_pipeline: Readiness) -> None:
        """Throttle `ancestral_pipeline` whenever this pipeline is not ready."""
        self._ancestors.add(ancestral_pipeline)
        self._update_ready(force=True)

    def unlink(self, ancestral_pipeline: Readiness) -> None:
        """Take `link` back."""
        self._ancestors.discard(ancestral_pipeline)
        ancestral_pipeline.throttle(self, False)

    def is_ready(self) -> bool:
        """Tell whether the sources may send."""
        return self._open

    async def ready(self) -> bool:
        """Wait until the sources may send; every source awaits it before producing."""
        self._readies += 1
        if self._open and not self._readies % _READIES_PER_YIELD:
            await asyncio.sleep(0)
        while not self._open:  # it may have closed again before this task had its turn
            await self._ready.wait()
        return True

    async def flowing(self) -> None:
        """Wait until what other pipelines have sent may be taken."""
        await self._flows.wait()

    def _update_ready(self, force: bool = False) -> None:
        is_open = self._started and not self._throttles and not self._holds and self._error is None
        if self._started and not self._throttles and self._error is None:
            self._flows.set()
        else:
            self._flows.clear()
        if is_open == self._open and not force:
            return
        changed, self._open = is_open != self._open, is_open
        if is_open:
            self._ready.set()
        else:
            self._ready.clear()
        for ancestor in self._ancestors:
            ancestor.throttle(self, not is_open)
        if self.metrics is not None:
            self.metrics.duty_cycle.set("ready", is_open)
        if changed:
            self.PubSub.publish(f"bspump.pipeline.{'ready' if is_open else 'not_ready'}!", pipeline=self)

    def report_unavailable(self, who: Source | ProcessorBase, error: BaseException) -> bool:
        """Note that a source or sink has lost its server; shown in the state until it is back.

        Returns:
            Whether this is news; the same failure again need not be logged again.
        """
        text = f"{who.Id}: {error}"
        news = self._unavailable.get(who) != text
        self._unavailable[who] = text
        return news

    def report_available(self, who: Source | ProcessorBase) -> None:
        """Note that a source or sink has its server (again)."""
        self._unavailable.pop(who, None)

    def state(self) -> str:
        """Return one word, and what there is to say about it, for people."""
        if self._error is not None:
            return f"error: {self._error[2]}"
        if self.committer.blocked_by is not None:
            return f"blocked: {self.committer.blocked_by}"
        if self._unavailable:
            return f"unavailable: {'; '.join(self._unavailable.values())}"
        if self.ended:
            return "finished"
        if not self._started:
            return "stopped"
        return "throttled" if self._throttles else "running"  # a barrier's hold is part of running

    def is_error(self) -> bool:
        """Tell whether the pipeline has halted."""
        return self._error is not None

    def set_error(self, context: Context | None, event: Event, exc: BaseException | None) -> None:
        """Halt the pipeline with an error, or clear it with `set_error(None, None, None)`.

        Clearing runs the halted events again, from the processor where they failed, and starts the sources that have died.
        """
        if exc is None:
            self._clear_error()
            return
        if self._error is not None:
            return
        self._error = (context, event, exc)
        self._sound.clear()
        self.L.error(
            "pipeline %s halted%s: %s; mend it, then clear the error (kill -USR1 %d) or restart: the event is tried again",
            self.Id, self.failures.where_halted(), exc if str(exc) else repr(exc), os.getpid(),
            exc_info=None if isinstance(exc, BSPumpError) else exc,
        )  # fmt: skip
        self._update_ready()
        self.PubSub.publish("bspump.pipeline.error!", pipeline=self)
        self.App.pump_service.on_pipeline_error(self)

    def _clear_error(self) -> None:
        if self._error is None:
            return
        self._error = None
        self._sound.set()
        self.failures.resume()
        self.wake_waiters()
        self._update_ready()
        self.PubSub.publish("bspump.pipeline.clear_error!", pipeline=self)
        if self._started and self._error is None and not self.committer.closing:
            for source in self.Sources:
                if not source.finished:
                    source.restart(self.Loop)

    async def healthy(self) -> None:
        """Wait until no event is halted; a barrier must not pass one.

        Raises:
            Stopping: The pump stops, and nobody has mended it.
        """
        while self._error is not None:
            if self.committer.stopping:
                raise Stopping(f"pipeline {self.Id} halted", detail=str(self._error[2]))
            waiter = self.Loop.create_future()
            self._waiters.append(waiter)
            await waiter

    def wake_waiters(self) -> None:
        """Let barriers that wait for a halted event look again: it was mended, or the pump stops."""
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)


class PipelineLogger(logging.LoggerAdapter):  # type: ignore[type-arg]
    """The logger of one pipeline, which keeps its last 50 lines for the web page."""

    def __init__(self, name: str) -> None:
        """Log to the logger `name`."""
        super().__init__(logging.getLogger(name), {})
        self.Deque: collections.deque[str] = collections.deque(maxlen=50)

    def log(self, level: int, msg: object, *args: object, **kwargs: Any) -> None:
        """Log and keep."""
        self.Deque.append(f"{logging.getLevelName(level)}: {str(msg) % args if args else msg}")
        super().log(level, msg, *args, **kwargs)

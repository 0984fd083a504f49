"""A clock that a test moves: timers fire in the order of their times, and the wall shows what the test says."""

from __future__ import annotations

import asyncio
import contextvars
import datetime
import heapq
import itertools
import selectors
import weakref
from collections.abc import Callable
from typing import Any

from ..errors import ConfigError


class _Selector(selectors.DefaultSelector):
    """Tells how long the loop was idle until a timer was due."""

    on_idle: Callable[[float], None]

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Wait for something to happen; nothing happens until the next timer is due."""
        found = super().select(timeout)
        if not found and timeout is not None and timeout > 0:
            self.on_idle(timeout)
        return found


class ClockLoop(asyncio.SelectorEventLoop):
    """An event loop whose time can be moved ahead, and frozen.

    Frozen, its time passes only where it has nothing to do but wait for a timer, and then by exactly what it waits: however
    long the work in between takes, timers fire at the same times in every run.
    """

    def __init__(self) -> None:
        """Begin with the time of the machine, going on."""
        self.ahead = 0.0
        self._frozen_at: float | None = None
        self._numbers = itertools.count()  # two timers of one time are told apart, in their order
        self._timers: list[tuple[float, int, weakref.ref[asyncio.TimerHandle]]] = []
        self.in_threads = 0
        """Calls that run in threads now: the store's, those of files."""
        selector = _Selector()
        selector.on_idle = self._on_idle
        super().__init__(selector)

    def freeze(self) -> None:
        """Let time pass no more while something is done."""
        self._frozen_at = super().time()

    def _on_idle(self, seconds: float) -> None:
        if self._frozen_at is not None:
            self.ahead += seconds

    def time(self) -> float:
        """Return the seconds of the clock that timers go by."""
        return (super().time() if self._frozen_at is None else self._frozen_at) + self.ahead

    def run_in_executor(  # type: ignore[override]  # the call is only counted here
        self, executor: Any, func: Callable[..., Any], *args: Any
    ) -> asyncio.Future[Any]:
        """Call a function in a thread, and count it until it has ended."""
        future = super().run_in_executor(executor, func, *args)
        self.in_threads += 1
        future.add_done_callback(self._thread_done)
        return future

    def _thread_done(self, _future: asyncio.Future[Any]) -> None:
        self.in_threads -= 1

    def call_at(  # type: ignore[override]  # a timer's arguments are not looked at here
        self, when: float, callback: Callable[..., object], *args: Any, context: contextvars.Context | None = None
    ) -> asyncio.TimerHandle:
        """Schedule a call, and remember it: `next_timer` tells when the next is due."""
        handle = super().call_at(when, callback, *args, context=context)
        heapq.heappush(self._timers, (when, next(self._numbers), weakref.ref(handle)))
        return handle

    def next_timer(self) -> float | None:
        """Return the time of the next call that is neither made nor cancelled, None when there is none."""
        while self._timers:
            when, _, reference = self._timers[0]
            handle = reference()
            if handle is not None and not handle.cancelled() and when > self.time():
                return when
            heapq.heappop(self._timers)
        return None


class Clock:
    """The time of a pump under test.

    `now` is what the pump's parts get from `self.time()`. With a start of its own it stands still until `advance`: results
    that hold a time are the same in every run.

    Args:
        loop: The loop of the application.
        start: UNIX seconds, a `datetime` with a zone, or ISO 8601 text such as `2026-01-01T00:00:00Z`; None: the wall's time.

    Raises:
        ConfigError: The start is none of these.
    """

    def __init__(self, loop: ClockLoop, start: float | str | datetime.datetime | None = None) -> None:
        """Set the clock."""
        self._loop = loop
        self._start = None if start is None else unix_seconds(start)
        self._advanced = 0.0
        if start is not None:
            loop.freeze()

    @property
    def now(self) -> float | None:
        """The UNIX time in seconds; None when it is the machine's."""
        return None if self._start is None else self._start + self._advanced

    async def advance(self, seconds: float, settled: Callable[[], Any]) -> None:
        """Move ahead, from timer to timer, so that what repeats every minute is called for every minute.

        Args:
            seconds: How far.
            settled: Returns an awaitable that ends when what a timer has begun is over.
        """
        begin, before = self._loop.time(), self._advanced
        end = begin + seconds
        while True:
            due = self._loop.next_timer()
            now = self._loop.time()
            self._loop.ahead += max(min(end if due is None else due, end) - now, 0.0)
            self._advanced = before + min(self._loop.time() - begin, seconds)
            await settled()
            if due is None or due >= end:
                self._advanced = before + seconds
                return


def unix_seconds(value: float | str | datetime.datetime) -> float:
    """Return a time as UNIX seconds.

    Raises:
        ConfigError: It is no time, or has no zone.
    """
    if isinstance(value, int | float):
        return float(value)
    try:
        moment = datetime.datetime.fromisoformat(value) if isinstance(value, str) else value
    except ValueError:
        raise ConfigError(f"'{value}' is no time", hint="write 2026-01-01T00:00:00Z") from None
    if moment.tzinfo is None:
        raise ConfigError(f"the time '{value}' has no zone", hint="end it with Z for UTC, or with +01:00")
    return moment.timestamp()

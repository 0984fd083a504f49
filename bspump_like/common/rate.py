"""RateLimit: no more than so many events in a second."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from ..abc import Context, Event, Processor
from ..abc.processor import ConcurrencyOptions
from ..config import option

if TYPE_CHECKING:
    from ..application import BSPumpApplication
    from ..pipeline import Pipeline

_SHORTEST = 0.01  # seconds between two looks at the clock


class RateLimitOptions(ConcurrencyOptions):
    """The rate, and what becomes of more."""

    rate: float = option(1000.0, "events in a second, over time", gt=0)
    burst: int = option(100, "events that go on at once after a pause", ge=1)
    excess: Literal["wait", "drop"] = option(
        "wait", "wait: the sources pause, nothing is lost; drop: what is too much is dropped"
    )


class RateLimit(Processor):
    """Let through at most `rate` events in a second: the sources wait, or what is too much is dropped.

    In: any event. Out: the same, in order; or nothing, with `excess: drop`.

    It is a bucket of tokens: `burst` of them fit in, `rate` come in a second, an event takes one. Waiting throttles the pipeline
    between batches: a batch that is under way goes on and its tokens are owed, so the rate holds over time, and at one moment it
    is as fine as the sources' batches. The clock is looked at only when the bucket is empty.

    Example:
        pipelines:
          - id: Example
            sources:
              - {class: RandomSource, config: {number: 300}}
            processors:
              - {class: RateLimit, config: {rate: 1000, burst: 10}}
            sink: {class: NullSink}
    """

    class Options(RateLimitOptions):
        """The rate, and what becomes of more."""

    def __init__(
        self, app: BSPumpApplication, pipeline: Pipeline, id: str | None = None, config: Mapping[str, Any] | None = None
    ) -> None:
        """See `Processor`."""
        super().__init__(app, pipeline, id, config)
        self._rate: float = self.options.rate
        self._burst = float(self.options.burst)
        self._waits: bool = self.options.excess == "wait"
        self._tokens = self._burst
        self._filled = self.Loop.time()
        self._timer: asyncio.TimerHandle | None = None

    def process(self, context: Context, event: Event) -> Event:
        """Let the event pass, or not."""
        if self._tokens >= 1.0:
            self._tokens -= 1.0
            return event
        return self._at_the_limit(event)

    def _at_the_limit(self, event: Event) -> Event:
        if self._timer is None:
            self._fill()
            if self._tokens < 1.0:
                self._wait()
        if self._tokens < 1.0 and not self._waits:
            return None
        self._tokens -= 1.0
        return event

    def _fill(self) -> None:
        now = self.Loop.time()
        self._tokens = min(self._burst, self._tokens + (now - self._filled) * self._rate)
        self._filled = now

    def _wait(self) -> None:
        if self._waits:
            self.Pipeline.throttle(self)
        self._timer = self.Loop.call_later(max(_SHORTEST, (1.0 - self._tokens) / self._rate), self._go_on)

    def _go_on(self) -> None:
        self._timer = None
        self._fill()
        if self._tokens < 1.0:
            self._wait()
        elif self._waits:
            self.Pipeline.throttle(self, False)

    async def on_stop(self) -> None:
        """Stop the clock."""
        if self._timer is not None:
            self._timer.cancel()

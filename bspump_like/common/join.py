"""JoinGenerator: pairs of events from two streams that are close in time."""

from __future__ import annotations

import heapq
import itertools
import math
from collections import deque
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from ..abc import Context, Event, Generator, Outcome, ProcessorOptions
from ..config import Seconds, option
from ..event_time import seconds_of
from ..expression import Expression, provided_by
from ..recent import RecentLog
from ..settlement import KEY, note

if TYPE_CHECKING:
    from ..application import BSPumpApplication
    from ..pipeline import Pipeline

_LEFT, _RIGHT = True, False


class JoinGeneratorOptions(ProcessorOptions):
    """Which events belong together."""

    left: Expression = option(help="expression: true for events of the left stream", example='kind == "order"')
    key: Expression = option(help="expression that is equal for both events of a pair", example="order_id")
    time: Expression = option(
        help="expression of the event's time: UNIX seconds, a datetime, or ISO 8601 text",
        example="time",
        default="time",
    )
    within: Seconds = option(60.0, "most seconds between the two events of a pair", ge=0)
    lateness: Seconds = option(0.0, "seconds by which events may be out of order", ge=0)
    kind: str = option(
        "inner", "inner: pairs only; left: left events without a partner, too; full: right ones as well",
        choices=("inner", "left", "full"),
    )  # fmt: skip
    output: str = option(
        "nested", "nested: {left: event, right: event}; merged: one dict, where names meet the left event wins",
        choices=("nested", "merged"),
    )  # fmt: skip
    late: str = option("", "source that events are sent to that come too late; empty: they are dropped", refers="input")


class _Waiting:
    """An event that may still find a partner."""

    __slots__ = ("event", "is_left", "key", "matched", "time")

    def __init__(self, is_left: bool, key: Any, time: float, event: Event) -> None:
        self.is_left, self.key, self.time, self.event = is_left, key, time, event
        self.matched = False


class JoinGenerator(Generator):
    """Join two streams: send a pair for each left and right event with the same key, at most `within` seconds apart.

    Both streams come in at the same pipeline, which may have several sources. Time is event time: the watermark is that of
    the newest event less `lateness`. An event waits until the watermark has passed it by `within`; then it is forgotten, and
    sent without a partner (None) if `kind` says so and it never had one. What comes later than that is late.

    The events that wait are stored with each barrier, at the cost of what is new, so a crash joins nothing twice and forgets
    nothing. They are over all of the input that a process reads; events with one key must come to one worker.

    In: any event; dicts for `merged`. Events whose key is None have no partner. Out: a dict.
    Raises: ProcessingError, if side, key or time cannot be computed.

    Example:
        pipelines:
          - id: Example
            sources:
              - class: IteratorSource
                args:
                  iterator:
                    - {kind: order, id: 7, time: 100, item: book}
                    - {kind: payment, id: 7, time: 130, paid: 12.5}
                    - {kind: order, id: 8, time: 150, item: lamp}
            processors:
              - class: JoinGenerator
                config: {left: 'kind == "order"', key: id, time: time, within: 1m, kind: left}
            sink: {class: PPrintSink}
    """

    class Options(JoinGeneratorOptions):
        """Which events belong together."""

    def __init__(
        self, app: BSPumpApplication, pipeline: Pipeline, id: str | None = None, config: Mapping[str, Any] | None = None
    ) -> None:
        """See `Generator`."""
        super().__init__(app, pipeline, id, config)
        options = self.options
        names = provided_by(app)
        self._is_left: Callable[[Context, Event], Any] = options.left.compile(names)
        self._key: Callable[[Context, Event], Any] = options.key.compile(names)
        self._time: Callable[[Context, Event], Any] = options.time.compile(names)
        self._within: float = options.within
        self._merged = options.output == "merged"
        self._alone = {"inner": (), "left": (_LEFT,), "full": (_LEFT, _RIGHT)}[options.kind]
        self._waiting: dict[bool, dict[Any, list[_Waiting]]] = {_LEFT: {}, _RIGHT: {}}
        self._by_time: list[tuple[float, int, _Waiting]] = []
        self._numbers = itertools.count()
        self._watermark = -math.inf
        self._log = RecentLog(self.locate_address())
        self._newest = -math.inf  # time in the block of the log that is being filled
        self._ends: deque[float] = deque()  # the newest time in each block that is closed
        self._target: Any = None
        self.late_events = 0
        """Events that came too late."""

    async def on_start(self) -> None:
        """Let those wait again that the store has, and find where late events go."""
        if self.options.late:
            self._target = self.App.pump_service.connect_input(self.Pipeline, self.options.late)
        self._watermark = self._log.header.get("watermark", -math.inf)
        for block in self._log.blocks:
            self._ends.append(max((time for _, _, time, _ in block), default=-math.inf))
        self._newest = self._ends.pop()
        for is_left, key, time, event in self._log:
            self._pairs_of(_Waiting(is_left, key, time, event))  # they were sent before
        self._expire(lambda waiting: None)

    def process(self, context: Context, event: Event) -> None:
        """Send the pairs that an event makes, and those that it leaves alone."""
        waiting = _Waiting(
            bool(self._is_left(context, event)),
            self._key(context, event),
            seconds_of(self.options.time, self._time(context, event)),
            event,
        )
        if type(waiting.key) is list:
            waiting.key = tuple(waiting.key)
        if waiting.time + self._within < self._watermark:
            self._send_late(context, event)
            return
        depth = self.PipelineDepth + 1
        for partner in self._pairs_of(waiting):
            self.Pipeline.inject({}, self._pair(waiting, partner), depth)
        self._newest = max(self._newest, waiting.time)
        if self._log.append((waiting.is_left, waiting.key, waiting.time, event)):
            self._ends.append(self._newest)
            self._newest = -math.inf
        if waiting.time - self.options.lateness > self._watermark:
            self._watermark = waiting.time - self.options.lateness
            self._log.header = {"watermark": self._watermark}
            self._expire(self._send_alone)
        if KEY in context:
            note(context, Outcome.PROCESSED)  # it has arrived: the next barrier holds it

    def generate(self, context: Context, event: Event, depth: int) -> None:
        """Take the event; the replay of a dead letter comes here."""
        self.process(context, event)

    def _pairs_of(self, new: _Waiting) -> list[_Waiting]:
        """Let an event wait; return its partners."""
        heapq.heappush(self._by_time, (new.time, next(self._numbers), new))
        if new.key is None:
            return []
        found = [
            other
            for other in self._waiting[not new.is_left].get(new.key, ())
            if abs(other.time - new.time) <= self._within
        ]
        for other in found:
            other.matched = new.matched = True
        self._waiting[new.is_left].setdefault(new.key, []).append(new)
        return found

    def _expire(self, alone: Callable[[_Waiting], None]) -> None:
        """Forget those that the watermark has passed by `within`; call `alone` for each that never had a partner."""
        end = self._watermark - self._within
        while self._by_time and self._by_time[0][0] < end:
            waiting = heapq.heappop(self._by_time)[2]
            if waiting.key is not None:
                others = self._waiting[waiting.is_left]
                others[waiting.key].remove(waiting)
                if not others[waiting.key]:
                    del others[waiting.key]
            if not waiting.matched:
                alone(waiting)
        # A partner that is forgotten here still says of others that they had one: it is stored as long as they wait.
        while self._ends and self._ends[0] < end - self._within:
            self._ends.popleft()
            self._log.forget()

    def _send_alone(self, waiting: _Waiting) -> None:
        if waiting.is_left in self._alone:
            self.Pipeline.inject({}, self._pair(waiting, None), self.PipelineDepth + 1)

    def _send_late(self, context: Context, event: Event) -> None:
        self.late_events += 1
        if self._target is not None:
            self._target.accept(context, event)
        elif KEY in context:
            note(context, Outcome.DROPPED)

    def _pair(self, one: _Waiting, other: _Waiting | None) -> dict[str, Any]:
        event = None if other is None else other.event
        left, right = (one.event, event) if one.is_left else (event, one.event)
        return {**(right or {}), **(left or {})} if self._merged else {"left": left, "right": right}

    async def on_end_of_input(self) -> None:
        """Nobody else will come: send those that are alone."""
        self._watermark = math.inf
        self._expire(self._send_alone)
        self._watermark = -math.inf
        self._newest = -math.inf
        self._ends.clear()
        self._log.header = {}
        self._log.clear()

    def rest_get(self) -> dict[str, Any]:
        """Return what the web API shows of this part: events waiting, events that came too late."""
        return {**super().rest_get(), "Waiting": len(self._by_time), "Late": self.late_events}

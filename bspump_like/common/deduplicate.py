"""DeduplicateProcessor: each event once, within a memory of the last ids."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from ..abc import Context, Event, Processor
from ..abc.processor import ConcurrencyOptions
from ..config import Seconds, option
from ..errors import ProcessingError
from ..expression import Expression, provided_by
from ..recent import RecentLog

if TYPE_CHECKING:
    from ..application import BSPumpApplication
    from ..pipeline import Pipeline

_BLOCKS = 64  # the memory is forgotten by this part of it


class DeduplicateProcessorOptions(ConcurrencyOptions):
    """What makes events the same, and how long they are remembered."""

    key: Expression = option(help="expression of the id; several values: [origin, number]", example="event_id")
    capacity: int = option(100_000, "ids that are remembered at least, the newest", ge=1)
    ttl: Seconds | None = option(
        None, "seconds an id is remembered at least, by the clock; empty: only `capacity` counts", gt=0, example="1h"
    )
    duplicates: str = option("", "source that duplicates are sent to; empty: they are dropped", refers="input")


class DeduplicateProcessor(Processor):
    """Let an event pass when its id has not come within the last `capacity` ids; drop it, or send it to `duplicates`, otherwise.

    The memory is forgotten in pieces of a 64th, so at most so much more is remembered. It is stored with each barrier, at
    the cost of what is new: after a crash the same events pass and the same are dropped, and an event is never dropped for
    one that was not delivered. It is over all of the input that a process reads; events with one id must come to one worker.

    In: any event. Out: the same, unchanged. Events whose id is None pass.
    Raises: ProcessingError, if the id cannot be computed, or is a dict.

    Example:
        pipelines:
          - id: Example
            sources:
              - {class: IteratorSource, args: {iterator: [{id: 1, n: first}, {id: 2}, {id: 1, n: again}]}}
            processors:
              - {class: DeduplicateProcessor, config: {key: id, capacity: 1000}}
            sink: {class: PPrintSink}
    """

    class Options(DeduplicateProcessorOptions):
        """The id and the memory."""

    def __init__(
        self, app: BSPumpApplication, pipeline: Pipeline, id: str | None = None, config: Mapping[str, Any] | None = None
    ) -> None:
        """See `Processor`."""
        super().__init__(app, pipeline, id, config)
        self._key: Callable[[Context, Event], Any] = self.options.key.compile(provided_by(app))
        self._capacity: int = self.options.capacity
        self._ttl: float | None = self.options.ttl
        self._seen: set[Any] = set()
        self._log = RecentLog(self.locate_address(), max(1, min(1000, self._capacity // _BLOCKS)))
        self._begun: deque[float] = deque()  # when each block that is closed was
        self.found = 0
        """Duplicates since the start."""
        self._target: Any = None

    async def on_start(self) -> None:
        """Remember what the store has, and find where duplicates go."""
        self._seen.update(self._log)
        self._begun.extend([self.time()] * self._log.closed_blocks)
        if self.options.duplicates:
            self._target = self.App.pump_service.connect_input(self.Pipeline, self.options.duplicates)

    def process(self, context: Context, event: Event) -> Event:
        """Let the event pass, or not."""
        key = self._key(context, event)
        if type(key) is list:
            key = tuple(key)
        try:
            if key in self._seen:
                return self._duplicate(context, event)
        except TypeError:
            raise ProcessingError(f"{key!r} cannot be an id", hint="use a text, a number, or a list of them") from None
        if key is not None:
            self._seen.add(key)
            if self._log.append(key):
                self._begun.append(self.time())
                self._forget_beyond_capacity()
        return event

    def _forget_beyond_capacity(self) -> None:
        while len(self._seen) - len(self._log.oldest) >= self._capacity:
            self._forget()

    def _forget(self) -> None:
        self._begun.popleft()
        self._seen.difference_update(self._log.forget())

    def _duplicate(self, context: Context, event: Event) -> None:
        self.found += 1
        if self._target is not None:
            self._target.accept(context, event)

    async def flush(self) -> None:
        """Forget what is older than `ttl`; at barriers, since events do not look at the clock."""
        if self._ttl is not None:
            oldest = self.time() - self._ttl
            while self._begun and self._begun[0] < oldest:
                self._forget()

    def rest_get(self) -> dict[str, Any]:
        """Return what the web API shows of this part: ids remembered, duplicates found."""
        return {**super().rest_get(), "Ids": len(self._seen), "Duplicates": self.found}

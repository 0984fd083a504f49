"""DelayProcessor: a pause before each event."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..abc import Context, Event, Processor
from ..abc.processor import ConcurrencyOptions
from ..config import Seconds, option

if TYPE_CHECKING:
    from ..application import BSPumpApplication
    from ..pipeline import Pipeline


class DelayOptions(ConcurrencyOptions):
    """How long."""

    delay: Seconds = option(1.0, "seconds that each event waits", ge=0)


class DelayProcessor(Processor):
    """Keep each event for a while, then let it go on.

    In: any event. Out: the same, in order. Up to `concurrency` events wait at a time, each for itself: 1 spaces them out.

    Example:
        pipelines:
          - id: Example
            sources:
              - {class: IteratorSource, args: {iterator: [1, 2, 3]}}
            processors:
              - {class: DelayProcessor, config: {delay: 10ms, concurrency: 1}}
            sink: {class: PrintSink}
    """

    class Options(DelayOptions):
        """How long."""

    def __init__(
        self, app: BSPumpApplication, pipeline: Pipeline, id: str | None = None, config: Mapping[str, Any] | None = None
    ) -> None:
        """See `Processor`."""
        super().__init__(app, pipeline, id, config)
        self._delay: float = self.options.delay

    async def process(self, context: Context, event: Event) -> Event:
        """Return the event, later."""
        await asyncio.sleep(self._delay)
        return event

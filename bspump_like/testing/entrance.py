"""How a test feeds a pipeline that has no input of its own: as another pipeline does."""

from __future__ import annotations

from typing import Any

from ..abc import Context, Event, Sink
from ..application import BSPumpApplication
from ..pipeline import Pipeline
from .feed import FeedSource


class _HandOver(Sink):
    """Sends every event to the first input of a pipeline."""

    target = ""
    _source: Any = None

    async def on_start(self) -> None:
        """Find the input, and let barriers pass."""
        self._source = self.App.pump_service.connect_input(self.Pipeline, self.target)

    def process(self, context: Context, event: Event) -> None:
        """Hand one event over."""
        self._source.accept(context, event)


class Entrance(Pipeline):
    """A pipeline in front of the one under test, so that barriers, ends and settlements reach that one as in production.

    Args:
        app: The application.
        target: Id of the pipeline to feed.
    """

    def __init__(self, app: BSPumpApplication, target: str) -> None:
        """Make the pipeline."""
        super().__init__(app, f"feed of {target}")
        self.feed = FeedSource(app, self)
        sink = _HandOver(app, self)
        sink.target = target
        self.build(self.feed, sink)

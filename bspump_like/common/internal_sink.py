"""A sink that hands events over to another pipeline."""

from __future__ import annotations

from ..abc import Context, Event, ProcessorOptions
from ..config import option
from .router import RouterSink


class InternalSinkOptions(ProcessorOptions):
    """Options of `InternalSink`."""

    target: str = option(help="address of the source that gets the events: `Pipeline` or `Pipeline.*Source`", refers="input")


class InternalSink(RouterSink):
    """Send every event to one other pipeline, as it is; the way to chain pipelines in a definition.

    Example:
        pipelines:
          - id: Example
            sources:
              - {class: IteratorSource, args: {iterator: [1, 2, 3]}}
            sink: {class: InternalSink, config: {target: Other}}
          - id: Other
            sources:
              - {class: InternalSource}
            sink: {class: PrintSink}
    """

    class Options(InternalSinkOptions):
        """Where the events go."""

    async def on_start(self) -> None:
        """Find the target; all pipelines are there by now."""
        self._source = self.locate(self.options.target)

    def process(self, context: Context, event: Event) -> None:
        """Hand the event over."""
        self._source.accept(context, event)

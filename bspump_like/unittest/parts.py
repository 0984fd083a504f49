"""The pipeline that stands around one processor under test."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..abc import Context, Event, ProcessorBase, Sink, TriggerSource
from ..pipeline import Pipeline

if TYPE_CHECKING:
    from ..application import BSPumpApplication


class UnitTestSource(TriggerSource):
    """Sends what the test has put into `Input`: pairs of context and event; None as context is an empty one."""

    def __init__(
        self, app: BSPumpApplication, pipeline: Pipeline, id: str | None = None, config: Mapping[str, Any] | None = None
    ) -> None:
        """See `TriggerSource`; there is no input yet."""
        super().__init__(app, pipeline, id, config)
        self.Input: Sequence[tuple[Context | None, Event]] = []

    async def cycle(self, *args: Any, **kwags: Any) -> None:
        """Send the input, in order."""
        for context, event in self.Input:
            await self.process(event, {} if context is None else context)


class UnitTestSink(Sink):
    """Keeps pairs of context and event in `Output`."""

    def __init__(
        self, app: BSPumpApplication, pipeline: Pipeline, id: str | None = None, config: Mapping[str, Any] | None = None
    ) -> None:
        """See `ProcessorBase`; nothing is kept yet."""
        super().__init__(app, pipeline, id, config)
        self.Output: list[tuple[Context, Event]] = []

    def process(self, context: Context, event: Event) -> None:
        """Keep one event."""
        self.Output.append((context, event))


class UnitTestPipeline(Pipeline):
    """One processor between a `UnitTestSource` and a `UnitTestSink`: `Source`, `Processor`, `Sink`.

    Args:
        app: The application.
        processor: Its class.
        *args: For its constructor, behind application and pipeline.
        **kwargs: The same.
    """

    def __init__(self, app: BSPumpApplication, processor: type[ProcessorBase], *args: Any, **kwargs: Any) -> None:
        """Build the pipeline."""
        super().__init__(app)
        self.Source = UnitTestSource(app, self)
        self.Processor = processor(app, self, *args, **kwargs)
        self.Sink = UnitTestSink(app, self)
        self.build(self.Source, self.Processor, self.Sink)

    def unittest_start(self) -> None:
        """Send the input once more; the first time it is sent when the application runs."""
        self.Source.restart()

"""The tee: events go on unchanged, and a copy goes to other pipelines."""

from __future__ import annotations

import copy
from typing import Any

from ..abc import Context, Event
from ..abc.processor import ConcurrencyOptions
from ..config import option
from ..errors import ConfigError
from .internal import InternalSource, InternalSourceOptions
from .router import RouterProcessor


class TeeOptions(ConcurrencyOptions):
    """Options of a tee."""

    targets: list[str] = option([], "addresses of the sources that get a copy: `Pipeline` or `Pipeline.*Source`", refers="input")
    copy_event: bool = option(True, "send deep copies; off when no pipeline changes its events")


class TeeProcessor(RouterProcessor):
    """Send a copy of every event to other pipelines; the event itself goes on.

    In and out: any event, unchanged. Either side binds: `tee.bind("Other.*InternalSource")`, the option `targets`, or
    `TeeSource.bind("This.TeeProcessor")` over there.

    Example:
        pipelines:
          - id: Example
            sources:
              - {class: IteratorSource, args: {iterator: [1, 2, 3]}}
            processors:
              - {class: TeeProcessor, config: {targets: [Other]}}
            sink: {class: NullSink}
          - id: Other
            sources:
              - {class: InternalSource}
            sink: {class: PrintSink}
    """

    class Options(TeeOptions):
        """Where the copies go."""

    def __init__(self, app: Any, pipeline: Any, id: str | None = None, config: Any = None) -> None:
        """See `ProcessorBase`."""
        super().__init__(app, pipeline, id, config)
        self._bound: list[str] = list(self.options.targets)
        self._sources: list[InternalSource] = []

    def bind(self, target: str) -> TeeProcessor:
        """Send copies to the source at `target` too; returns the processor."""
        self._bound.append(target)
        if self._sources:
            self._sources.append(self.locate(target))
        return self

    def unbind(self, target: str) -> None:
        """Send no more copies to `target`."""
        self._bound.remove(target)
        self._sources = [self.locate(address) for address in self._bound]
        self.unlocate(target)

    async def on_start(self) -> None:
        """Find the targets; all pipelines are there by now, and no source has begun to send."""
        pipelines = self.App.pump_service.Pipelines.values()
        sources = [source for pipeline in pipelines for source in pipeline.Sources if isinstance(source, TeeSource)]
        self._bound += [source.locate_address() for source in sources if source.claimed_by(self)]
        self._sources = [self.locate(address) for address in self._bound]

    def process(self, context: Context, event: Event) -> Event:
        """Send the copies."""
        for source in self._sources:
            source.accept(context, copy.deepcopy(event) if self.options.copy_event else event)
        return event


class TeeSource(InternalSource):
    """The other end of a tee, which may bind itself: `TeeSource(app, pipeline).bind("Other.TeeProcessor")`.

    Example:
        from bspump_like import Pipeline
        from bspump_like.common import PrintSink, TeeSource

        class Copies(Pipeline):
            def __init__(self, app, id="Copies"):
                super().__init__(app, id)
                self.build(TeeSource(app, self).bind("Main.TeeProcessor"), PrintSink(app, self))
    """

    class Options(InternalSourceOptions):
        """The size of the queue, and the tee to bind to."""

        tee: str = option("", "address of the TeeProcessor to get copies from: `Pipeline.TeeProcessor`", refers="tee")

    def __init__(self, app: Any, pipeline: Any, id: str | None = None, config: Any = None) -> None:
        """See `Source`."""
        super().__init__(app, pipeline, id, config)
        self._tee = self.options.tee

    def bind(self, target: str) -> TeeSource:
        """Get copies from the tee at `target`; returns the source."""
        self._tee = target
        return self

    def claimed_by(self, tee: TeeProcessor) -> bool:
        """Tell whether this source waits for `tee`, which binds it from now on."""
        if self._tee != tee.locate_address():
            return False
        self._tee = ""
        return True

    async def main(self) -> None:
        """Bind, unless the tee has done so at its start, then take what comes."""
        if self._tee:
            tee = self.App.pump_service.locate(self._tee)
            if not isinstance(tee, TeeProcessor):
                raise ConfigError(f"{self.locate_address()} binds to '{self._tee}', which is no TeeProcessor")
            tee.bind(self.locate_address())
            self._tee = ""
        await super().main()

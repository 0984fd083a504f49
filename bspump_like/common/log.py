"""LogProcessor: a line in the log for some of the events."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from ..abc import Context, Event, Processor
from ..abc.processor import ConcurrencyOptions
from ..config import option

if TYPE_CHECKING:
    from ..application import BSPumpApplication
    from ..pipeline import Pipeline


class LogOptions(ConcurrencyOptions):
    """What is written, and how often."""

    level: Literal["debug", "info", "notice", "warning", "error"] = option("notice", "level of the line")
    message: str = option("", "what stands before the event")
    every: int = option(1, "one line for so many events, the first of them", ge=1)
    most: int = option(500, "characters of the event that are written; 0: none", ge=0)


_LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "notice": 25,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}
"""Notice is asab's level between info and warning."""


class LogProcessor(Processor):
    """Write events into the log of the pipeline, and let them pass.

    In: any event. Out: the same. A line for every event of a stream costs much: see `every`.

    Example:
        pipelines:
          - id: Example
            sources:
              - {class: RandomSource, config: {number: 1000}}
            processors:
              - {class: LogProcessor, config: {message: passed, every: 250}}
            sink: {class: NullSink}
    """

    class Options(LogOptions):
        """What is written, and how often."""

    def __init__(
        self, app: BSPumpApplication, pipeline: Pipeline, id: str | None = None, config: Mapping[str, Any] | None = None
    ) -> None:
        """See `Processor`."""
        super().__init__(app, pipeline, id, config)
        self._level = _LEVELS[self.options.level]
        self._every: int = self.options.every
        self._until = 1

    def process(self, context: Context, event: Event) -> Event:
        """Let the event pass, perhaps with a line."""
        self._until -= 1
        if not self._until:
            self._until = self._every
            most = self.options.most
            text = repr(event)[:most] if most else ""
            self.Pipeline.L.log(self._level, "%s: %s", self.Id, " ".join(filter(None, (self.options.message, text))))
        return event

"""RandomDrop: a random part of the events."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..abc import Context, Event, Processor
from ..abc.processor import ConcurrencyOptions
from ..config import option
from .values import SeedOptions

if TYPE_CHECKING:
    from ..application import BSPumpApplication
    from ..pipeline import Pipeline


class RandomDropOptions(SeedOptions, ConcurrencyOptions):
    """How many."""

    threshold: float = option(0.5, "share of the events that is dropped: 0 none, 1 all", ge=0, le=1)


class RandomDrop(Processor):
    """Drop events at random: a sample of a stream goes on.

    In: any event. Out: the same, or nothing.

    Example:
        pipelines:
          - id: Example
            sources:
              - {class: RandomSource, config: {number: 1000, field: n}}
            processors:
              - {class: RandomDrop, config: {threshold: 0.99}}
            sink: {class: PPrintSink}
    """

    class Options(RandomDropOptions):
        """How many."""

    def __init__(
        self, app: BSPumpApplication, pipeline: Pipeline, id: str | None = None, config: Mapping[str, Any] | None = None
    ) -> None:
        """See `Processor`."""
        super().__init__(app, pipeline, id, config)
        self._threshold: float = self.options.threshold
        self._draw = random.Random(self.options.seed).random  # noqa: S311 - a sample, no secret

    def process(self, context: Context, event: Event) -> Event:
        """Let the event pass, or not."""
        return event if self._draw() >= self._threshold else None

"""RandomSource: random events."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..abc import Event, SourceOptions, TriggerSource
from ..config import Seconds, option
from .values import ValueOptions, drawing

if TYPE_CHECKING:
    from ..application import BSPumpApplication
    from ..pipeline import Pipeline

_BATCH = 100


class RandomSourceOptions(ValueOptions, SourceOptions):
    """How many events, and what is in them."""

    field: str = option("", "field of an event that has the value; empty: the value itself is the event")
    number: int = option(1000, "events of one cycle", ge=0)
    event_idle_time: Seconds = option(0.01, "length of a pause in seconds", ge=0)
    events_till_idle: int = option(10000, "events between two pauses", ge=1)


class RandomSource(TriggerSource):
    """Send random events: whole numbers between two bounds, or values chosen from several.

    Out: the value, or a dict with it in `field`. `number` events at each firing of a trigger; without one `number` in all.
    There is no position: after a restart it begins anew.

    Example:
        pipelines:
          - id: Example
            sources:
              - {class: RandomSource, config: {number: 5, field: value, upper_bound: 9, seed: 1}}
            sink: {class: PPrintSink}
    """

    class Options(RandomSourceOptions):
        """How many, and what."""

    def __init__(
        self, app: BSPumpApplication, pipeline: Pipeline, choice: Sequence[Any] | None = None, id: str | None = None,
        config: Mapping[str, Any] | None = None,
    ) -> None:  # fmt: skip
        """See `TriggerSource`.

        Args:
            app: The application.
            pipeline: The pipeline.
            choice: Values to choose from; the option when left out.
            id: Name within the pipeline.
            config: Options.

        Raises:
            ConfigError: The bounds are the wrong way round.
        """
        super().__init__(app, pipeline, id, config)
        self._draw = drawing(self.options, choice, self.locate_address())

    def generate_random(self) -> Event:
        """Return the next event; override it for others."""
        field, value = self.options.field, self._draw()
        return {field: value} if field else value

    async def cycle(self, *args: Any, **kwargs: Any) -> None:
        """Send the events of one cycle."""
        missing, until_pause = self.options.number, self.options.events_till_idle
        while missing:
            count = min(missing, until_pause, _BATCH)
            await self.deliver([self.generate_random() for _ in range(count)])
            missing -= count
            until_pause -= count
            if not until_pause:
                until_pause = self.options.events_till_idle
                await asyncio.sleep(self.options.event_idle_time)

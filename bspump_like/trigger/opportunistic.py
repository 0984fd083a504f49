"""As often as there is something to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..config import Seconds
from .timer import Timer
from .trigger import Overlap, Trigger

if TYPE_CHECKING:
    from ..abc import TriggerSource
    from ..application import BSPumpApplication


class OpportunisticTrigger(Trigger):
    """Fires at once, again after each cycle that found something, else every `chilldown_period`.

    A cycle found something if the pipeline took an event during it. So a folder of a thousand files is read without a pause,
    and an empty one is looked at every few seconds.

    Example:
        pipelines:
          - id: Example
            sources:
              - class: IteratorSource
                args: {iterator: [tick]}
                trigger: {class: OpportunisticTrigger, args: {chilldown_period: 1s}}
            sink: {class: PPrintSink}
    """

    def __init__(
        self, app: BSPumpApplication, id: str | None = None, run_immediately: bool = True, chilldown_period: Seconds = 5,
        *, max_triggered: int | None = None, overlap: Overlap = "skip",
    ) -> None:  # fmt: skip
        """Fire as soon as the event loop runs.

        Args:
            app: The application.
            id: Name of the trigger; the class name when empty.
            run_immediately: False: the first firing comes after `chilldown_period`.
            chilldown_period: Seconds between two firings when there is nothing to do.
            max_triggered: See `Trigger`.
            overlap: See `Trigger`.
        """
        super().__init__(app, max_triggered, id, overlap=overlap)
        self.ChilldownPeriod = self._seconds("chilldown_period", chilldown_period)
        self._events_in: dict[TriggerSource, int] = {}
        self._timer = Timer(app, self.on_tick)
        self._timer.set(0 if run_immediately else self.ChilldownPeriod)

    def on_tick(self, event_type: str = "simulated") -> None:
        """Fire, and set the timer for the next time."""
        self._timer.set(self.ChilldownPeriod)
        self.fire()

    def done(self, trigger_source: TriggerSource) -> None:
        """Start the next cycle of this source if this one found something."""
        super().done(trigger_source)
        found = trigger_source.Pipeline.counters.events_in
        if found != self._events_in.get(trigger_source, 0):
            self._events_in[trigger_source] = found
            # Not from within: the source is just leaving its cycle.
            self.Loop.call_soon(self._fire_again, trigger_source)

    def remove(self, source: TriggerSource) -> None:
        """Fire for `source` no more."""
        super().remove(source)
        self._events_in.pop(source, None)

    def pause(self, pause: bool = True) -> None:
        """Stop firing, or go on: then at once."""
        super().pause(pause)
        if pause:
            self._timer.cancel()
        else:
            self._timer.set(0)

    def _fire_again(self, source: TriggerSource) -> None:
        if not self.Paused and source in self.Sources:
            self.LastFireAt = self.Loop.time()
            self._fire_for(source)

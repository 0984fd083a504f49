"""Every so many seconds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..config import Seconds
from ..errors import ConfigError, Problem
from .timer import Timer
from .trigger import Overlap, Trigger

if TYPE_CHECKING:
    from ..application import BSPumpApplication


class PeriodicTrigger(Trigger):
    """Fires every `interval` seconds, for the first time after one interval.

    The grid does not drift: firings are at start + n * interval. Those that a busy or suspended machine missed are
    skipped, not made up for.

    Example:
        pipelines:
          - id: Example
            sources:
              - class: IteratorSource
                args: {iterator: [tick]}
                trigger: {class: PeriodicTrigger, args: {interval: 1s}}
            sink: {class: PPrintSink}
    """

    def __init__(
        self, app: BSPumpApplication, interval: Seconds | None = None, id: str | None = None,
        *, max_triggered: int | None = None, overlap: Overlap = "skip",
    ) -> None:  # fmt: skip
        """Begin the first interval as soon as the event loop runs.

        Args:
            app: The application.
            interval: Seconds from one firing to the next; must be given.
            id: Name of the trigger; the class name when empty.
            max_triggered: See `Trigger`.
            overlap: See `Trigger`.

        Raises:
            ConfigError: There is no interval, or it is not a positive number of seconds.
        """
        super().__init__(app, max_triggered, id, overlap=overlap)
        if interval is None:
            problem = Problem(f"trigger {self.Id} has no 'interval'", ("args",), hint="seconds, or text with a unit such as 5m")
            raise ConfigError([problem])
        self.Interval = self._seconds("interval", interval)
        self._next = 0.0
        self._timer = Timer(app, self._on_time)
        # The loop's clock stands still until it runs, and a pump may be built long before: count from the first turn.
        self.Loop.call_soon(self._begin)

    def on_timer(self) -> None:
        """Fire; called at every interval."""
        self.fire()

    def _begin(self) -> None:
        self._next = self.Loop.time() + self.Interval
        self._timer.set(self.Interval)

    def _on_time(self) -> None:
        late = self.Loop.time() - self._next
        self._next += self.Interval * (1 + max(0, int(late / self.Interval)))
        self._timer.set(max(self._next - self.Loop.time(), 0))
        self.on_timer()

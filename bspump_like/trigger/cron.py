"""At the times of a cron expression."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ..abc.clock import wall_time
from .cron_schedule import CronSchedule
from .timer import Timer
from .trigger import Overlap, Trigger

if TYPE_CHECKING:
    from ..application import BSPumpApplication

_LONGEST_SLEEP = 60.0  # seconds; then look at the wall clock again: it may have been set, the machine suspended


class CronTrigger(Trigger):
    """Fires at the times of a cron expression, in a time zone, on the second.

    Times that pass while the application is down are lost. Of those that pass while the machine is busy or suspended the
    last one is fired, late.

    Example:
        pipelines:
          - id: Example
            sources:
              - class: IteratorSource
                args: {iterator: [tick]}
                trigger: {class: CronTrigger, args: {cron: "*/2 * * * * *"}}
            sink: {class: PPrintSink}
    """

    def __init__(
        self, app: BSPumpApplication, cron: str, timezone: str | None = None, id: str | None = None,
        *, max_triggered: int | None = None, overlap: Overlap = "skip", now: Callable[[], float] = wall_time,
    ) -> None:  # fmt: skip
        """Read the expression; fire from when the event loop runs.

        Args:
            app: The application.
            cron: Five fields `minute hour day month weekday`, six with seconds first, or `@hourly`, `@daily`, `@weekly`,
                `@monthly`, `@yearly`.
            timezone: An IANA name such as `Europe/Prague`; the zone of the machine when left out.
            id: Name of the trigger; the class name when empty.
            max_triggered: See `Trigger`.
            overlap: See `Trigger`.
            now: The wall clock, in UNIX seconds; tests give their own.

        Raises:
            ConfigError: The expression or the time zone cannot be read.
        """
        super().__init__(app, max_triggered, id, overlap=overlap)
        self.Schedule = CronSchedule(cron, timezone)
        self._now = now
        self.next_fire_at = self.Schedule.next_after(now())
        """When it fires next, in UNIX seconds."""
        self._timer = Timer(app, self.on_timer)
        self._timer.set(0)

    def on_timer(self) -> None:
        """Fire if it is time, and sleep until the next time or for a minute, whichever is less."""
        now = self._now()
        due = now >= self.next_fire_at
        if due:
            self.next_fire_at = self.Schedule.next_after(now)
        self._timer.set(min(max(self.next_fire_at - now, 0.0), _LONGEST_SLEEP))
        if due:
            self.fire()

"""GeneralAnomaly: over when nothing has happened for a while."""

from __future__ import annotations

from ..abc.anomaly import Anomaly


class GeneralAnomaly(Anomaly):
    """An anomaly of any type that has no class of its own: over when no event has come for `quiet` seconds.

    It is closed as of `updated + quiet`, whenever that is noticed; an event that comes in time after all opens it again. So the
    same events make the same anomalies, whatever the clock says.

    Example:
        from bspump_like.anomaly import GeneralAnomaly

        anomaly = GeneralAnomaly(status="open", updated=1000.0, occurrences=1)
        print(anomaly.continues(1100.0), anomaly.continues(1300.0))  # True False
    """

    TYPE = "general"

    quiet = 300.0
    """Seconds; those without a class of their own have what the option `quiet` says."""

    def continues(self, timestamp: float) -> bool:
        """Tell whether less than `quiet` seconds have passed since the last event."""
        return bool(timestamp - self["updated"] < self.quiet)

    def over_since(self) -> float:
        """Return when it had been quiet for long enough."""
        return float(self["updated"] + self.quiet)

    async def on_tick(self, current_time: float) -> None:
        """Close it when it has been quiet."""
        if not self.continues(current_time):
            self.close(self.over_since())

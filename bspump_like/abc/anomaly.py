"""Anomaly: something out of the ordinary that lasts for a while."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

OPEN, CLOSED = "open", "closed"


class Anomaly(dict[str, Any]):
    """One anomaly: a dict that says what it is about, from when to when, and whether it goes on.

    `AnomalyManager` fills in `id`, `type`, `key_dimensions` (name -> value), `status` (`open` or `closed`), `started`, `updated`
    and, when it is over, `closed` (UNIX seconds), `occurrences`, and `details` of the last event. Subclasses may add fields of
    what JSON and MessagePack can hold; they override `on_tick`, and `continues` or `add` if need be.

    Example:
        from bspump_like.abc import Anomaly


        class Outage(Anomaly):
            TYPE = "outage"

            def continues(self, timestamp):
                return timestamp - self["updated"] < 60

            async def on_tick(self, current_time):
                if not self.continues(current_time):
                    self.close(self.over_since())
    """

    TYPE: ClassVar[str] = ""
    """The type of anomalies that this class is for; one of its class is made for each event of the type."""

    def is_closed(self) -> bool:
        """Tell whether it is over."""
        return self.get("status") == CLOSED

    def close(self, current_time: float) -> None:
        """Note that it is over since `current_time`, UNIX seconds."""
        self["status"] = CLOSED
        self["closed"] = current_time

    def reopen(self) -> None:
        """Note that it goes on after all: an event came that belongs to it."""
        self["status"] = OPEN
        self.pop("closed", None)

    def continues(self, timestamp: float) -> bool:
        """Tell whether an event at this time belongs to it, as each does until it is closed; otherwise it begins another one."""
        return not self.is_closed()

    def over_since(self) -> float:
        """Return since when it is over, if nothing belongs to it any more: since its last event."""
        return float(self["updated"])

    def add(self, timestamp: float, details: Mapping[str, Any]) -> None:
        """Take in one more event, at `timestamp`, with what its `details` say."""
        self["occurrences"] += 1
        if timestamp >= self["updated"]:
            self["updated"] = timestamp
            self["details"] = dict(details)

    async def on_tick(self, current_time: float) -> None:
        """Close it when it is over; called now and then while it is open.

        Args:
            current_time: UNIX seconds by the events: the time of the newest one, and the seconds since that came.
        """
        raise NotImplementedError(f"{type(self).__name__} defines no on_tick(current_time)")

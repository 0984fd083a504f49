"""NullSink: throws events away."""

from __future__ import annotations

from ..abc import Context, Event, Sink


class NullSink(Sink):
    """Take every event and do nothing with it.

    In: any event. Out: nothing. Raises: nothing.
    """

    def process(self, context: Context, event: Event) -> None:
        """Forget the event."""

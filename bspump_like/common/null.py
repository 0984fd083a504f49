"""NullSink: throws events away."""

from __future__ import annotations

from ..abc import Context, Event, Sink


class NullSink(Sink):
    """Take every event and do nothing with it.

    In: any event. Out: nothing. Raises: nothing.

    Example:
        pipelines:
          - id: Example
            sources:
              - {class: IteratorSource, args: {iterator: [1, 2, 3]}}
            processors:
              - {class: PrintProcessor}
            sink: {class: NullSink}
    """

    def process(self, context: Context, event: Event) -> None:
        """Forget the event."""

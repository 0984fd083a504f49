"""Once, and then the sources have finished."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .trigger import Trigger

if TYPE_CHECKING:
    from ..abc import TriggerSource
    from ..application import BSPumpApplication


class RunOnceTrigger(Trigger):
    """Fires once for each source; when its cycle is done the source has finished.

    When all sources that are not fed by other pipelines have finished, everything is drained, committed, and the application
    ends.

    Example:
        pipelines:
          - id: Example
            sources:
              - class: IteratorSource
                args: {iterator: [tick]}
                trigger: {class: RunOnceTrigger}
            sink: {class: PPrintSink}
    """

    def __init__(self, app: BSPumpApplication, id: str | None = None) -> None:
        """Fire for each source as soon as it is added.

        Args:
            app: The application.
            id: Name of the trigger; the class name when empty.
        """
        super().__init__(app, None, id)

    @property
    def exhausted(self) -> bool:
        """Tell whether it has fired: True unless it is paused before it could."""
        return not self._waiting

    def add(self, source: TriggerSource) -> None:
        """Fire for `source`; its cycle begins when its pipeline is ready."""
        super().add(source)
        # Through the waiting line, so that a paused trigger fires when it goes on.
        self._waiting[source] = None
        self._start_waiting()

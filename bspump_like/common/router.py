"""Processors and sinks that send events to other pipelines."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, ClassVar

from ..abc import Context, Event, Processor, Sink

if TYPE_CHECKING:
    from .internal import InternalSource


class RouterMixIn:
    """Sends events to sources of other pipelines, by address."""

    App: Any
    Pipeline: Any
    _targets: dict[str, InternalSource]

    def locate(self, source_id: str) -> InternalSource:
        """Return the source at an address, `Pipeline.*Source` or just `Pipeline`; remembered after the first time.

        Raises:
            ConfigError: There is none.
        """
        try:
            return self._targets[source_id]
        except AttributeError:
            self._targets = {}
        except KeyError:
            pass
        source: InternalSource = self.App.pump_service.connect_input(self.Pipeline, source_id)
        self._targets[source_id] = source
        return source

    def unlocate(self, source_id: str) -> bool:
        """Forget a source; return whether it was known."""
        return getattr(self, "_targets", {}).pop(source_id, None) is not None

    def route(self, context: Context, event: Event, source_id: str, copy_event: bool = True) -> None:
        """Send an event to the source at `source_id`, any number of times for one event.

        Args:
            context: Of the event; the ancestor of the new context there.
            event: The event.
            source_id: Address of the source.
            copy_event: Send a deep copy, since both pipelines may change it.
        """
        self.locate(source_id).accept(context, copy.deepcopy(event) if copy_event else event)

    def dispatch(self, context: Context, event: Event, source_id: str, copy_event: bool = True) -> None:
        """Do the same as `route`; the older name."""
        self.route(context, event, source_id, copy_event)


class RouterSink(RouterMixIn, Sink):
    """A sink whose `process` you override to `route` events to other pipelines.

    Example:
        from bspump_like.common import RouterSink

        class ByCountry(RouterSink):
            def process(self, context, event):
                self.route(context, event, f"{event['country']}.*InternalSource")
    """

    to_override: ClassVar[tuple[str, ...]] = ("process",)


class RouterProcessor(RouterMixIn, Processor):
    """A processor whose `process` you override to `route` events to other pipelines on their way.

    Example:
        from bspump_like.common import RouterProcessor

        class Alarms(RouterProcessor):
            def process(self, context, event):
                if event["status"] >= 500:
                    self.route(context, event, "Alarms.*InternalSource")
                return event
    """

    to_override: ClassVar[tuple[str, ...]] = ("process",)

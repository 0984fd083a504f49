"""Sinks: the ends of pipelines."""

from __future__ import annotations

from .delivery import Context, Event
from .processor import ProcessorBase


class Sink(ProcessorBase):
    """The last part of a pipeline: takes events and returns nothing.

    A sink that is durable when `process` returns overrides only `process`. A sink that buffers remembers in `process` and
    overrides `flush`; it needs no timer of its own, since a barrier follows every batch of input.
    """

    def process(self, context: Context, event: Event) -> None:
        """Take one event; called for every event, in order, on the event loop. It must not block."""
        raise NotImplementedError(f"{type(self).__name__} defines no process(context, event)")

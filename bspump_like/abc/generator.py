"""Generators: steps that turn one event into any number of events."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, ClassVar

from .delivery import Context, Event
from .processor import ProcessorBase


class Generator(ProcessorBase):
    """A step that injects any number of events into the next depth, whenever it has them.

    Override `generate`. As `async def` it runs in a task of the pipeline, beside others, and order is not kept; as a plain
    `def` it runs at once, in order, and costs no task. A barrier waits for both.
    """

    to_override: ClassVar[tuple[str, ...]] = ("generate",)

    def set_depth(self, depth: int) -> None:
        """Take the depth this generator ends; the pipeline calls it when it is built."""
        self.PipelineDepth = depth

    def process(self, context: Context, event: Event) -> None:
        """Start `generate` for one event; the event itself goes no further."""
        started = self.generate(context, event, self.PipelineDepth + 1)
        if started is not None:
            self.Pipeline.start_task(started, self.PipelineDepth, context, event, self)

    def generate(self, context: Context, event: Event, depth: int) -> Coroutine[Any, Any, None] | None:
        """Produce events with `self.Pipeline.inject(context, new_event, depth)`, awaited or not.

        Args:
            context: Of the event.
            event: What the part before returned.
            depth: The depth to inject into.
        """
        raise NotImplementedError(f"{type(self).__name__} defines no generate(context, event, depth)")

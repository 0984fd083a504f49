"""Sinks: the ends of pipelines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from .delivery import Context, Event, Position
from .processor import ProcessorBase

if TYPE_CHECKING:
    from .source import Source


class Sink(ProcessorBase):
    """The last part of a pipeline: takes events and returns nothing.

    A sink that is durable when `process` returns overrides only `process`. A sink that buffers remembers in `process` and
    overrides `flush`; it needs no timer of its own, since a barrier follows every batch of input.
    """

    to_override: ClassVar[tuple[str, ...]] = ("process",)

    def process(self, context: Context, event: Event) -> None:
        """Take one event; called for every event, in order, on the event loop. It must not block."""
        raise NotImplementedError(f"{type(self).__name__} defines no process(context, event)")

    transactional = False
    """True: positions of the pipeline's sources go through `commit_transaction`, and input waits while a barrier goes on."""

    async def commit_transaction(self, positions: Mapping[Source, Position]) -> None:
        """Commit what was flushed together with the positions behind it, as one; called last in a barrier, after the store.

        It stands in place of the `commit` of these sources. From the beginning of the barrier until this returns no source of
        the group hands over anything, so what was flushed is exactly what stands before the positions.

        Returns when it is committed; or when nothing of it counts and the sources will read it again, by themselves.
        """
        raise NotImplementedError(f"{type(self).__name__} is transactional and defines no commit_transaction(positions)")

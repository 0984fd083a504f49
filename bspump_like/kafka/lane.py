"""The way to one partition: the batch that is being filled, and the batches under way."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any

from aiokafka.record.default_records import DefaultRecordBatch

from ..abc import Context
from .partitioner import Place

NO_HEADERS: list[tuple[str, bytes]] = []
"""Of a message without any: the client wants a list, and only reads it."""


class SentBatch:
    """Messages of one partition on their way; the contexts stay until they are acknowledged, for whoever is refused."""

    __slots__ = ("builder", "contexts", "settled")

    def __init__(self, builder: Any, contexts: list[Context]) -> None:
        self.builder = builder
        self.contexts = contexts
        self.settled: asyncio.Future[None] | None = None  # for whoever waits for it

    def messages(self) -> list[Any]:
        """Return what was written into the builder; each has `key`, `value` and `headers`."""
        return list(DefaultRecordBatch(bytes(self.builder._build())))


def _full(*message: Any) -> None:
    """Take no message: what a lane without a batch does."""


class Lane:
    """What goes to one partition: the batch that is being filled, and those that are to be sent in order.

    Attributes:
        append: Puts a message into the open batch: its number there, which is the length of `contexts`, time, key, value and
            headers. Returns None when the batch is full, or there is none.
        contexts: Of the messages in the open batch.
    """

    __slots__ = ("append", "builder", "contexts", "place", "sending")

    def __init__(self, place: Place) -> None:
        """Begin without a batch."""
        self.place = place
        self.builder: Any = None
        self.contexts: list[Context] = []
        self.append: Callable[..., Any] = _full
        self.sending: deque[SentBatch] = deque()

    def open(self, builder: Any) -> None:
        """Begin a batch."""
        self.builder = builder
        # The inner builder, in C: the method around it costs as much again, to count what `contexts` counts anyway.
        self.append = builder._builder.append

    def close(self) -> SentBatch | None:
        """Return the open batch, None when there is none."""
        if self.builder is None:
            return None
        self.builder._relative_offset = len(self.contexts)
        self.builder.close()
        batch = SentBatch(self.builder, self.contexts)
        self.builder, self.contexts, self.append = None, [], _full
        return batch

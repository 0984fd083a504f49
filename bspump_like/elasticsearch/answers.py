"""Answers that a lookup remembers for a while, and questions that it collects to ask them together."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from typing import Any

MISSING: Any = object()
"""Nobody has asked yet, or too long ago."""


class Answers:
    """Answers by key, each good for a time; of too many the least used goes.

    Args:
        ttl: Seconds an answer is good for.
        size: Answers to keep.
        kept: Where to keep them, as (good until, answer) by key.
    """

    def __init__(self, ttl: float, size: int, kept: MutableMapping[Any, Any] | None = None) -> None:
        """Begin with what there is."""
        self._ttl, self._size = ttl, size
        self._kept: MutableMapping[Any, Any] = OrderedDict() if kept is None else kept

    def get(self, key: Any) -> Any:
        """Return the answer, None if it is that there is nothing, or `MISSING`."""
        entry = self._kept.get(key)
        if entry is None or entry[0] < time.monotonic():
            return MISSING
        if isinstance(self._kept, OrderedDict):
            self._kept.move_to_end(key)
        return entry[1]

    def put(self, found: dict[Any, Any]) -> None:
        """Keep answers."""
        until, kept = time.monotonic() + self._ttl, self._kept
        for key, value in found.items():
            kept[key] = (until, value)
            if isinstance(kept, OrderedDict):
                kept.move_to_end(key)
                if len(kept) > self._size:
                    kept.popitem(last=False)

    def __iter__(self) -> Iterator[Any]:
        """Iterate over the keys."""
        return iter(self._kept)

    def __len__(self) -> int:
        """Return the number of answers."""
        return len(self._kept)


class Questions:
    """Collects keys while a request is under way, and asks for them with the next: one request for many askers.

    Args:
        ask: Returns the answers for keys.
        most: Keys of one request.
    """

    def __init__(self, ask: Callable[[list[Any]], Awaitable[dict[Any, Any]]], most: int) -> None:
        """Begin with no question."""
        self._ask = ask
        self._most = most
        self._waiting: dict[Any, asyncio.Future[Any]] = {}
        self._under_way: dict[Any, asyncio.Future[Any]] = {}
        self._task: asyncio.Task[None] | None = None

    async def answer(self, key: Any) -> Any:
        """Return the answer for a key.

        Raises:
            Exception: What `ask` raised for the keys of this request.
        """
        future = self._under_way.get(key) or self._waiting.get(key)
        if future is None:
            future = self._waiting[key] = asyncio.get_running_loop().create_future()
            if self._task is None or self._task.done():
                self._task = asyncio.create_task(self._run(), name="questions of a lookup")
        # Somebody who gives up must not take the answer from the others.
        return await asyncio.shield(future)

    async def stop(self) -> None:
        """Leave the questions unanswered."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        for future in (*self._waiting.values(), *self._under_way.values()):
            future.cancel()

    async def _run(self) -> None:
        while self._waiting:
            keys = list(self._waiting)[: self._most]
            self._under_way = {key: self._waiting.pop(key) for key in keys}
            try:
                found = await self._ask(keys)
            except Exception as error:  # belongs to those who asked: they raise it
                for future in self._under_way.values():
                    if not future.done():
                        future.set_exception(error)
                        future.exception()  # seen, also when nobody waits any more
            else:
                for key, future in self._under_way.items():
                    if not future.done():
                        future.set_result(found.get(key))
            self._under_way = {}

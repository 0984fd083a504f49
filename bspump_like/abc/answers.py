"""Answers that a lookup remembers for a while, and questions that it collects to ask them together."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, MutableMapping, Sequence
from typing import Any

MISSING: Any = object()
"""Nobody has asked yet, or too long ago."""


class Answers:
    """Answers by key, each good for a time; of too many the least used goes. None is the answer that there is nothing.

    Args:
        ttl: Seconds an answer is good for.
        missing_ttl: Seconds the answer that there is nothing is good for.
        size: Answers to keep.
        kept: Where to keep them, as (good until, answer) by key.
    """

    def __init__(self, ttl: float, missing_ttl: float, size: int, kept: MutableMapping[Any, Any] | None = None) -> None:
        """Begin with what there is."""
        self._ttl, self._missing_ttl, self._size = ttl, missing_ttl, size
        self._kept: MutableMapping[Any, Any] = OrderedDict() if kept is None else kept
        self._use: Callable[[Any], None] = self._kept.move_to_end if isinstance(self._kept, OrderedDict) else _nothing

    def get(self, key: Any, clock: Callable[[], float] = time.monotonic) -> Any:
        """Return the answer, None if it is that there is nothing, or `MISSING`."""
        entry = self._kept.get(key)
        if entry is None or entry[0] < clock():
            return MISSING
        self._use(key)
        return entry[1]

    def put(self, found: Mapping[Any, Any]) -> None:
        """Keep answers."""
        now, kept = time.monotonic(), self._kept
        until, missing_until = now + self._ttl, now + self._missing_ttl
        for key, value in found.items():
            kept[key] = (missing_until if value is None else until, value)
            self._use(key)
        if isinstance(kept, OrderedDict):
            while len(kept) > self._size:
                kept.popitem(last=False)

    def forget(self, keys: Iterable[Any]) -> None:
        """Forget the answers of these keys, if there are any."""
        for key in keys:
            self._kept.pop(key, None)

    def clear(self) -> None:
        """Forget everything."""
        self._kept.clear()

    def __iter__(self) -> Iterator[Any]:
        """Iterate over the keys."""
        return iter(self._kept)

    def __len__(self) -> int:
        """Return the number of answers."""
        return len(self._kept)


def _nothing(key: Any) -> None:
    pass


class Questions:
    """Collects keys while a request is under way, and asks for them with the next: one request for many askers.

    The first request begins in the next turn of the event loop, so all events of a batch are in it.

    Args:
        ask: Returns the answers for keys. TypeError and ValueError: one of the keys is at fault; they are then asked for by
            halves, until it is alone.
        most: Keys of one request.
    """

    def __init__(self, ask: Callable[[list[Any]], Awaitable[Mapping[Any, Any]]], most: int) -> None:
        """Begin with no question."""
        self._ask = ask
        self._most = most
        # Each asker has a future of its own: somebody who gives up must not take the answer from the others.
        self._waiting: dict[Any, list[asyncio.Future[Any]]] = {}
        self._under_way: dict[Any, list[asyncio.Future[Any]]] = {}
        self._task: asyncio.Task[None] | None = None

    def answer(self, key: Any) -> asyncio.Future[Any]:
        """Return the answer for a key, None when there is nothing.

        Raises:
            Exception: What `ask` raised for the keys of this request.
        """
        loop = asyncio.get_running_loop()
        future = loop.create_future()
        askers = self._under_way.get(key)
        if askers is None:
            askers = self._waiting.setdefault(key, [])
            if self._task is None or self._task.done():
                self._task = loop.create_task(self._run(), name="questions of a lookup")
        askers.append(future)
        return future

    async def answers(self, keys: Sequence[Any]) -> list[Any]:
        """Return the answers for keys, in their order; see `answer`."""
        futures = [self.answer(key) for key in keys]
        if futures:
            await asyncio.wait(futures)
        return [future.result() for future in futures]

    async def stop(self) -> None:
        """Leave the questions unanswered."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        for askers in (*self._waiting.values(), *self._under_way.values()):
            for future in askers:
                future.cancel()

    async def _run(self) -> None:
        while self._waiting:
            keys = list(self._waiting)[: self._most]
            self._under_way = {key: self._waiting.pop(key) for key in keys}
            await self._settle(keys)
            self._under_way = {}

    async def _settle(self, keys: list[Any]) -> None:
        try:
            found = await self._ask(keys)
        except (TypeError, ValueError) as error:
            if len(keys) > 1:
                middle = len(keys) // 2
                await self._settle(keys[:middle])
                await self._settle(keys[middle:])
            else:
                self._fail(keys, error)
        except Exception as error:  # belongs to those who asked: they raise it
            self._fail(keys, error)
        else:
            for key in keys:
                answer = found.get(key)
                for future in self._under_way[key]:
                    if not future.done():
                        future.set_result(answer)

    def _fail(self, keys: list[Any], error: Exception) -> None:
        for key in keys:
            for future in self._under_way[key]:
                if not future.done():
                    future.set_exception(error)
                    future.exception()  # seen, also when nobody waits any more

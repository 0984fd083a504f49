"""CachedLookup: the base of lookups that ask a server, and remember what it said."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, MutableMapping
from typing import TYPE_CHECKING, Any, ClassVar

from ..config import Seconds, option
from ..errors import ConnectionLost
from .answers import MISSING, Answers, Questions
from .lookup import AsyncLookupMixin, LookupOptions, MappingLookup

if TYPE_CHECKING:
    from ..application import BSPumpApplication

L = logging.getLogger(__name__)


class CachedLookupOptions(LookupOptions):
    """Options of lookups that ask a server."""

    cache_size: int = option(100_000, "answers to keep, missing ones too; the least used goes first", ge=1)
    cache_ttl: Seconds = option(300.0, "seconds an answer is good for", gt=0)
    missing_ttl: Seconds = option(60.0, "seconds the answer that there is no value is good for", gt=0)
    preload: bool = option(False, "load all there is at the start; with room for it in `cache_size`")
    batch_size: int = option(1000, "keys to ask for with one request", ge=1, le=10000)
    patience: Seconds = option(
        0.0, "seconds to ask again while the server does not answer, before the event fails; 0: for ever", ge=0
    )


class CachedLookup(MappingLookup, AsyncLookupMixin):
    """A lookup that asks a server: `await lookup.get(key)`, or `await lookup.get_many(keys)` with one request for all.

    Override `find`, and `find_all` for `preload`. Keys that are asked for at the same time, such as those of a batch of events,
    go into one request; missing ones are remembered too. While the server does not answer, it is asked again. Reading it as a
    mapping (`lookup[key]`) answers from the cache only. For `AsyncLookupEnricher`.
    """

    to_override: ClassVar[tuple[str, ...]] = ("find",)

    class Options(CachedLookupOptions):
        """The cache."""

    def __init__(
        self, app: BSPumpApplication, id: str | None = None, config: Mapping[str, Any] | None = None,
        cache: MutableMapping[Any, Any] | None = None, lazy: bool = False,
    ) -> None:  # fmt: skip
        """See `Lookup`.

        Args:
            app: The application.
            id: Name within the pump.
            config: Options.
            cache: A mutable mapping to keep answers in, in place of ours.
            lazy: See `Lookup`.
        """
        super().__init__(app, id, config, lazy)
        options = self.options
        self._answers = Answers(options.cache_ttl, options.missing_ttl, options.cache_size, cache)
        self._questions = Questions(self._ask, options.batch_size)
        self.hits = self.misses = 0
        """Answers from the cache, and others."""

    async def find(self, keys: list[Any]) -> Mapping[Any, Any]:
        """Return the values of those keys that have one; called with up to `batch_size` keys, all different, none None.

        Raises:
            ConnectionLost: The server cannot be asked now; it is asked again, see `patience`.
            TypeError: One of the keys cannot be asked for; it is found by asking for the halves.
            ValueError: See TypeError.
            ProcessingError: The question is refused.
        """
        raise NotImplementedError(f"{type(self).__name__} defines no find(keys)")

    async def find_all(self) -> Mapping[Any, Any]:
        """Return all there is, for `preload`.

        Raises:
            ConnectionLost: See `find`.
        """
        raise NotImplementedError(f"{type(self).__name__} defines no find_all(), so it cannot `preload`")

    async def load(self) -> bool:
        """Fill the cache with all there is, when `preload` is on; return True if it did.

        Raises:
            ConnectionLost: The server cannot be asked, and `patience` is over.
            BSPumpError: It refuses to answer.
        """
        if not self.options.preload:
            return False
        self._answers.put(await self._patiently(self.find_all))
        return True

    def get_cached(self, key: Any) -> Any:
        """Return the value of `key` from the cache: None, when it is known that there is none; else `MISSING`."""
        value = self._answers.get(key)
        if value is not MISSING:
            self.hits += 1
        return value

    async def get(self, key: Any, default: Any = None) -> Any:
        """Return the value of `key`, or `default`; from the cache when it is fresh.

        Raises:
            ConnectionLost: The server cannot be asked, and `patience` is over.
            ProcessingError: It refuses the question.
            TypeError: The key cannot be asked for.
            ValueError: See TypeError.
        """
        value = self._answers.get(key)
        if value is MISSING:
            self.misses += 1
            value = None if key is None else await self._questions.answer(key)
        else:
            self.hits += 1
        return default if value is None else value

    async def get_many(self, keys: Iterable[Any]) -> list[Any]:
        """Return the values of `keys`, None where there is none; asks for all that are not cached at once.

        Raises:
            ConnectionLost: See `get`.
            ProcessingError: See `get`.
        """
        values = [(key, self._answers.get(key)) for key in keys]
        missing = [key for key, value in values if value is MISSING]
        self.hits += len(values) - len(missing)
        self.misses += len(missing)
        asked = list(dict.fromkeys(key for key in missing if key is not None))
        found = dict(zip(asked, await self._questions.answers(asked), strict=True))
        return [found.get(key) if value is MISSING else value for key, value in values]

    async def on_stop(self) -> None:
        """Leave open questions unanswered."""
        await self._questions.stop()

    async def _ask(self, keys: list[Any]) -> Mapping[Any, Any]:
        found = await self._patiently(lambda: self.find(keys))
        self._answers.put({key: found.get(key) for key in keys})
        return found

    async def _patiently(self, ask: Callable[[], Awaitable[Mapping[Any, Any]]]) -> Mapping[Any, Any]:
        """Ask until there is an answer: an event that waits is better than one that fails for no fault of its own."""
        backoff, loop = self._new_backoff(), asyncio.get_running_loop()
        deadline = loop.time() + self.options.patience if self.options.patience else float("inf")
        said = ""
        while True:
            try:
                answer = await ask()
            except ConnectionLost as lost:
                wait = backoff.next()
                if loop.time() + wait > deadline:
                    raise ConnectionLost(
                        f"lookup {self.Id}: {lost.message}", detail=lost.detail, hint=lost.hint
                    ) from lost
                if str(lost) != said:
                    said = str(lost)
                    L.warning("lookup %s: %s; asking again", self.Id, said)
                await asyncio.sleep(wait)
            else:
                if said:
                    L.warning("lookup %s works again", self.Id)
                return answer

    def __getitem__(self, key: Any) -> Any:
        """Return the cached value of `key`; KeyError when there is none in the cache."""
        value = self._answers.get(key)
        if value is MISSING or value is None:
            raise KeyError(key)
        return value

    def __iter__(self) -> Iterator[Any]:
        """Iterate over the keys in the cache."""
        return iter(self._answers)

    def __len__(self) -> int:
        """Return the number of cached answers."""
        return len(self._answers)

    def rest_get(self) -> dict[str, Any]:
        """Return what the web API shows of this lookup, with the use of its cache."""
        return {**super().rest_get(), "Size": len(self), "Hits": self.hits, "Misses": self.misses}

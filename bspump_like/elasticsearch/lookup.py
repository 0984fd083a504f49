"""ElasticSearchLookup: documents by the value of a field, with a cache."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import quote

import orjson

from ..abc import Backoff, LookupOptions, MappingLookup
from ..config import Seconds, option
from ..errors import ConnectionLost, ProcessingError
from .answers import MISSING, Answers, Questions
from .connection import ElasticSearchConnection, Refused
from .source import whole

if TYPE_CHECKING:
    from ..application import BSPumpApplication

L = logging.getLogger(__name__)

_PAGE = 5000  # documents


class ElasticSearchLookupOptions(LookupOptions):
    """Options of a lookup in an index."""

    index: str = option(help="index to look into", example="airports")
    key: str = option("", "field that is matched; empty: the document's _id")
    scroll_timeout: str = option("1m", "how long the cluster keeps a scroll, for `load`")
    cache_size: int = option(100_000, "answers to keep, missing ones too; the least used goes first", ge=1)
    cache_ttl: Seconds = option(300.0, "seconds an answer is good for", gt=0)
    preload: bool = option(False, "load the whole index at the start; with room for it in `cache_size`")
    batch_size: int = option(500, "keys to ask for with one request", ge=1, le=10000)
    patience: Seconds = option(
        0.0, "seconds to ask again while the cluster does not answer, before the event fails; 0: for ever", ge=0
    )


class ElasticSearchLookup(MappingLookup):
    """Documents of an index by a key: `await lookup.get(key)`, or `await lookup.get_many(keys)` with one request for all.

    Keys that are asked for at the same time go into one request; missing ones are remembered too. While the cluster does not
    answer, it is asked again. Reading it as a mapping (`lookup[key]`) answers from the cache only. For `AsyncLookupEnricher`.
    """

    class Options(ElasticSearchLookupOptions):
        """Index, key, cache."""

    def __init__(
        self, app: BSPumpApplication, connection: str | ElasticSearchConnection, id: str | None = None,
        config: Mapping[str, Any] | None = None, cache: Any = None, lazy: bool = False,
    ) -> None:  # fmt: skip
        """See `Lookup`.

        Args:
            app: The application.
            connection: The ElasticSearchConnection or its id.
            id: Name within the pump.
            config: Options.
            cache: A mutable mapping to keep answers in, in place of ours.
            lazy: See `Lookup`.
        """
        super().__init__(app, id, config, lazy)
        self._connection: ElasticSearchConnection = app.pump_service.locate_connection(connection)
        options = self.options
        self._answers = Answers(options.cache_ttl, options.cache_size, cache)
        self._questions = Questions(self._ask, options.batch_size)
        self.hits = self.misses = 0
        """Answers from the cache, and others."""

    @classmethod
    def construct(cls, app: BSPumpApplication, definition: Mapping[str, Any]) -> Self:
        """Return the lookup that a definition describes; its connection stands in `args`, or beside them."""
        args = {**definition.get("args", {})}
        connection = args.pop("connection", definition.get("connection"))
        return cls(app, connection, definition.get("id"), definition.get("config"), **args)

    def build_find_one_query(self, key: Any) -> dict[str, Any]:
        """Return the query that finds the document of `key`; override it for another match."""
        return {"bool": {"must": [{"match": {self.options.key: key}}]}}

    async def load(self) -> bool:
        """Fill the cache with the whole index, when `preload` is on; return True if it did.

        Raises:
            ConnectionLost: The cluster cannot be reached, and `patience` is over.
            ProcessingError: It refuses the search.
        """
        if not self.options.preload:
            return False
        self._answers.put(await self._patiently(self._everything))
        return True

    async def get(self, key: Any, default: Any = None) -> Any:
        """Return the document of `key`, or `default`; from the cache when it is fresh.

        Raises:
            ConnectionLost: The cluster cannot be asked, and `patience` is over.
            ProcessingError: The cluster refuses the search.
        """
        value = self._answers.get(key)
        if value is MISSING:
            self.misses += 1
            value = await self._questions.answer(key)
        else:
            self.hits += 1
        return default if value is None else value

    async def get_many(self, keys: Iterable[Any]) -> list[Any]:
        """Return the documents of `keys`, None where there is none; asks for all that are not cached at once.

        Raises:
            ConnectionLost: See `get`.
            ProcessingError: See `get`.
        """
        return await asyncio.gather(*(self.get(key) for key in keys))

    async def on_stop(self) -> None:
        """Leave open questions unanswered."""
        await self._questions.stop()

    async def _ask(self, keys: list[Any]) -> dict[Any, Any]:
        found: dict[Any, Any] = await self._patiently(lambda: self._find(keys))
        self._answers.put(found)
        return found

    async def _patiently(self, ask: Callable[[], Awaitable[Any]]) -> Any:
        """Ask until there is an answer: an event that waits is better than one that fails for no fault of its own."""
        options = self._connection.options
        backoff, loop = Backoff(options.reconnect_delay, options.reconnect_delay_max), asyncio.get_running_loop()
        deadline = loop.time() + self.options.patience if self.options.patience else float("inf")
        said = ""
        while True:
            try:
                answer = await ask()
            except Refused as error:
                if not error.passes and error.status not in (401, 403):
                    raise ProcessingError(
                        f"lookup {self.Id}: the search in '{self.options.index}' is refused", detail=str(error)
                    ) from error
                lost = ConnectionLost(error.message, detail=error.steady_detail, hint=error.hint)
            except ConnectionLost as error:
                lost = error
            else:
                if said:
                    L.warning("lookup %s works again", self.Id)
                return answer
            wait = backoff.next()
            if loop.time() + wait > deadline:
                raise ConnectionLost(f"lookup {self.Id}: {lost.message}", detail=lost.detail, hint=lost.hint) from lost
            if str(lost) != said:
                said = str(lost)
                L.warning("lookup %s: %s; asking again", self.Id, said)
            await asyncio.sleep(wait)

    async def _find(self, keys: list[Any]) -> dict[Any, Any]:
        options = self.options
        if not options.key:
            path, body = f"/{quote(options.index)}/_mget", {"ids": [str(key) for key in keys]}
            docs = (await self._connection.request("POST", path, body))["docs"]
            return {key: _source_of(doc) for key, doc in zip(keys, docs, strict=True)}
        lines: list[Any] = []
        for key in keys:
            lines += [{"index": options.index}, {"query": self.build_find_one_query(key), "size": 1}]
        data = b"".join([orjson.dumps(line) + b"\n" for line in lines])
        answer = await self._connection.request("POST", "/_msearch", data, content_type="application/x-ndjson")
        return {key: _first(one) for key, one in zip(keys, answer["responses"], strict=True)}

    async def _everything(self) -> dict[Any, Any]:
        options, request = self.options, self._connection.request
        found: dict[Any, Any] = {}
        path = f"/{quote(options.index, safe='*,')}/_search?scroll={options.scroll_timeout}"
        page = whole(await request("POST", path, {"size": _PAGE, "sort": ["_doc"]}))
        while page["hits"]["hits"]:
            for hit in page["hits"]["hits"]:
                found[hit["_source"].get(options.key) if options.key else hit["_id"]] = hit["_source"]
            body = {"scroll": options.scroll_timeout, "scroll_id": page["_scroll_id"]}
            page = whole(await request("POST", "/_search/scroll", body))
        await request("DELETE", "/_search/scroll", {"scroll_id": page["_scroll_id"]})
        return found

    def __getitem__(self, key: Any) -> Any:
        """Return the cached document of `key`; KeyError when there is none in the cache."""
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


def _source_of(doc: Mapping[str, Any]) -> Any:
    if "error" in doc:
        _raise(doc["error"], int(doc.get("status", 404 if "not_found" in str(doc["error"]) else 503)))
    return doc.get("_source")


def _first(answer: Mapping[str, Any]) -> Any:
    if "error" in answer:
        _raise(answer["error"], int(answer.get("status", 503)))
    hits = whole(dict(answer))["hits"]["hits"]
    return hits[0]["_source"] if hits else None


def _raise(error: Any, status: int) -> None:
    reason = f"{error.get('type')}: {error.get('reason')}" if isinstance(error, Mapping) else str(error)
    raise Refused(status, reason[:300])

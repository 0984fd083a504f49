"""ElasticSearchLookup: documents by id or by a field, asked for by the batch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import quote

import orjson

from ..abc import CachedLookup, CachedLookupOptions
from ..config import option
from ..errors import ConnectionLost, ProcessingError
from .connection import ElasticSearchConnection, Refused
from .source import time_unit, whole

if TYPE_CHECKING:
    from ..application import BSPumpApplication

_PAGE = 5000  # documents


class ElasticSearchLookupOptions(CachedLookupOptions):
    """Options of a lookup in an index."""

    index: str = option(help="index to look into", example="airports")
    key: str = option("", "field that is matched; empty: the document's _id")
    scroll_timeout: str = option("1m", "how long the cluster keeps a scroll, for `preload`", parse=time_unit)


class ElasticSearchLookup(CachedLookup):
    """Documents of an index by a key: `await lookup.get(key)`, or `await lookup.get_many(keys)` with one request for all.

    Keys that are asked for at the same time go into one request; missing ones are remembered too. While the cluster does not
    answer, it is asked again. Reading it as a mapping (`lookup[key]`) answers from the cache only. For `AsyncLookupEnricher`.

    Metrics, each with `hit` and `miss`: `es.lookup.cache`, answers that were in the cache; `es.lookup.success`, keys that the
    cluster was asked for and has.

    Example:
        connections:
          - {id: Search, class: ElasticSearchConnection, config: {url: "${ELASTICSEARCH:http://localhost:9200}"}}
        lookups:
          - {id: Flights, class: ElasticSearchLookup, args: {connection: Search}, config: {index: flights, key: flight}}
        pipelines:
          - id: Example
            sources:
              - {class: IteratorSource, args: {iterator: [{flight: 1545}]}}
            processors:
              - {class: AsyncLookupEnricher, config: {lookup: Flights, key: flight, target: found}}
            sink: {class: PPrintSink}
    """

    class Options(ElasticSearchLookupOptions):
        """Index, key, cache."""

    def __init__(
        self, app: BSPumpApplication, connection: str | ElasticSearchConnection, id: str | None = None,
        config: Mapping[str, Any] | None = None, cache: Any = None, lazy: bool = False,
    ) -> None:  # fmt: skip
        """See `CachedLookup`.

        Args:
            app: The application.
            connection: The ElasticSearchConnection or its id.
            id: Name within the pump.
            config: Options.
            cache: A mutable mapping to keep answers in, in place of ours.
            lazy: See `Lookup`.
        """
        super().__init__(app, id, config, cache, lazy)
        self._connection: ElasticSearchConnection = app.pump_service.locate_connection(connection)
        self._asked = {"hit": 0, "miss": 0}
        self._metrics: list[tuple[Any, dict[str, int], Callable[[], dict[str, int]]]] = []
        metrics: Any = app.get_service("asab.MetricsService")
        if metrics is not None:
            for name, counts in (("cache", self._cache_counts), ("success", self._asked.copy)):
                counter = metrics.create_counter(
                    f"es.lookup.{name}", tags={"lookup": self.Id}, init_values={"hit": 0, "miss": 0}
                )
                self._metrics.append((counter, {"hit": 0, "miss": 0}, counts))
            app.PubSub.subscribe("Metrics.flush!", self._on_metrics)

    def _cache_counts(self) -> dict[str, int]:
        return {"hit": self.hits, "miss": self.misses}

    def _on_metrics(self, _message_type: str) -> None:
        for counter, told, counts in self._metrics:
            for name, value in counts().items():
                counter.add(name, value - told[name])
                told[name] = value

    @classmethod
    def construct(cls, app: BSPumpApplication, definition: Mapping[str, Any]) -> Self:
        """Return the lookup that a definition describes; its connection stands in `args`, or beside them."""
        args = {**definition.get("args", {})}
        connection = args.pop("connection", definition.get("connection"))
        return cls(app, connection, definition.get("id"), definition.get("config"), **args)

    def build_find_one_query(self, key: Any) -> dict[str, Any]:
        """Return the query that finds the document of `key`; override it for another match."""
        return {"bool": {"must": [{"match": {self.options.key: key}}]}}

    async def find(self, keys: list[Any]) -> Mapping[Any, Any]:
        """Return the documents of those keys that have one.

        Raises:
            ConnectionLost: The cluster cannot be asked now.
            ProcessingError: It refuses the search.
        """
        try:
            found = await self._find(keys)
        except Refused as error:
            raise self._meaning(error) from error
        hits = sum(document is not None for document in found.values())
        self._asked["hit"] += hits
        self._asked["miss"] += len(keys) - hits
        return found

    async def find_all(self) -> Mapping[Any, Any]:
        """Return all documents of the index.

        Raises:
            ConnectionLost: See `find`.
            ProcessingError: See `find`.
        """
        try:
            return await self._everything()
        except Refused as error:
            raise self._meaning(error) from error

    def _meaning(self, error: Refused) -> Exception:
        if error.passes or error.status in (401, 403):
            return ConnectionLost(error.message, detail=error.steady_detail, hint=error.hint)
        return ProcessingError(f"lookup {self.Id}: the search in '{self.options.index}' is refused", detail=str(error))

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
        try:
            while page["hits"]["hits"]:
                for hit in page["hits"]["hits"]:
                    found[hit["_source"].get(options.key) if options.key else hit["_id"]] = hit["_source"]
                body = {"scroll": options.scroll_timeout, "scroll_id": page["_scroll_id"]}
                page = whole(await request("POST", "/_search/scroll", body))
        finally:
            if "_scroll_id" in page:  # OpenSearch leaves it out when there is no index to search
                await self._forget_scroll(page["_scroll_id"])
        return found

    async def _forget_scroll(self, id: str) -> None:
        try:
            await self._connection.request("DELETE", "/_search/scroll", {"scroll_id": id}, timeout=10)
        except (Refused, ConnectionLost):
            return  # it expires by itself, and what was found stands


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

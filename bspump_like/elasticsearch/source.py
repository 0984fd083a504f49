"""A source of the hits of a search."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import quote

import orjson

from ..abc import SourceOptions, TriggerSource
from ..config import option
from ..errors import ConnectionLost
from .connection import ElasticSearchConnection, Refused
from .paging import PointInTime, Resume

if TYPE_CHECKING:
    from ..application import BSPumpApplication
    from ..pipeline import Pipeline

_EVERYTHING: dict[str, Any] = {"query": {"bool": {"must": {"match_all": {}}}}}


def _body(value: Any) -> Any:
    if isinstance(value, str) and value:
        try:
            return orjson.loads(value)
        except orjson.JSONDecodeError as error:
            raise ValueError(f"expected a search as JSON: {error}") from None
    return value or {}


class SearchOptions(SourceOptions):
    """Options of sources that search."""

    refused: ClassVar[dict[str, str]] = {
        "query": "it stands in 'request_body': {query: ...}", "aggs": "they stand in 'request_body': {aggs: ...}",
    }  # fmt: skip

    index: str = option("index-*", "indices to search; patterns and several, separated by commas, are fine")
    request_body: Any = option({}, "the search, as JSON; empty: everything", parse=_body)


def time_unit(value: Any) -> str:
    """Return a time as Elasticsearch writes it, https://www.elastic.co/guide/en/elasticsearch/reference/current/api-conventions.html.

    Raises:
        ValueError: It is none.
    """
    text = str(value)
    if not re.fullmatch(r"[0-9]+(d|h|m|s|ms|micros|nanos)", text):
        raise ValueError("expected a time such as 1m, 30s or 500ms")
    return text


class ElasticSearchSourceOptions(SearchOptions):
    """Options of a source of hits."""

    scroll_timeout: str = option(
        "1m", "how long the cluster keeps a scroll or a point in time between two pages", example="5m", parse=time_unit
    )
    page_size: int = option(1000, "hits of a page, and events handed over at once", ge=1, le=10000)
    paging: str = option(
        "scroll", "scroll; or search_after, on a point in time, which resumes after the last hit handed over",
        choices=("scroll", "search_after"),
    )  # fmt: skip
    sort_by: str = option(
        "_doc", "field to sort by; with search_after later cycles resume by it, and only documents that have it are found",
        example="@timestamp",
    )  # fmt: skip
    source: str = option("_source", "part of a hit that becomes the event; empty: the whole hit")
    timestamp: str = option("@timestamp", "field that `start_from` is about")
    start_from: str = option("", "only hits not older than this, in the cluster's date mathematics", example="now-1h")


class ElasticSearchSource(TriggerSource):
    """Search, and send each hit: one search a cycle.

    Out: the `_source` of each hit, a dict. Context: `es_index`, `es_id`.
    With `paging: search_after` and a `sort_by` that only grows, a later cycle, or a restart, goes on after the last hit. A
    scroll begins anew: what a failed cycle has handed over comes again.

    Example:
        connections:
          - {id: Search, class: ElasticSearchConnection, config: {url: "${ELASTICSEARCH:http://localhost:9200}"}}
        pipelines:
          - id: Example
            sources:
              - class: ElasticSearchSource
                args: {connection: Search, request_body: {query: {match: {origin: EWR}}}}
                config: {index: flights}
            sink: {class: PPrintSink}
    """

    class Options(ElasticSearchSourceOptions):
        """What to search for, and how."""

    def __init__(
        self, app: BSPumpApplication, pipeline: Pipeline, connection: str | ElasticSearchConnection,
        request_body: Mapping[str, Any] | None = None, paging: bool = True, id: str | None = None,
        config: Mapping[str, Any] | None = None,
    ) -> None:  # fmt: skip
        """See `Source`.

        Args:
            app: The application.
            pipeline: The pipeline.
            connection: The ElasticSearchConnection or its id.
            request_body: The search; the option when left out.
            paging: False: only the first page.
            id: Name within the pipeline.
            config: Options.
        """
        super().__init__(app, pipeline, id, config)
        self._connection: ElasticSearchConnection = pipeline.locate_connection(app, connection)
        self._search: dict[str, Any] = dict(request_body or self.options.request_body or _EVERYTHING)
        self._all_pages = paging

    async def cycle(self, *args: Any, **kwargs: Any) -> None:
        """Search once, page by page.

        Raises:
            ConnectionLost: The cluster cannot be reached or refuses the search; the cycle begins again.
        """
        pages = self._by_scroll() if self.options.paging == "scroll" else self._by_search_after()
        part = self.options.source
        try:
            async for hits, position in pages:
                events = [hit.get(part) if part else hit for hit in hits]
                contexts = [{"es_index": hit["_index"], "es_id": hit["_id"]} for hit in hits]
                await self.deliver(events, position, contexts)
                if not self._all_pages:
                    return
        except Refused as error:
            raise ConnectionLost(
                f"the search in '{self.options.index}' is refused", detail=error.steady_detail, hint=error.hint
            ) from error
        finally:
            await pages.aclose()

    def _query(self) -> dict[str, Any]:
        search = dict(self._search)
        if self.options.start_from:
            return _filtered(search, {"range": {self.options.timestamp: {"gte": self.options.start_from}}})
        return search

    async def _by_scroll(self) -> AsyncGenerator[tuple[list[Any], None], None]:
        options, request = self.options, self._connection.request
        body = {"size": options.page_size, "sort": [options.sort_by], **self._query()}
        path = f"/{quote(options.index, safe='*,')}/_search?scroll={options.scroll_timeout}"
        page = whole(await request("POST", path, body))
        try:
            while page["hits"]["hits"]:
                yield page["hits"]["hits"], None
                body = {"scroll": options.scroll_timeout, "scroll_id": page["_scroll_id"]}
                page = whole(await request("POST", "/_search/scroll", body))
        finally:
            if "_scroll_id" in page:  # OpenSearch leaves it out when there is no index to search
                await self._forget("/_search/scroll", {"scroll_id": page["_scroll_id"]})

    async def _by_search_after(self) -> AsyncGenerator[tuple[list[Any], Any], None]:
        options, request = self.options, self._connection.request
        index = options.index
        resume = Resume(self.position.get(index), options.sort_by) if options.sort_by != "_doc" else None
        search, types = self._query(), {}
        if resume is not None:
            caps = await request(
                "GET", f"/{quote(index, safe='*,')}/_field_caps?fields={quote(options.sort_by, safe='')}"
            )
            types = caps["fields"].get(options.sort_by, {})
            search = _filtered(search, resume.condition(types))
        point = await PointInTime.open(self._connection, index, options.scroll_timeout)
        if point is None:
            return
        body = {"size": options.page_size, **search, "sort": point.sort(options.sort_by, types)}
        try:
            while True:
                body["pit"] = {"id": point.id, "keep_alive": options.scroll_timeout}
                page = whole(await request("POST", "/_search", body))
                hits = page["hits"]["hits"]
                if not hits:
                    return
                point.id = page.get("pit_id", point.id)
                body["search_after"] = hits[-1]["sort"]
                if resume is None:
                    yield hits, None
                elif fresh := resume.fresh(hits):
                    yield fresh, {index: resume.position}
        finally:
            await self._forget(*point.closing())

    async def _forget(self, path: str, body: dict[str, Any]) -> None:
        try:
            await self._connection.request("DELETE", path, body, timeout=10)
        except (Refused, ConnectionLost):
            return  # it expires by itself


def whole(answer: dict[str, Any]) -> dict[str, Any]:
    """Return the answer to a search.

    Raises:
        ConnectionLost: It lacks the hits of some shards; to go on would pass over them in silence.
    """
    shards = answer.get("_shards", {})
    if shards.get("failed") or answer.get("timed_out"):
        raise ConnectionLost(
            f"the search has found only a part: {shards.get('failed')} of {shards.get('total')} shards failed",
            detail=str(shards.get("failures", "timed out"))[:300],
        )
    return answer


def _filtered(search: dict[str, Any], condition: dict[str, Any]) -> dict[str, Any]:
    return {**search, "query": {"bool": {"must": search.get("query", {"match_all": {}}), "filter": condition}}}

"""A source of the buckets of aggregations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from ..abc import TriggerSource
from ..errors import ConfigError, ConnectionLost, Problem
from .connection import ElasticSearchConnection, Refused
from .source import SearchOptions, whole

if TYPE_CHECKING:
    from ..application import BSPumpApplication
    from ..pipeline import Pipeline


class ElasticSearchAggsSource(TriggerSource):
    """Search with aggregations, and send the buckets: one search a cycle.

    Out: one dict for each innermost bucket: the keys of the buckets around it by the names of their aggregations,
    `doc_count`, and the values of metric aggregations by their names. Of a composite aggregation, every page.

    Example:
        connections:
          - {id: Search, class: ElasticSearchConnection, config: {url: "${ELASTICSEARCH:http://localhost:9200}"}}
        pipelines:
          - id: Example
            sources:
              - class: ElasticSearchAggsSource
                args: {connection: Search, request_body: {size: 0, aggs: {origins: {terms: {field: origin.keyword}}}}}
                config: {index: flights}
            sink: {class: PPrintSink}
    """

    class Options(SearchOptions):
        """What to aggregate."""

    def __init__(
        self, app: BSPumpApplication, pipeline: Pipeline, connection: str | ElasticSearchConnection,
        request_body: Mapping[str, Any] | None = None, id: str | None = None, config: Mapping[str, Any] | None = None,
    ) -> None:  # fmt: skip
        """See `Source`.

        Args:
            app: The application.
            pipeline: The pipeline.
            connection: The ElasticSearchConnection or its id.
            request_body: The search with its aggregations; the option when left out.
            id: Name within the pipeline.
            config: Options.

        Raises:
            ConfigError: The search has no aggregations.
        """
        super().__init__(app, pipeline, id, config)
        self._connection: ElasticSearchConnection = pipeline.locate_connection(app, connection)
        self._search: dict[str, Any] = dict(request_body or self.options.request_body)
        if "aggs" not in self._search and "aggregations" not in self._search:
            where = f"pipeline {pipeline.Id}, {self.Id}"
            raise ConfigError(
                [Problem("option 'request_body' has no 'aggs'", ("request_body",), where, "say what to aggregate")]
            )

    async def cycle(self, *args: Any, **kwargs: Any) -> None:
        """Search once and send the buckets.

        Raises:
            ConnectionLost: The cluster cannot be reached or refuses the search; the cycle begins again.
        """
        path = f"/{quote(self.options.index, safe='*,')}/_search"
        search = {"size": 0, **self._search}
        while search:
            try:
                answer = whole(await self._connection.request("POST", path, search))
            except Refused as error:
                raise ConnectionLost(
                    f"the search in '{self.options.index}' is refused", detail=error.steady_detail, hint=error.hint
                ) from error
            found = answer.get("aggregations", {})
            await self.deliver(list(buckets_of(found)))
            search = _next_page(search, found)


def _next_page(search: dict[str, Any], found: Mapping[str, Any]) -> dict[str, Any]:
    """Return the search for the next page of a composite aggregation, which gives so many buckets at a time; else nothing."""
    name = "aggs" if "aggs" in search else "aggregations"
    for key, answer in found.items():
        if "after_key" in answer and answer.get("buckets"):
            wanted = search[name][key]
            composite = {**wanted["composite"], "after": answer["after_key"]}
            return {**search, name: {key: {**wanted, "composite": composite}}}
    return {}


def buckets_of(aggregations: Mapping[str, Any], around: Mapping[str, Any] | None = None) -> Iterator[dict[str, Any]]:
    """Yield the innermost buckets of an answer's aggregations, flat.

    Args:
        aggregations: Name -> answer of that aggregation.
        around: Keys of the buckets around these.
    """
    row = dict(around or {})
    nested = []
    for name, answer in aggregations.items():
        if not isinstance(answer, Mapping) or name == "key":
            continue
        if "buckets" in answer:
            nested.append((name, answer["buckets"]))
        elif "value" in answer:
            row[name] = answer.get("value_as_string", answer["value"])
        elif "doc_count" in answer:
            nested.append((name, {name: answer}))
        else:
            row[name] = dict(answer)
    if not nested:
        if row:
            yield row
        return
    for name, buckets in nested:
        keyed = (
            buckets.items()
            if isinstance(buckets, Mapping)
            else ((one.get("key_as_string", one.get("key")), one) for one in buckets)
        )
        for key, bucket in keyed:
            keys = key if isinstance(key, Mapping) else {name: key}
            yield from buckets_of(bucket, {**row, **keys, "doc_count": bucket.get("doc_count")})

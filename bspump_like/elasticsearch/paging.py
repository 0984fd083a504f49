"""Paging by search_after: a point in time, and the place where a later search goes on."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from typing import Any, Self
from urllib.parse import quote

from .connection import ElasticSearchConnection, Refused


class PointInTime:
    """The state of indices at one moment, kept by the cluster.

    Args:
        id: What the cluster calls it; it may change from page to page.
        is_opensearch: OpenSearch has the same under other names, and no tiebreaker.
    """

    def __init__(self, id: str, is_opensearch: bool) -> None:
        """Keep the id."""
        self.id = id
        self._is_opensearch = is_opensearch

    @classmethod
    async def open(cls, connection: ElasticSearchConnection, index: str, keep_alive: str) -> Self | None:
        """Return a new one; None when there is no index that fits a pattern.

        Raises:
            Refused: The cluster has no such index, or does not know of points in time.
            ConnectionLost: Nobody answers.
        """
        indices = quote(index, safe="*,")
        try:
            answer = await connection.request("POST", f"/{indices}/_pit?keep_alive={keep_alive}")
            return cls(answer["id"], False)
        except Refused as error:
            if "no handler" not in error.detail and error.status != 405:
                raise
        try:
            answer = await connection.request("POST", f"/{indices}/_search/point_in_time?keep_alive={keep_alive}")
        except Refused as error:
            if "invalid id: [null]" in error.detail:  # what OpenSearch says when there is nothing to search
                return None
            raise
        return cls(answer["pit_id"], True)

    def sort(self, field: str, types: Mapping[str, Any]) -> list[Any]:
        """Return how to sort by a field, of these types, so that no two hits are equal."""
        unique: list[Any] = ["_id", "_index"] if self._is_opensearch else ["_shard_doc"]
        if field == "_doc":
            return unique
        order = {"order": "asc"}
        if "date_nanos" in types:
            order["numeric_type"] = "date_nanos"  # where indices differ, and OpenSearch would tell milliseconds only
        if self._is_opensearch:
            # With `_last` OpenSearch (2.19 and 3.8) passes over hits of dates in nanoseconds; none is missing here.
            order["missing"] = "_first"
        return [{field: order}, *unique]

    def closing(self) -> tuple[str, dict[str, Any]]:
        """Return path and body of the request that lets the cluster forget it."""
        if self._is_opensearch:
            return "/_search/point_in_time", {"pit_id": [self.id]}
        return "/_pit", {"id": self.id}


class Resume:
    """Where a search goes on: from the value of the last hit on, without the hits of that value that are known.

    Values may be equal, and a page may end between two of them: "greater than the last" would pass over the second.

    Args:
        position: What `position` was before, or None.
        field: That the hits are sorted by.
    """

    def __init__(self, position: Sequence[Any] | None, field: str) -> None:
        """Take up a stored position."""
        value, known = position or (None, ())
        self._field = field
        self._value: Any = value
        self._known = {tuple(one) for one in known}

    @property
    def position(self) -> list[Any]:
        """Return the value of the last hit, and index and id of every hit that has it."""
        return [self._value, sorted(list(one) for one in self._known)]

    def condition(self, types: Mapping[str, Any]) -> dict[str, Any]:
        """Return the query that finds what is left.

        Args:
            types: Types that the field has in the indices, by name, as the cluster tells.
        """
        if self._value is None:
            return {"exists": {"field": self._field}}
        bound: dict[str, Any] = {"gte": self._value}
        if "date_nanos" in types and isinstance(self._value, int) and self._value > 10**15:
            seconds, nanos = divmod(self._value, 10**9)
            moment = datetime.datetime.fromtimestamp(seconds, datetime.UTC)
            bound = {"gte": f"{moment:%Y-%m-%dT%H:%M:%S}.{nanos:09d}Z", "format": "strict_date_optional_time_nanos"}
        elif "date" in types or "date_nanos" in types:
            bound["format"] = "epoch_millis"  # that is what the sort values of dates are, whatever their own format
        return {"range": {self._field: bound}}

    def fresh(self, hits: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return the hits of a page that were not handed over before, and move on behind the page."""
        fresh = []
        for hit in hits:
            value, name = hit["sort"][0], (hit["_index"], hit["_id"])
            if value != self._value:
                self._value, self._known = value, set()
            elif name in self._known:
                continue
            self._known.add(name)
            fresh.append(hit)
        return fresh

"""ContentFilter: events that match a query."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..abc import Context, Event, Processor
from ..abc.processor import ConcurrencyOptions
from ..config import option
from ..query import compile_query

if TYPE_CHECKING:
    from ..application import BSPumpApplication
    from ..pipeline import Pipeline


def _checked(query: Any) -> Any:
    compile_query(query)
    return query


class ContentFilterOptions(ConcurrencyOptions):
    """The query."""

    query: dict[str, Any] = option(
        {}, "conditions on fields, in MongoDB's query language", parse=_checked,
        example={"status": {"$gte": 500}, "path": {"$regex": "^/api/"}},
    )  # fmt: skip


class ContentFilter(Processor):
    """Let events pass that match a query in MongoDB's language; override `on_hit` and `on_miss` for anything else.

    In: dict. Out: the same dict, or nothing. What is no dict matches no condition. Operators: $eq $ne $gt $gte $lt $lte
    $in $nin $and $or $nor $not $exists $type $mod $regex $all $elemMatch $size. See also `FilterProcessor`, whose
    conditions are expressions.

    Example:
        pipelines:
          - id: Example
            sources:
              - {class: IteratorSource, args: {iterator: [{status: 200, path: /}, {status: 503, path: /api/users}]}}
            processors:
              - class: ContentFilter
                config:
                  query: {status: {$gte: 500}, path: {$regex: "^/api/"}}
            sink: {class: PPrintSink}
    """

    class Options(ContentFilterOptions):
        """The query."""

    def __init__(
        self, app: BSPumpApplication, pipeline: Pipeline, query: Mapping[str, Any] | None = None, id: str | None = None,
        config: Mapping[str, Any] | None = None,
    ) -> None:  # fmt: skip
        """See `Processor`.

        Args:
            app: The application.
            pipeline: The pipeline.
            query: The query; the option when left out.
            id: Name within the pipeline.
            config: Options.

        Raises:
            ValueError: The argument is no query.
        """
        super().__init__(app, pipeline, id, config)
        self.Query: Mapping[str, Any] = self.options.query if query is None else query
        self._matches = compile_query(self.Query)

    def on_hit(self, context: Context, event: Event) -> Event:
        """Return what becomes of an event that matches."""
        return event

    def on_miss(self, context: Context, event: Event) -> Event:
        """Return what becomes of an event that does not match; None drops it."""
        return None

    def process(self, context: Context, event: Event) -> Event:
        """Let the event pass, or not."""
        return self.on_hit(context, event) if self._matches(event) else self.on_miss(context, event)

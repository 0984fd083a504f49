"""Elasticsearch and OpenSearch: index documents, search, aggregate, look up."""

from .aggregations import ElasticSearchAggsSource
from .bulk import ElasticSearchBulk
from .connection import ElasticSearchConnection
from .feeder import data_feeder_create_or_index
from .lookup import ElasticSearchLookup
from .sink import ElasticSearchSink
from .source import ElasticSearchSource

__all__ = [
    "ElasticSearchAggsSource", "ElasticSearchBulk", "ElasticSearchConnection", "ElasticSearchLookup", "ElasticSearchSink",
    "ElasticSearchSource", "data_feeder_create_or_index",
]  # fmt: skip

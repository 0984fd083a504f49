"""Parquet: columnar files as source and sink."""

from .sink import ParquetSink
from .source import ParquetSource

__all__ = ["ParquetSink", "ParquetSource"]

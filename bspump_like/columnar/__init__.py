"""Columnar batches: events that are Polars frames, for files of columns, SQL and grouping at the speed of columns.

A frame is an event like any other: it has one position, one settlement, and goes through the same pipeline.
"""

from .csv import FrameCSVSource
from .frame import EventsToFrameProcessor, FrameToEventsGenerator
from .matrix import FrameMatrixUpdater
from .parquet import FrameParquetSource
from .sql import SQLProcessor

__all__ = [
    "EventsToFrameProcessor", "FrameCSVSource", "FrameMatrixUpdater", "FrameParquetSource", "FrameToEventsGenerator",
    "SQLProcessor",
]  # fmt: skip

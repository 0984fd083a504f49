"""SQLite: a table as the end of a pipeline, as its source, or to enrich events from."""

from .lookup import SQLiteLookup
from .sink import SQLiteSink
from .source import SQLiteSource

__all__ = ["SQLiteLookup", "SQLiteSink", "SQLiteSource"]

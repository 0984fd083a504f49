"""SQLite: a table as the end of a pipeline, or as its source."""

from .sink import SQLiteSink
from .source import SQLiteSource

__all__ = ["SQLiteSink", "SQLiteSource"]

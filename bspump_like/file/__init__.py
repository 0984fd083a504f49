"""Files: sources that read lines, CSV, JSON and whole files, and sinks that write them."""

from .block import FileBlockSink, FileBlockSource
from .csv import FileCSVSink, FileCSVSource
from .json import FileJSONSink, FileJSONSource
from .line import FileLineSink, FileLineSource, FileMultiLineSource
from .source import FileABCSource

__all__ = [
    "FileABCSource", "FileBlockSink", "FileBlockSource", "FileCSVSink", "FileCSVSource", "FileJSONSink", "FileJSONSource",
    "FileLineSink", "FileLineSource", "FileMultiLineSource",
]  # fmt: skip

"""Files: sources that read lines, CSV, JSON and whole files, and sinks that write them; and standard input."""

from .block import FileBlockSink, FileBlockSource
from .csv import FileCSVSink, FileCSVSource
from .json import FileJSONSink, FileJSONSource
from .line import FileLineSink, FileLineSource, FileMultiLineSource
from .source import FileABCSource
from .stdin import StdinSource

__all__ = [
    "FileABCSource", "FileBlockSink", "FileBlockSource", "FileCSVSink", "FileCSVSource", "FileJSONSink", "FileJSONSource",
    "FileLineSink", "FileLineSource", "FileMultiLineSource", "StdinSource",
]  # fmt: skip

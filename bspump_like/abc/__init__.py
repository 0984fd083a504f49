"""The classes that people extend, and the types of delivery. Nothing here imports the rest of the package."""

from .anomaly import Anomaly
from .backoff import Backoff, BackoffOptions
from .cached_lookup import CachedLookup, CachedLookupOptions
from .connection import Connection, ConnectionOptions
from .delivery import Batch, Context, Event, Outcome, Position, Snapshot
from .generator import Generator
from .lookup import AsyncLookupMixin, DictionaryLookup, Lookup, LookupOptions, MappingLookup
from .processor import Processor, ProcessorBase, ProcessorOptions, ThreadedProcessor
from .reader import ReaderSource
from .sink import Sink
from .source import Source, SourceOptions, TriggerSource
from .sql_lookup import SQLLookup, SQLLookupOptions

__all__ = [
    "Anomaly", "AsyncLookupMixin", "Backoff", "BackoffOptions", "Batch", "CachedLookup", "CachedLookupOptions", "Connection",
    "ConnectionOptions", "Context", "DictionaryLookup", "Event", "Generator", "Lookup", "LookupOptions",
    "MappingLookup", "Outcome", "Position", "Processor", "ProcessorBase", "ProcessorOptions", "ReaderSource",
    "SQLLookup", "SQLLookupOptions", "Sink", "Snapshot", "Source", "SourceOptions", "ThreadedProcessor", "TriggerSource",
]  # fmt: skip

"""The classes that people extend, and the types of delivery. Nothing here imports the rest of the package."""

from .anomaly import Anomaly
from .backoff import Backoff, BackoffOptions
from .cached_lookup import CachedLookup, CachedLookupOptions
from .connection import Connection, ConnectionOptions
from .delivery import Batch, Context, Event, Outcome, Position, Snapshot
from .generator import Generator
from .lookup import AsyncLookupMixin, DictionaryLookup, Lookup, LookupOptions, MappingLookup
from .on_disk_lookup import OnDiskLookup, OnDiskLookupOptions
from .processor import Processor, ProcessorBase, ProcessorOptions, ThreadedProcessor
from .reader import ReaderSource
from .record_context import PlacedContext, RecordContext
from .sink import Sink
from .source import Source, SourceOptions, TriggerSource
from .sql_lookup import SQLLookup, SQLLookupOptions

__all__ = [
    "Anomaly", "AsyncLookupMixin", "Backoff", "BackoffOptions", "Batch", "CachedLookup", "CachedLookupOptions",
    "Connection", "ConnectionOptions", "Context", "DictionaryLookup", "Event", "Generator", "Lookup", "LookupOptions",
    "MappingLookup", "OnDiskLookup", "OnDiskLookupOptions", "Outcome", "PlacedContext", "Position", "Processor",
    "ProcessorBase", "ProcessorOptions", "ReaderSource", "RecordContext", "SQLLookup", "SQLLookupOptions", "Sink",
    "Snapshot", "Source", "SourceOptions", "ThreadedProcessor", "TriggerSource",
]  # fmt: skip

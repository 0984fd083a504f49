"""Lookups: tables that events are enriched from."""

from ..abc.lookup import AsyncLookupMixin, DictionaryLookup, Lookup, MappingLookup
from .compact import CompactLookup
from .file import FileLookup
from .ipgeo import IPGeoLookup

__all__ = [
    "AsyncLookupMixin",
    "CompactLookup",
    "DictionaryLookup",
    "FileLookup",
    "IPGeoLookup",
    "Lookup",
    "MappingLookup",
]

"""Lookups: tables that events are enriched from."""

from ..abc.lookup import DictionaryLookup, Lookup, MappingLookup
from .file import FileLookup

__all__ = ["DictionaryLookup", "FileLookup", "Lookup", "MappingLookup"]

"""Lookups: tables that events are enriched from."""

from typing import TYPE_CHECKING, Any

from ..abc.lookup import AsyncLookupMixin, DictionaryLookup, Lookup, MappingLookup
from .compact import CompactLookup
from .file import FileLookup
from .interval import IntervalLookup
from .ipgeo import IPGeoLookup
from .memcached import MemcachedLookup

if TYPE_CHECKING:
    from .matrix import MatrixLookup

__all__ = [
    "AsyncLookupMixin", "CompactLookup", "DictionaryLookup", "FileLookup", "IPGeoLookup", "IntervalLookup", "Lookup",
    "MappingLookup", "MatrixLookup", "MemcachedLookup",
]  # fmt: skip

_INDEXES = ("BitMapIndex", "Index", "SliceIndex", "TreeRangeIndex")


def __getattr__(name: str) -> Any:
    """Import what needs numpy when it is asked for."""
    if name in _INDEXES:
        from . import index

        return getattr(index, name)
    if name == "MatrixLookup":
        from .matrix import MatrixLookup

        return MatrixLookup
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")

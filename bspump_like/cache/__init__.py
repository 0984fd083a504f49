"""Caches in memory, for components in Python: bounded by number and by age."""

from .lru import CacheDict, LRUCacheDict

__all__ = ["CacheDict", "LRUCacheDict"]

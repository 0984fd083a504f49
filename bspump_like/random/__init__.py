"""Chance: random events, random fields, a random part of the events."""

from .drop import RandomDrop
from .enricher import RandomEnricher
from .source import RandomSource

__all__ = ["RandomDrop", "RandomEnricher", "RandomSource"]

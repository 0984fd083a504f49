"""Figures in little memory over any number of events: distinct values, quantiles, the most frequent."""

from .hyperloglog import HyperLogLog
from .sketch import SketchAggregator

__all__ = ["HyperLogLog", "SketchAggregator"]

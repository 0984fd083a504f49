"""Analyzers: processors that watch events go by, keep figures of them in matrices, and look through those now and then."""

from .analyzer import Analyzer
from .geo import GeoAnalyzer
from .latch import LatchAnalyzer
from .session import SessionAnalyzer
from .source import AnalyzingSource
from .threshold import ThresholdAnalyzer
from .time_drift import TimeDriftAnalyzer
from .time_window import TimeWindowAnalyzer

__all__ = [
    "Analyzer", "AnalyzingSource", "GeoAnalyzer", "LatchAnalyzer", "SessionAnalyzer", "ThresholdAnalyzer",
    "TimeDriftAnalyzer", "TimeWindowAnalyzer",
]  # fmt: skip

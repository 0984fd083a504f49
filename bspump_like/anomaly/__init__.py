"""Anomalies: what is out of the ordinary, about whom, from when to when; kept, stored, and sent to Elasticsearch."""

from .analyzer import AnomalyAnalyzer
from .general import GeneralAnomaly
from .manager import AnomalyManager
from .storage import AnomalyStorage

__all__ = ["AnomalyAnalyzer", "AnomalyManager", "AnomalyStorage", "GeneralAnomaly"]

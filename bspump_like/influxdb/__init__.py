"""InfluxDB: points in line protocol."""

from .connection import InfluxDBConnection
from .sink import InfluxDBSink

__all__ = ["InfluxDBConnection", "InfluxDBSink"]

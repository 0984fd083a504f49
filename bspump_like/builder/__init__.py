"""From a definition, JSON or YAML, to a pump: `PumpBuilder`."""

from .builder import PumpBuilder, construct_pumps
from .loader import Definition, load

__all__ = ["Definition", "PumpBuilder", "construct_pumps", "load"]

"""What pumps are tested with: run one in this process, collect what comes out."""

from .parts import CollectSink, ListSource
from .pump import fresh_application, run_pump

__all__ = ["CollectSink", "ListSource", "fresh_application", "run_pump"]

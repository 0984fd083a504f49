"""Commands as parts: what they print as events, events through them and into them. None of them outlives the pump."""

from .command import CommandProcessor
from .processor import SubProcessProcessor
from .sink import SubProcessSink
from .source import SubProcessSource

__all__ = ["CommandProcessor", "SubProcessProcessor", "SubProcessSink", "SubProcessSource"]

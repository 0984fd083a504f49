"""BSPump's base for sinks with a coroutine that takes one event after another."""

from .sink import AsyncSink

__all__ = ["AsyncSink"]

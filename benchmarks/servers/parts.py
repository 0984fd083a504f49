"""The step of the pump that is written in Python; definitions load it with `--allow benchmarks.servers.parts`."""

from __future__ import annotations

from typing import Any

from bspump_like import Processor

from .work import dissect, transform


class Transform(Processor):
    """The work between parsing and serialising."""

    def process(self, context: Any, event: Any) -> Any:
        """Do it."""
        return transform(event)


class Dissect(Processor):
    """More work, of which the CPU has much to do."""

    def process(self, context: Any, event: Any) -> Any:
        """Do it."""
        return dissect(event)

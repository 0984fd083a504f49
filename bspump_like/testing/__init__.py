"""What pumps are tested with: load one, mock parts of it, feed it, look at everything that happened.

`Trial` is the kit; `PumpTestCase` is the same for `unittest`; the fixture `pump` of pytest is a function that makes trials.
`run_pump` runs a pump that is given in Python to its end, and nothing else.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .case import PumpTestCase
    from .clock import Clock
    from .doubles import Call, Recorder
    from .feed import Fed
    from .findings import Failure
    from .parts import CollectSink, ListSource, pipeline_of
    from .pump import PumpTimeout, fresh_application, run_pump
    from .running import PumpNotStarted
    from .stores import MemoryStore
    from .trial import Trial
    from .trying import check_case, load_cases

__all__ = [
    "Call", "Clock", "CollectSink", "Failure", "Fed", "ListSource", "MemoryStore", "PumpNotStarted", "PumpTestCase",
    "PumpTimeout", "Recorder", "Trial", "check_case", "fresh_application", "load_cases", "pipeline_of",
    "run_pump",
]  # fmt: skip

# Imported on use: pytest loads the plugin in this folder at every start, in projects of other people, too.
_HOMES = {
    "Call": "doubles", "Clock": "clock", "CollectSink": "parts", "Failure": "findings", "Fed": "feed", "ListSource": "parts",
    "MemoryStore": "stores", "PumpNotStarted": "running", "PumpTestCase": "case", "PumpTimeout": "pump",
    "Recorder": "doubles", "Trial": "trial", "check_case": "trying", "fresh_application": "pump", "load_cases": "trying",
    "pipeline_of": "parts", "run_pump": "pump",
}  # fmt: skip


def __getattr__(name: str) -> Any:
    """Import a public name on first use."""
    if name not in _HOMES:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    value = getattr(importlib.import_module(f".{_HOMES[name]}", __name__), name)
    globals()[name] = value
    return value

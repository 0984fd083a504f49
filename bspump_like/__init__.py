"""bspump_like: a stream-processing application server for Python.

The public names. Technologies are imported when they are first used: `bspump_like.file`, `bspump_like.kafka`.
"""

from __future__ import annotations

import importlib
from typing import Any

from .abc import (
    Batch,
    Connection,
    DictionaryLookup,
    Generator,
    Lookup,
    MappingLookup,
    Outcome,
    Processor,
    ReaderSource,
    Sink,
    Source,
    ThreadedProcessor,
    TriggerSource,
)
from .application import BSPumpApplication
from .config import Options, Seconds, Size, option
from .errors import (
    BackOff,
    BSPumpError,
    ConfigError,
    ConnectionLost,
    DeliveryError,
    Drop,
    EndOfInput,
    MissingDependency,
    ProcessingError,
    Reject,
)
from .pipeline import Pipeline
from .service import PumpService

__version__ = "0.1.0"

BSPumpService = PumpService

__all__ = [
    "BSPumpApplication", "BSPumpError", "BSPumpService", "BackOff", "Batch", "ConfigError", "Connection", "ConnectionLost",
    "DeliveryError", "DictionaryLookup", "Drop", "EndOfInput", "Generator", "Lookup", "MappingLookup", "MissingDependency",
    "Options", "Outcome", "Pipeline", "ProcessingError", "Processor", "PumpBuilder", "PumpService", "ReaderSource", "Reject",
    "Seconds", "Sink", "Size", "Source", "ThreadedProcessor", "TriggerSource", "load_json_file", "option",
]  # fmt: skip


def load_json_file(path: str) -> Any:
    """Return the content of a JSON file.

    Raises:
        OSError: It cannot be read.
        ValueError: It is no JSON.
    """
    import pathlib

    import orjson

    return orjson.loads(pathlib.Path(path).read_bytes())


def __getattr__(name: str) -> Any:
    """Import the builder and the technologies on first use, so that importing the package stays quick."""
    if name == "PumpBuilder":
        from .builder import PumpBuilder

        return PumpBuilder
    try:
        return importlib.import_module(f"{__name__}.{name}")
    except ModuleNotFoundError as error:
        if error.name != f"{__name__}.{name}":
            raise
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'") from None

"""bspump_like: a stream-processing application server for Python.

The public names. Each is imported when it is first used, and so is each technology: `bspump_like.file`, `bspump_like.kafka`.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
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
    from .builder import PumpBuilder
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
    from .matrix import Matrix
    from .pipeline import Pipeline
    from .service import PumpService
    from .service import PumpService as BSPumpService

__version__ = "0.1.0"

__all__ = [
    "BSPumpApplication", "BSPumpError", "BSPumpService", "BackOff", "Batch", "ConfigError", "Connection", "ConnectionLost",
    "DeliveryError", "DictionaryLookup", "Drop", "EndOfInput", "Generator", "Lookup", "MappingLookup", "Matrix",
    "MissingDependency", "Options", "Outcome", "Pipeline", "ProcessingError", "Processor", "PumpBuilder", "PumpService",
    "ReaderSource", "Reject", "Seconds", "Sink", "Size", "Source", "ThreadedProcessor", "TriggerSource", "load_json_file",
    "option",
]  # fmt: skip

_HOMES = {
    "abc": (
        "Batch", "Connection", "DictionaryLookup", "Generator", "Lookup", "MappingLookup", "Outcome", "Processor",
        "ReaderSource", "Sink", "Source", "ThreadedProcessor", "TriggerSource",
    ),
    "application": ("BSPumpApplication",),
    "builder": ("PumpBuilder",),
    "config": ("Options", "Seconds", "Size", "option"),
    "errors": (
        "BSPumpError", "BackOff", "ConfigError", "ConnectionLost", "DeliveryError", "Drop", "EndOfInput", "MissingDependency",
        "ProcessingError", "Reject",
    ),
    "matrix": ("Matrix",),
    "pipeline": ("Pipeline",),
    "service": ("BSPumpService", "PumpService"),
}  # fmt: skip
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


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
    """Import a public name or a technology on first use, so that importing the package costs nothing."""
    if name in _HOME_OF:
        value = getattr(importlib.import_module(f"{__name__}.{_HOME_OF[name]}"), name)
        globals()[name] = value
        return value
    try:
        return importlib.import_module(f"{__name__}.{name}")
    except ModuleNotFoundError as error:
        if error.name != f"{__name__}.{name}":
            raise
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'") from None


def __dir__() -> list[str]:
    """List the public names."""
    return sorted(__all__)

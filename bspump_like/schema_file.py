"""Schemas that stand in a definition, or in a file beside it."""

from __future__ import annotations

import pathlib
from typing import Any

import orjson

from .errors import ConfigError


def schema_or_file(options: Any, where: str) -> Any:
    """Return what the option `schema` has, or the JSON in `schema_file`; None when neither is set. Reads the file.

    Args:
        options: With `schema`, None when it is not set, and `schema_file`.
        where: Who asks, for messages.

    Raises:
        ConfigError: Both are set, or the file cannot be read, or is no JSON.
    """
    if not options.schema_file:
        return options.schema
    if options.schema is not None:
        raise ConfigError(f"{where} has both 'schema' and 'schema_file'", hint="keep one of them")
    try:
        return orjson.loads(pathlib.Path(options.schema_file).read_bytes())
    except OSError as error:
        raise ConfigError(f"option 'schema_file' has '{options.schema_file}': {error.strerror}") from error
    except orjson.JSONDecodeError as error:
        raise ConfigError(f"option 'schema_file' has '{options.schema_file}', which is no JSON: {error}") from error

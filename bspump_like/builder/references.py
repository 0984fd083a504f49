"""`${...}` in the texts of a definition: how it is spelled, and what a value becomes inside a text."""

from __future__ import annotations

import json
import re
from typing import Any

REFERENCE = re.compile(r"\$?\$\{(?:file:(?P<file>[^{}]+)|(?P<name>[A-Za-z_]\w*)(?::(?P<default>[^{}]*))?)\}")
"""`${name}`, `${name:default}`, `${file:PATH}`; with a second `$` in front it is the text itself."""

NAME = re.compile(r"[A-Za-z_]\w*")
"""What a variable or a parameter may be called."""


def whole(text: str) -> re.Match[str] | None:
    """Return the match when a text is one reference and nothing else, so that it may stand for any value."""
    match = REFERENCE.fullmatch(text)
    return match if match is not None and not text.startswith("$$") else None


def as_text(value: Any) -> str:
    """Return a value as it is written inside a text: as in JSON, without quotes.

    Raises:
        TypeError: It is a list or an object.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, dict | list):
        raise TypeError("a list" if isinstance(value, list) else "an object")
    return json.dumps(value, default=str)

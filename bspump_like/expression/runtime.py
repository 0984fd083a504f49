"""What is said when an expression fails for an event."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ..errors import BSPumpError, ProcessingError
from .access import shown

Explain = Callable[[Exception, Any, Any], Exception]
"""Takes the error, context and event; returns the error to raise."""


def explanation(text: str, fields: Iterable[str]) -> Explain:
    """Return what explains errors of one expression.

    Args:
        text: The expression.
        fields: The fields that it reads; their values are shown.
    """
    named = list(dict.fromkeys(fields))

    def explain(error: Exception, context: Any, event: Any) -> Exception:
        if isinstance(error, BSPumpError):
            return error
        if named and not isinstance(event, Mapping):
            return ProcessingError(
                f"`{text}` reads fields, and the event is {type(event).__name__}", detail=shown(event),
                hint="parse it first",
            )  # fmt: skip
        values = ", ".join(f"{name} = {shown(event.get(name))}" for name in named[:5])
        said = _readable(error)
        return ProcessingError(f"`{text}` cannot be computed", detail=f"{said}{' with ' if values else ''}{values}")

    return explain


_OF_A_METHOD = re.compile(r"descriptor '(\w+)' for 'str' objects doesn't apply to an? '(\w+)' object")


def _readable(error: Exception) -> str:
    """Return what an error says, in words of the language: methods of text are functions here."""
    found = _OF_A_METHOD.fullmatch(str(error))
    if found is not None:
        return f"text is needed, not {found[2]}"
    return f"no {error}" if isinstance(error, KeyError) else str(error)

"""What is missing."""

from __future__ import annotations

from typing import Any

from .table import function

GROUP = "What is missing"


@function("coalesce(x, y, ...)", "the first argument that is not null", 'coalesce(nick, name, "?") -> "Ann"', GROUP)
def _coalesce(*values: Any) -> Any:
    return next((value for value in values if value is not None), None)


@function(
    "exists(x)", "whether it is not null; false for null", "exists(name) -> true", GROUP, kind="flag", nullable=False
)
def _exists(value: Any) -> bool:
    return value is not None


@function(
    "lookup(id, key)", "what the lookup of the pump with this id has for a key, null if nothing; asynchronous lookups cannot "
    "be asked", 'lookup("Airports", dest).name -> "Boston"', GROUP, provided=True,
)  # fmt: skip
def _lookup(id: str, key: Any) -> Any:
    raise AssertionError("the pump provides it")  # the compiler refuses the call where no pump does

"""The option `missing` of operators that name fields: what becomes of an event that lacks one of them."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from ..abc import Event
from ..errors import Reject

MISSING: dict[str, Any] = {
    "help": "when an event lacks one of the fields: skip (do the rest), null (take it as None), drop or reject (the event)",
    "choices": ("skip", "null", "drop", "reject"),
}
"""How an option is declared that says it; a field that is often missing is no mistake, so `skip` is the default."""


def lacking(event: Event, fields: Collection[str]) -> Reject:
    """Return the error for an event that lacks some of `fields`."""
    absent = [f"'{field}'" for field in fields if field not in event]
    has = ", ".join(map(str, event)) or "nothing"
    return Reject(f"the event has no field {', '.join(absent)}", detail=f"it has {has}"[:500])

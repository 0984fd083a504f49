"""Occurrences of anomalies: what AnomalyAnalyzer makes and AnomalyManager takes."""

from __future__ import annotations

import datetime
import math
from typing import Any

from ..errors import ProcessingError

GENERAL = "general"
"""The type of what has none."""


def seconds_of(field: str, value: Any) -> float:
    """Return a time as UNIX seconds; one without a zone is UTC.

    Args:
        field: Where it stands, for the message.
        value: UNIX seconds, a datetime, or ISO 8601 text.

    Raises:
        ProcessingError: It is none of them.
    """
    moment = value
    if isinstance(moment, str):
        try:
            moment = datetime.datetime.fromisoformat(moment)
        except ValueError:
            moment = None
    if isinstance(moment, datetime.datetime):
        return (moment if moment.tzinfo is not None else moment.replace(tzinfo=datetime.UTC)).timestamp()
    if isinstance(moment, int | float) and not isinstance(moment, bool) and math.isfinite(moment):
        return float(moment)
    raise ProcessingError(
        f"field '{field}' has {value!r}, which is no time", hint="UNIX seconds, a datetime or ISO 8601 text"
    )

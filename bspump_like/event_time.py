"""The time of an event: UNIX seconds out of what its field holds."""

from __future__ import annotations

import datetime
import math
import numbers
from typing import Any

from .errors import ProcessingError

_NUMBER = (int, float, numbers.Real)  # the quick ones first; the last are those of numpy


def seconds_of(name: str, value: Any) -> float:
    """Return a time as UNIX seconds; one without a zone is UTC.

    Args:
        name: Field or expression that it comes from, for the message.
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
    if isinstance(moment, _NUMBER) and not isinstance(moment, bool) and math.isfinite(moment):
        return float(moment)
    raise ProcessingError(f"'{name}' is {value!r}, which is no time", hint="UNIX seconds, a datetime or ISO 8601 text")

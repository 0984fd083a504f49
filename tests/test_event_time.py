from __future__ import annotations

import datetime
import math
import time
from fractions import Fraction

import numpy as np
import pytest

from bspump_like import ProcessingError
from bspump_like.event_time import seconds_of

TWO_HOURS = datetime.timezone(datetime.timedelta(hours=2))


@pytest.fixture
def elsewhere(monkeypatch):
    """Put the machine into another time zone."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "America/New_York")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (12, 12.0),
        (-1.5, -1.5),
        (np.int32(12), 12.0),
        (np.float32(0.5), 0.5),
        (Fraction(1, 2), 0.5),
        (datetime.datetime(1970, 1, 1, 2, 0, 12, tzinfo=TWO_HOURS), 12.0),
        (datetime.datetime(1970, 1, 1, 0, 0, 12), 12.0),
        ("1970-01-01T02:00:12+02:00", 12.0),
        ("1970-01-01T00:00:12.5Z", 12.5),
        ("1970-01-01 00:00:12", 12.0),
        ("1970-01-02", 86400.0),
    ],
)
def test_a_time_is_a_number_a_datetime_or_text_and_utc_where_no_zone_is_said(value, seconds, elsewhere):
    assert datetime.datetime(1970, 1, 1).timestamp() > 0, "local time is not UTC here"
    found = seconds_of("t", value)
    assert (found, type(found)) == (seconds, float)


@pytest.mark.parametrize("value", [None, True, "noon", "", b"12", [12], math.nan, math.inf, datetime.date(1970, 1, 1)])
def test_anything_else_is_refused_by_name_and_value(value):
    with pytest.raises(ProcessingError, match="'t' is .*, which is no time"):
        seconds_of("t", value)

"""How a point is spelled, and what has no spelling."""

from __future__ import annotations

import pytest

from bspump_like.errors import ProcessingError
from bspump_like.influxdb.line import point, stamp_of


def test_names_and_text_are_escaped():
    line = point(
        "air, port", {"a=b": "x y", "b": "c,d"}, {"f": 'say "\\"', "n": 1, "x": 0.5, "t": True, "none": None}, 7
    )

    assert line == b'air\\,\\ port,a\\=b=x\\ y,b=c\\,d f="say \\"\\\\\\"",n=1i,x=0.5,t=true 7\n'


def test_tags_are_sorted_and_empty_ones_left_out():
    assert point("m", {"b": 2, "a": 1, "c": None, "d": ""}, [("v", 1)], 0) == b"m,a=1,b=2 v=1i 0\n"


@pytest.mark.parametrize("tags", [{"disk": "C:\\"}, {"a": "two\nlines"}, {"": "x"}, {"k\\": "x"}])
def test_tags_without_a_spelling_are_refused(tags):
    with pytest.raises(ProcessingError, match="no spelling"):
        point("m", tags, {"v": 1}, 0)


@pytest.mark.parametrize("measurement", ["", "#comment", "m\\", "a\nb", "\tm"])
def test_measurements_without_a_spelling_are_refused(measurement):
    with pytest.raises(ProcessingError, match="no spelling"):
        point(measurement, {}, {"v": 1}, 0)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 2**63, -(2**63) - 1, b"bytes", [1], {}])
def test_fields_without_a_spelling_are_refused(value):
    with pytest.raises(ProcessingError, match="field 'v' has"):
        point("m", {}, {"v": value}, 0)


@pytest.mark.parametrize("fields", [{}, None, {"v": None}])
def test_a_point_without_a_field_is_refused(fields):
    with pytest.raises(ProcessingError, match="no field"):
        point("m", {}, fields, 0)


@pytest.mark.parametrize(
    ("time", "precision", "stamp"),
    [
        (1700000000, "ns", 1700000000 * 10**9),
        (1700000000.25, "ns", 1700000000250000000),
        (1700000000.123456, "us", 1700000000123456),
        (1700000000.5, "ms", 1700000000500),
        (1700000000.4, "s", 1700000000),
        (-0.5, "ms", -500),
    ],
)
def test_times_keep_their_digits(time, precision, stamp):
    assert stamp_of(time, precision) == stamp


@pytest.mark.parametrize("time", ["now", float("nan"), float("inf"), 1e300, 10**11])
def test_times_that_are_none_are_refused(time):
    with pytest.raises(ProcessingError, match="the time of a point"):
        stamp_of(time, "ns")

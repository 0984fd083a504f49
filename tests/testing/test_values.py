"""Values as a test file writes them, and comparing with them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bspump_like.testing.values import check_value, differences, read_value, shown

keys = st.text("abc", max_size=2)
trees = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text("ab$", max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3), max_leaves=8,
)  # fmt: skip


def same(one, other):
    """Tell whether two trees are the same JSON: true is no 1, but 1.0 is."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other and isinstance(one, bool) == isinstance(other, bool)


@given(trees, trees)
def test_there_is_a_difference_exactly_where_they_differ(one, other):
    assert list(differences(one, one)) == []
    assert (not list(differences(one, other))) == same(one, other)


@given(st.dictionaries(keys, trees, max_size=4), st.dictionaries(keys, trees, max_size=4))
def test_more_fields_are_fine_where_a_part_is_enough(part, more):
    assert list(differences(part, {**more, **part}, partial=True)) == []
    for key in part:
        assert list(differences(part, {name: value for name, value in part.items() if name != key}, partial=True))


@given(trees)
def test_json_words_become_the_bytes_that_hold_it(tree):
    data = read_value({"$json": tree})
    assert json.loads(data) == tree
    assert list(differences({"$json": tree}, data)) == []
    assert list(differences({"$json": tree}, data.decode())) == []


@given(trees | st.binary(max_size=4))
def test_what_came_is_shown_as_it_would_be_written(value):
    assert json.loads(shown(value)) is not Ellipsis
    if isinstance(value, bytes):
        assert read_value(json.loads(shown(value))) == value or "$json" in shown(value)


@pytest.mark.parametrize(("expected", "actual", "said"), [
    ({"a": [1, {"b": 2}]}, {"a": [1, {"b": 3}]}, ["a[1].b: expected 2, got 3"]),
    ([1, 2], [1], ["expected 2 items, got 1"]),
    ({"a": True}, {"a": 1}, ["a: expected true, got 1"]),
    ({"a": 1}, {"a": 1.0}, []),
    ({"$base64": "AAEC"}, b"\x00\x01\x02", []),
    ({"$base64": "AAEC"}, b"\x00", ['expected {"$base64": "AAEC"}, got {"$bytes": "\\u0000"}']),
    ({"$bytes": "é"}, "é".encode(), []),
    ({"$regex": "^N1"}, "N123", []),
    ({"$regex": "^N1"}, b"N123", []),
    ({"$regex": "^N1"}, 5, ['expected {"$regex": "^N1"}, got 5']),
    ({"$where": "value > 3 and value < 5"}, 4, []),
    ({"$where": "value > 3"}, "x", ['expected {"$where": "value > 3"}, got "x"']),
    ({"$approx": 0.3}, 0.1 + 0.2, []),
    ({"$time": "2026-01-01T10:00:00Z"}, datetime(2026, 1, 1, 11, tzinfo=timezone(timedelta(hours=1))), []),
    (
        {"$time": "2026-01-01T10:00:00Z"}, datetime(2026, 1, 1, 10, 1, tzinfo=UTC),
        ['expected {"$time": "2026-01-01T10:00:00Z"}, got {"$time": "2026-01-01T10:01:00+00:00"}'],
    ),
    ({"$approx": 0.3}, 0.31, ['expected {"$approx": 0.3}, got 0.31']),
    ({"$any": True}, None, ['expected {"$any": true}, got null']),
    ({"$any": True}, 0, []),
    ({"$json": {"a": 1}}, b"{", ['expected {"$json": {"a": 1}}, got {"$bytes": "{"}']),
    (1, {1, 2}, ["expected 1, got [1, 2]"]),
    (1, object, ["expected 1, got \"<class 'object'>\""]),
    ({"a": 1, "b": 2}, [], ['expected {"a": 1, "b": 2}, got []']),
])  # fmt: skip
def test_differences_are_said_in_words(expected, actual, said):
    assert list(differences(expected, actual)) == said


@pytest.mark.parametrize(("value", "said"), [
    ({"$json": {"a": 1}}, ""), ({"a": 1}, ""), ({"$jason": 1}, "there is no '$jason': did you mean '$json'?"),
    ({"$base64": "A"}, "$base64: "), ({"$time": "soon"}, "$time: "),
    ({"$regex": "("}, "$regex: "), ({"$regex": 5}, "$regex: "), ({"$where": "1 +"}, "$where: "),
    ({"$a": 1, "b": 2}, ""),
])  # fmt: skip
def test_wrong_words_are_told(value, said):
    assert check_value(value).startswith(said)
    assert bool(check_value(value)) == bool(said)

from __future__ import annotations

import datetime
import enum

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bspump_like.codec import Unencodable, decode, encode

SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(), st.binary(), st.dates(), st.datetimes(),
    st.datetimes(timezones=st.sampled_from([datetime.UTC, datetime.timezone(datetime.timedelta(hours=5, minutes=30))])),
    st.decimals(allow_nan=False),
)  # fmt: skip
KEYS = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3).map(tuple) | st.frozensets(inner, max_size=3), max_leaves=4
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.lists(inner, max_size=4).map(tuple), st.sets(SCALARS, max_size=4),
        st.dictionaries(KEYS, inner, max_size=4),
    ),
    max_leaves=15,
)  # fmt: skip


def same(one, other):
    """Equal, and of equal types all the way down; 1, 1.0 and True are three different values."""
    if type(one) is not type(other) or one != other:
        return False
    if isinstance(one, list | tuple):
        return all(map(same, one, other))
    if isinstance(one, dict):
        return all(same(value, other[key]) for key, value in one.items())
    return True


@given(VALUES)
@settings(max_examples=100, deadline=None, database=None)
def test_whatever_is_encoded_comes_back_the_same(value):
    assert same(decode(encode(value)), value)


class Colour(enum.IntEnum):
    RED = 1


class Text(str):
    __slots__ = ()


@pytest.mark.parametrize(
    ("value", "plain"), [(Colour.RED, 1), (Text("x"), "x"), (2**80, 2**80), (-(2**63) - 1, -(2**63) - 1)]
)
def test_subclasses_come_back_plain_and_large_integers_whole(value, plain):
    assert same(decode(encode(value)), plain)


@pytest.mark.parametrize("value", [object(), {"a": [object()]}, {1, object()}, lambda: None, "\ud800"])
def test_what_cannot_be_kept_is_told(value):
    with pytest.raises(Unencodable):
        encode(value)


def test_too_deep_and_endless_structures_are_told():
    deep: list = []
    deep.append(deep)
    with pytest.raises(Unencodable):
        encode(deep)


def test_the_message_names_the_type():
    with pytest.raises(Unencodable, match="object"):
        encode([object()])

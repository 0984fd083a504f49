"""Keys and values as memcached sees them."""

from __future__ import annotations

import hashlib
import pickle
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bspump_like.lookup.memcached_format import decoded, encoded, expiry, key_on_server, spellings

KEYS = st.one_of(st.text(max_size=300), st.binary(max_size=300), st.integers(-(2**63), 2**63))
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(KEYS, st.sampled_from([b"", b"planes:", b"p" * 179]))
def test_every_key_is_one_that_memcached_takes(key, prefix):
    name = key_on_server(key, prefix)

    assert name.startswith(prefix)
    assert 0 < len(name) <= 250
    assert not any(byte <= 0x20 or byte == 0x7F for byte in name)


@given(KEYS)
def test_keys_that_are_spelled_alike_are_one_key(key):
    found = list(spellings(key))

    assert found[0] == key
    assert {key_on_server(one) for one in found} == {key_on_server(key)}


def test_numbers_text_and_bytes_are_spelled_alike():
    assert set(spellings(7)) == set(spellings("7")) == set(spellings(b"7")) == {7, "7", b"7"}
    assert list(spellings("07")) == ["07", b"07"]


def test_a_plain_key_is_itself_and_any_other_is_hashed():
    assert key_on_server("PRG", b"a:") == b"a:PRG"
    assert key_on_server("Plzeň") == "Plzeň".encode()
    assert key_on_server(("PRG", 7)) == b'["PRG",7]'
    for key in ("New York", "", "x" * 251, "line\n", "\x7f"):
        assert key_on_server(key) == b"sha256:" + hashlib.sha256(key.encode()).hexdigest().encode()
    assert key_on_server("x" * 250) == b"x" * 250
    assert key_on_server("x" * 249, b"a:").startswith(b"a:sha256:")


@pytest.mark.parametrize("key", [1.5, True, None, frozenset()])
def test_other_keys_are_refused(key):
    with pytest.raises(TypeError, match="memcached has text as keys, not "):
        key_on_server(key)


def test_text_that_is_no_utf8_is_refused():
    with pytest.raises(ValueError, match="surrogates"):
        key_on_server("\ud800")


@given(JSON | st.binary())
def test_a_value_comes_back_as_it_was(value):
    assert decoded(*encoded("k", value)) == value


def test_a_value_that_is_not_json_is_refused_by_its_key():
    with pytest.raises(TypeError, match="the value of 'k' cannot be stored as JSON: .*complex"):
        encoded("k", 1j)


def test_what_others_have_stored_is_json_or_text_or_bytes():
    assert decoded(b'{"a": 1}', 0) == {"a": 1}
    assert decoded(b"12", 0) == 12
    assert decoded(b"12", 2) == 12  # pymemcache's and pylibmc's flag of a number
    assert decoded(b"12", 16) == "12"  # ... of text
    assert decoded("Plzeň".encode(), 0) == "Plzeň"
    assert decoded(b"\xff\x00", 0) == b"\xff\x00"
    assert decoded(b"", 0) == ""


def test_a_pickle_is_never_loaded():
    pickled = pickle.dumps({"a": 1})
    assert decoded(pickled, 1) == pickled


def test_expiry_beyond_a_month_is_a_unix_time():
    assert [expiry(0), expiry(0.2), expiry(3600), expiry(30 * 86400)] == [0, 1, 3600, 30 * 86400]
    assert time.time() + 31 * 86400 - 60 < expiry(31 * 86400) <= time.time() + 31 * 86400

from __future__ import annotations

from collections import OrderedDict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bspump_like.cache import CacheDict, LRUCacheDict


class Clock:
    now = 100.0

    def time(self):
        return self.now


def test_the_entry_used_longest_ago_goes():
    cache = LRUCacheDict(None, 2, None, {"a": 1}, b=2)
    assert cache["a"] == 1
    cache["c"] = 3
    assert list(cache.items()) == [("a", 1), ("c", 3)]
    assert "b" not in cache
    assert cache.get("b", "none") == "none"


def test_what_is_too_old_is_not_found_and_can_be_removed():
    clock = Clock()
    cache = LRUCacheDict(clock, max_duration=10)
    cache["a"] = 1
    clock.now = 105
    cache["b"] = 2
    clock.now = 110
    assert "a" not in cache
    assert cache.pop("a", None) is None
    with pytest.raises(KeyError):
        cache["a"]
    assert list(cache.values()) == [2]
    cache["a"] = 3
    clock.now = 200
    assert len(cache) == 2
    cache.refresh()
    assert len(cache) == 0
    with pytest.raises(KeyError):
        cache.pop("b")


def test_bounds_must_be_positive():
    with pytest.raises(ValueError, match="max_size 0"):
        LRUCacheDict(None, 0)


def test_a_plain_cache_is_a_dict():
    assert CacheDict(a=1) == {"a": 1}


operations = st.lists(
    st.tuples(st.sampled_from(["set", "get", "del", "pop", "default", "in", "popitem"]), st.integers(0, 5)), max_size=60
)


@given(operations, st.integers(1, 4))
def test_it_behaves_like_the_model(steps, size):
    cache, model = LRUCacheDict(None, size), OrderedDict()
    for number, (name, key) in enumerate(steps):
        match name:
            case "set":
                cache[key] = model[key] = number
                model.move_to_end(key)
            case "get":
                assert cache.get(key) == model.get(key)
                if key in model:
                    model.move_to_end(key)
            case "del" | "pop":
                assert cache.pop(key, None) == model.pop(key, None)
            case "default":
                assert cache.setdefault(key, number) == model.setdefault(key, number)
                model.move_to_end(key)
            case "in":
                assert (key in cache) == (key in model)
            case "popitem":
                if model:
                    assert cache.popitem() == model.popitem()
        while len(model) > size:
            model.popitem(last=False)
        assert list(cache.items()) == list(model.items())

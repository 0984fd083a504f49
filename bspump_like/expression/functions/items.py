"""Functions of lists and dicts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..access import member, shown
from .table import bounded, function, needs_text

GROUP = "Lists and dicts"


def _list(value: Any, name: str) -> list[Any] | tuple[Any, ...]:
    if not isinstance(value, list | tuple):
        raise TypeError(f"{name} takes a list, not {shown(value)}")
    return value


def _dict(value: Any, name: str) -> Mapping[Any, Any]:
    if not isinstance(value, Mapping):
        raise TypeError(f"{name} takes a dict, not {shown(value)}")
    return value


function("len(x)", "the number of characters, items or keys", 'len("abc") -> 3', GROUP, kind="number")(len)


@function("first(list)", "its first item, null if it is empty", "first([3, 4]) -> 3", GROUP)
def _first(items: Any) -> Any:
    return _list(items, "first")[0] if items else None


@function("last(list)", "its last item, null if it is empty", "last([3, 4]) -> 4", GROUP)
def _last(items: Any) -> Any:
    return _list(items, "last")[-1] if items else None


@function("sort(list)", "the list in order", "sort([3, 1, 2]) -> [1, 2, 3]", GROUP)
def _sort(items: Any) -> list[Any]:
    return sorted(_list(items, "sort"))


@function("unique(list)", "the list without repetitions, in its order", "unique([2, 1, 2]) -> [2, 1]", GROUP)
def _unique(items: Any) -> list[Any]:
    return list(dict.fromkeys(_list(items, "unique")))


@function(
    "pluck(list, field)",
    "the values that the dicts of a list have in a field",
    'pluck([{"a": 1}, {"a": 2}], "a") -> [1, 2]',
    GROUP,
)
def _pluck(items: Any, field: Any) -> list[Any]:
    return [member(item, field) for item in _list(items, "pluck")]


@function("keys(dict)", "the list of its keys", 'keys({"a": 1}) -> ["a"]', GROUP)
def _keys(value: Any) -> list[Any]:
    return list(_dict(value, "keys"))


@function("values(dict)", "the list of its values", 'values({"a": 1}) -> [1]', GROUP)
def _values(value: Any) -> list[Any]:
    return list(_dict(value, "values").values())


@function(
    "get(x, path)",
    "what stands under a path of names with points, as `x.a.b`, for paths that are computed",
    'get({"a": {"b": 1}}, "a.b") -> 1',
    GROUP,
)
def _get(value: Any, path: Any) -> Any:
    for name in needs_text(path, "get").split("."):
        value = member(value, name)
    return value


@function(
    "merge(dict, dict, ...)",
    "one dict of all; later ones win, null is passed over",
    'merge({"a": 1}, {"b": 2}) -> {"a": 1, "b": 2}',
    GROUP,
    takes_none=True,
    grows=True,
)
def _merge(*values: Any) -> dict[Any, Any]:
    merged: dict[Any, Any] = {}
    for value in values:
        if value is not None:
            merged.update(_dict(value, "merge"))
    bounded(len(merged))
    return merged


@function(
    "pick(dict, name, ...)",
    "a dict of these fields only, those that are there",
    'pick({"a": 1, "b": 2}, "a") -> {"a": 1}',
    GROUP,
)
def _pick(value: Any, *names: Any) -> dict[Any, Any]:
    return {name: _dict(value, "pick")[name] for name in names if name in value}


@function("omit(dict, name, ...)", "the dict without these fields", 'omit({"a": 1, "b": 2}, "a") -> {"b": 2}', GROUP)
def _omit(value: Any, *names: Any) -> dict[Any, Any]:
    return {name: held for name, held in _dict(value, "omit").items() if name not in names}

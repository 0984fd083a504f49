"""Queries in the language of MongoDB, compiled to a function: does an event match?

Reference: MongoDB manual, "Query Predicates". There are $eq $ne $gt $gte $lt $lte $in $nin, $and $or $nor $not, $exists
$type, $mod $regex $options, $all $elemMatch $size. Paths with dots go through dicts and lists, and a condition holds for
a list when it holds for the list itself or for one of its items, as there. Values that cannot be compared do not match.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from .config import nearest
from .expression.regular import Regular

Matches: TypeAlias = Callable[[Any], bool]
_Test: TypeAlias = Callable[[Any], bool]
"""Tells whether one value fits."""
_Condition: TypeAlias = Callable[[list[Any]], bool]
"""Tells whether the values found under a path fit; none are found when it leads nowhere."""

_TYPES: dict[str, tuple[type, ...]] = {
    "double": (float,), "string": (str,), "object": (dict,), "array": (list, tuple), "binData": (bytes,), "bool": (bool,),
    "null": (type(None),), "int": (int,), "long": (int,), "number": (int, float),
}  # fmt: skip


def compile_query(query: Mapping[str, Any]) -> Matches:
    """Return a function that tells whether an event matches a query; the empty query matches everything.

    Raises:
        ValueError: It is no query; the message says where. The function raises it, if a pattern takes too long for a text.
    """
    if not isinstance(query, Mapping):
        raise ValueError(f"a query is a dict of fields and conditions, not {query!r}")
    return _every([_part(str(key), value) for key, value in query.items()])


def _every(tests: Sequence[Callable[[Any], bool]]) -> Callable[[Any], bool]:
    """Return a function that tells whether all tests hold."""
    if not tests:
        return lambda value: True
    if len(tests) == 1:
        return tests[0]
    one, rest = tests[0], _every(tests[1:])
    return lambda value: one(value) and rest(value)  # a generator in all() would cost more than the tests


def _part(key: str, value: Any) -> Matches:
    if not key.startswith("$"):
        return _field(key, value)
    if key not in ("$and", "$or", "$nor"):
        raise ValueError(f"there is no operator {key} outside of a field; {nearest(key, ['$and', '$or', '$nor'])}")
    if not isinstance(value, list | tuple) or not value:
        raise ValueError(f"{key} takes a list of queries")
    queries = [compile_query(one) for one in value]
    if key == "$and":
        return _every(queries)
    if key == "$or":
        return lambda event: any(one(event) for one in queries)
    return lambda event: not any(one(event) for one in queries)


def _field(path: str, value: Any) -> Matches:
    condition = _condition(value)
    if "." not in path:
        return _plain_field(path, condition)
    parts = path.split(".")

    def matches(event: Any) -> bool:
        found: list[Any] = []
        _find(event, parts, 0, found)
        return condition(found)

    return matches


def _plain_field(path: str, condition: _Condition) -> Matches:
    test = _test_of(condition)
    if test is None:
        return lambda event: condition([event[path]] if isinstance(event, Mapping) and path in event else [])

    def matches(event: Any) -> bool:
        if not isinstance(event, dict) or path not in event:
            return condition([event[path]] if isinstance(event, Mapping) and path in event else [])
        value = event[path]
        return condition([value]) if isinstance(value, list | tuple) else test(value)

    return matches


def _find(value: Any, parts: list[str], at: int, found: list[Any]) -> None:
    """Append what stands under a path; a list is gone through by index and by item."""
    if at == len(parts):
        found.append(value)
    elif isinstance(value, Mapping):
        if parts[at] in value:
            _find(value[parts[at]], parts, at + 1, found)
    elif isinstance(value, list | tuple):
        if parts[at].isdigit() and int(parts[at]) < len(value):
            _find(value[int(parts[at])], parts, at + 1, found)
        for item in value:
            if isinstance(item, Mapping):
                _find(item, parts, at, found)


def _condition(value: Any) -> _Condition:
    if isinstance(value, Mapping) and any(str(key).startswith("$") for key in value):
        options = value.get("$options", "")
        parts = [_operator(str(key), one, options) for key, one in value.items() if key != "$options"]
        tests = [_test_of(part) for part in parts]
        return _with_test(_every(parts), None if None in tests else _every(tests))  # type: ignore[arg-type]
    return _equal(value)


def _with_test(condition: _Condition, test: _Test | None) -> _Condition:
    """Note the test that says the same as a condition where one value is found that is no list, and much sooner."""
    if test is not None and not vars(condition):  # a single part has its own
        condition.test = test  # type: ignore[attr-defined]
    return condition


def _test_of(condition: _Condition) -> _Test | None:
    test: _Test | None = getattr(condition, "test", None)
    return test


def _operator(name: str, value: Any, options: str) -> _Condition:
    make = _OPERATORS.get(name)
    if make is None:
        raise ValueError(f"there is no operator {name}; {nearest(name, _OPERATORS)}")
    try:
        return _regex(value, options) if name == "$regex" else make(value)
    except (TypeError, KeyError, ValueError) as error:
        raise ValueError(f"{name} cannot take {value!r}: {error}") from error


def _any(test: _Test) -> _Condition:
    """Return a condition that holds if `test` does for a value found, or for an item of one that is a list."""

    def holds(found: list[Any]) -> bool:
        for value in found:
            if test(value):
                return True
            if isinstance(value, list | tuple) and any(map(test, value)):
                return True
        return False

    return _with_test(holds, test)


def _not(condition: _Condition) -> _Condition:
    test = _test_of(condition)
    return _with_test(lambda found: not condition(found), test and (lambda value: not test(value)))


def _equal(value: Any) -> _Condition:
    if isinstance(value, re.Pattern):
        return _regex(value, "")
    flag = isinstance(value, bool)
    holds = _any(lambda one: bool(one == value) and isinstance(one, bool) is flag)
    return _with_test(lambda found: not found or holds(found), _test_of(holds)) if value is None else holds


def _compared(compare: Callable[[Any, Any], bool]) -> Callable[[Any], _Condition]:
    def make(value: Any) -> _Condition:
        def test(one: Any) -> bool:
            try:
                return bool(compare(one, value))
            except TypeError:
                return False

        return _any(test)

    return make


def _one_of(values: Any) -> _Condition:
    if not isinstance(values, list | tuple | set | frozenset):
        raise TypeError("it takes a list")
    conditions = [_equal(value) for value in values]
    tests = [_test_of(condition) for condition in conditions]

    def test(value: Any) -> bool:
        return any(one(value) for one in tests if one is not None)

    return _with_test(lambda found: any(condition(found) for condition in conditions), None if None in tests else test)


def _all(values: Any) -> _Condition:
    if not isinstance(values, list | tuple):
        raise TypeError("it takes a list")
    conditions = [_condition(value) for value in values]
    return lambda found: bool(conditions) and all(condition(found) for condition in conditions)


def _exists(wanted: Any) -> _Condition:
    return lambda found: bool(found) == bool(wanted)


def _type(wanted: Any) -> _Condition:
    names = wanted if isinstance(wanted, list | tuple) else [wanted]
    kinds = tuple(kind for name in names for kind in _TYPES[name])
    return _any(lambda one: isinstance(one, kinds) and (bool in kinds or not isinstance(one, bool)))


def _modulo(value: Any) -> _Condition:
    divisor, rest = value
    if not divisor:
        raise TypeError("the divisor is 0")
    return _any(lambda one: isinstance(one, int | float) and not isinstance(one, bool) and one % divisor == rest)


def _regex(value: Any, options: str) -> _Condition:
    if not set(options) <= set("imsx"):
        raise ValueError(f"$options are of i, m, s and x, not {options!r}")
    pattern = value if isinstance(value, re.Pattern) else Regular(f"(?{options}){value}" if options else value)
    return _any(lambda one: isinstance(one, str) and pattern.search(one) is not None)


def _size(length: Any) -> _Condition:
    return lambda found: any(isinstance(value, list | tuple) and len(value) == length for value in found)


def _element(query: Any) -> _Condition:
    if any(str(key).startswith("$") and key not in ("$and", "$or", "$nor") for key in query):
        condition = _condition(query)
        test: _Test = lambda item: condition([item])  # noqa: E731
    else:
        test = compile_query(query)
    return lambda found: any(isinstance(value, list | tuple) and any(map(test, value)) for value in found)


def _negated(value: Any) -> _Condition:
    return _not(_condition(value))


_OPERATORS: dict[str, Callable[[Any], _Condition]] = {
    "$eq": _equal,
    "$ne": lambda value: _not(_equal(value)),
    "$gt": _compared(operator.gt),
    "$gte": _compared(operator.ge),
    "$lt": _compared(operator.lt),
    "$lte": _compared(operator.le),
    "$in": _one_of,
    "$nin": lambda values: _not(_one_of(values)),
    "$not": _negated,
    "$exists": _exists,
    "$type": _type,
    "$mod": _modulo,
    "$regex": lambda value: _regex(value, ""),
    "$all": _all,
    "$size": _size,
    "$elemMatch": _element,
}

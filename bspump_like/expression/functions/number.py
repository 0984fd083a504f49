"""Functions of numbers."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

from ..access import shown
from .table import function

GROUP = "Numbers"
_NUMBER: dict[str, Any] = {"kind": "number"}
_LARGEST_BITS = 4096
_MOST_DIGITS = 30


def _number(value: Any, name: str) -> Any:
    if not isinstance(value, int | float):
        raise TypeError(f"{name} takes a number, not {shown(value)}")
    return value


@function(
    "round(x, digits=0)", "the number rounded to so many digits behind the point, halves to the even digit as in Python; "
    "without `digits` a whole number", "round(2.347, 1) -> 2.3", GROUP, **_NUMBER,
)  # fmt: skip
def _round(value: Any, digits: int | None = None) -> Any:
    if digits is not None and not -_MOST_DIGITS <= digits <= _MOST_DIGITS:
        raise ValueError(f"{digits} digits are more than {_MOST_DIGITS}")
    return round(_number(value, "round"), digits)


function("abs(x)", "the number without its sign", "abs(0 - 4) -> 4", GROUP, **_NUMBER)(abs)


function("floor(x)", "the largest whole number that is not larger", "floor(2.7) -> 2", GROUP, **_NUMBER)(math.floor)


function("ceil(x)", "the smallest whole number that is not smaller", "ceil(2.1) -> 3", GROUP, **_NUMBER)(math.ceil)


function("sqrt(x)", "the square root", "sqrt(9) -> 3.0", GROUP, **_NUMBER)(math.sqrt)


function("log(x, base=e)", "the logarithm", "log(1000, 10) -> 2.9999999999999996", GROUP, **_NUMBER)(math.log)


@function("pow(x, y)", "x to the power of y; of at most 4096 bits", "pow(2, 10) -> 1024", GROUP, **_NUMBER)
def _pow(value: Any, power: Any) -> Any:
    if value is None or power is None:
        return None
    _number(value, "pow"), _number(power, "pow")
    whole = isinstance(value, int) and isinstance(power, int)
    if whole and power > 0 and value.bit_length() * power > _LARGEST_BITS:
        raise ValueError(f"{shown(value)} to the power of {power} has more than {_LARGEST_BITS} bits")
    result = value**power
    if isinstance(result, complex):
        raise ValueError(f"{shown(value)} to the power of {power} is no real number")
    return result


@function("bit_and(x, y)", "the bits that both whole numbers have", "bit_and(6, 3) -> 2", GROUP, **_NUMBER)
def _bit_and(value: Any, other: Any) -> Any:
    if value is None or other is None:
        return None
    if not (isinstance(value, int) and isinstance(other, int)):
        raise TypeError(f"bit_and takes whole numbers, not {shown(value)} and {shown(other)}")
    return value & other


def _chosen(choose: Callable[[Iterable[Any]], Any], values: tuple[Any, ...]) -> Any:
    if len(values) == 1 and isinstance(values[0], list | tuple):
        values = tuple(values[0])
    there = [value for value in values if value is not None]
    return choose(there) if there else None


@function(
    "min(x, ...)",
    "the smallest of its arguments, or of the items of a list; null is passed over",
    "min(3, null, 1) -> 1",
    GROUP,
    takes_none=True,
)
def _min(*values: Any) -> Any:
    return _chosen(min, values)


@function(
    "max(x, ...)",
    "the largest of its arguments, or of the items of a list; null is passed over",
    "max([3, 1]) -> 3",
    GROUP,
    takes_none=True,
)
def _max(*values: Any) -> Any:
    return _chosen(max, values)


@function(
    "sum(list)", "the sum of the items of a list; null is passed over", "sum([1, null, 2]) -> 3", GROUP, **_NUMBER
)
def _sum(items: Any) -> Any:
    if not isinstance(items, list | tuple):
        raise TypeError(f"sum takes a list, not {shown(items)}")
    return sum(_number(item, "sum") for item in items if item is not None)

"""Figures of a group: how each begins, takes in a value, and is read off.

The state of all figures of a group is one flat tuple. The update of all figures is one generated function, which reads for
`by: [carrier]`, a count, and a mean of `delay`:

    def run(event):
        get = event.get
        key = get(c0)
        s0, s1, s2, = groups.get(key, c1)
        s0 += 1
        v = get(c2)
        if v is not None:
            s1 += 1
            s2 += v
        groups[key] = (s0, s1, s2, )
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from ..config import nearest
from .generated import Scope, generate


class _Kind(NamedTuple):
    """One kind of figure.

    Attributes:
        start: The state before the first value.
        lines: What takes in the value `v`; `{0}` is the first variable of the state, `{p}` the parameter.
        result: Reads the figure off its state.
    """

    start: tuple[Any, ...]
    lines: tuple[str, ...]
    result: Callable[[tuple[Any, ...]], Any]


_MEAN = _Kind((0, 0), ("{0} += 1", "{1} += v"), lambda s: s[1] / s[0] if s[0] else None)

_KINDS: dict[str, _Kind] = {
    "count": _Kind((0,), ("{0} += 1",), lambda s: s[0]),
    # The number of values beside the sum tells "no value" from "values that cancel out".
    "sum": _Kind((0, 0), ("{0} += 1", "{1} += v"), lambda s: s[1] if s[0] else None),
    "mean": _MEAN,
    "min": _Kind((None,), ("if {0} is None or v < {0}:", "    {0} = v"), lambda s: s[0]),
    "max": _Kind((None,), ("if {0} is None or v > {0}:", "    {0} = v"), lambda s: s[0]),
    "first": _Kind((None,), ("if {0} is None:", "    {0} = v"), lambda s: s[0]),
    "last": _Kind((None,), ("{0} = v",), lambda s: s[0]),
    "share_above": _Kind((0, 0), ("{0} += 1", "if v > {p}:", "    {1} += 1"), _MEAN.result),
    # B. P. Welford, Note on a method for calculating corrected sums of squares and products, 1962.
    "stddev": _Kind(
        (0, 0.0, 0.0),
        ("{0} += 1", "d = v - {1}", "{1} += d / {0}", "{2} += d * (v - {1})"),
        lambda s: math.sqrt(s[2] / (s[0] - 1)) if s[0] > 1 else None,
    ),
}


class Figure(NamedTuple):
    """One declared figure.

    Attributes:
        name: Its kind, `mean`.
        field: The field it is of; None for the count of events.
        parameter: The bound of `share_above`.
    """

    name: str
    field: str | None = None
    parameter: Any = None

    @property
    def width(self) -> int:
        """Return how many places of the state it takes."""
        return len(_KINDS[self.name].start)

    def result(self, state: tuple[Any, ...]) -> Any:
        """Return the figure from its part of the state."""
        return _KINDS[self.name].result(state)


def parse_figures(declared: Any) -> dict[str, Figure]:
    """Return name -> figure from the option `figures`.

    Raises:
        ValueError: Something else is declared; says what and names the nearest figure.
    """
    if not isinstance(declared, Mapping):
        raise ValueError("expected names with figures")
    return {name: _parse(name, one) for name, one in declared.items()}


def _parse(name: str, declared: Any) -> Figure:
    if declared == "count":
        return Figure("count")
    if not isinstance(declared, Mapping) or len(declared) != 1:
        raise ValueError(f"figure '{name}': expected count or {{FIGURE: FIELD}}, got {declared!r}")
    [(kind, field)] = declared.items()
    if kind not in _KINDS:
        raise ValueError(f"figure '{name}' has an unknown kind '{kind}', {nearest(str(kind), _KINDS)}")
    if kind != "share_above":
        if not isinstance(field, str):
            raise ValueError(f"figure '{name}': {kind} takes the name of a field")
        return Figure(kind, field)
    if not isinstance(field, list | tuple) or len(field) != 2 or isinstance(field[1], bool | str):
        raise ValueError(f"figure '{name}': share_above takes a field and a number, [delay, 15]")
    return Figure(kind, str(field[0]), field[1])


def compile_update(
    by: Sequence[str], figures: Sequence[Figure], groups: dict[Any, tuple[Any, ...]]
) -> Callable[[Any], None]:
    """Return a function that counts one event into `groups`.

    The key of a group is the value of the field when there is one field, a tuple otherwise. The function replaces the state
    of a group in its last statement: when it raises, nothing has changed.
    """
    scope = Scope(groups=groups)
    keys = [f"get({scope.bind(field)})" for field in by]
    lines = ["get = event.get", f"key = {keys[0]}" if len(keys) == 1 else f"key = ({', '.join(keys)})"]
    start: list[Any] = []
    by_field: dict[str | None, list[str]] = {}
    for figure in figures:
        kind = _KINDS[figure.name]
        names = [f"s{len(start) + place}" for place in range(len(kind.start))]
        parameter = scope.bind(figure.parameter)
        by_field.setdefault(figure.field, []).extend(line.format(*names, p=parameter) for line in kind.lines)
        start.extend(kind.start)
    state = "".join(f"s{place}, " for place in range(len(start)))
    if state:
        lines.append(f"{state}= groups.get(key, {scope.bind(tuple(start))})")
    lines += by_field.pop(None, [])
    for field, updates in by_field.items():
        lines += [f"v = get({scope.bind(field)})", "if v is not None:", *(f"    {line}" for line in updates)]
    lines.append(f"groups[key] = ({state})")
    return generate("group by", lines, scope)

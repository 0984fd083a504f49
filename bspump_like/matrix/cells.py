"""What events bring into the cells of a matrix: counts, sums, extremes, last values; declared, checked, applied by the batch."""

from __future__ import annotations

import difflib
import numbers
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..config import nearest
from ..errors import ConfigError, Problem, ProcessingError
from .scatter import carry_out, planned

Array = np.ndarray[Any, Any]

_HOWS = {"count": "add", "sum": "add", "min": "min", "max": "max", "last": "set"}


class _Figure(NamedTuple):
    """One cell field, or the whole cell when that has no fields (`cell` is empty then)."""

    cell: str
    kind: str
    field: str | None
    seen: str | None


class Cells:
    """The figures of one updater.

    Args:
        declared: Cell field -> `count` or `{count|sum|min|max|last: field of the event}`; one of these for plain cells.
        dtype: Type of the cells.

    Raises:
        ConfigError: A figure is unknown, has no such cell, or an extreme has no count of its field beside it.
    """

    def __init__(self, declared: Any, dtype: np.dtype[Any]) -> None:
        """Read the declaration."""
        self._dtype = dtype
        if dtype.names is None:
            self._figures = [_Figure("", *_read_plain(declared), None)]
        else:
            self._figures = self._named(declared, dtype.names)
        extremes = [figure for figure in self._figures if figure.kind in ("min", "max")]
        for figure in extremes:
            if figure.seen is None:
                raise _mistake(
                    f"the {figure.kind} of '{figure.field}' needs a count of it beside it: an empty cell is 0",
                    f"add a cell {{count: {figure.field}}}",
                )
        fields = dict.fromkeys(figure.field for figure in self._figures if figure.field is not None)
        self.fields: list[str] = list(fields)
        """Fields of the event that are read."""
        self._checks = [self._check_of(field) for field in fields]
        self._index = {field: index for index, field in enumerate(fields)}

    def _named(self, declared: Any, names: tuple[str, ...]) -> list[_Figure]:
        if not isinstance(declared, Mapping) or not declared:
            raise _mistake(f"the cells have fields: say what goes into which, not {declared!r}", ", ".join(names))
        read = {cell: _read(cell, spec) for cell, spec in declared.items()}
        for cell in read:
            if cell not in names:
                raise _mistake(f"the cells have no field '{cell}'", nearest(cell, names))
        counted = {field: cell for cell, (kind, field) in read.items() if kind == "count"}
        return [_Figure(cell, kind, field, counted.get(field)) for cell, (kind, field) in read.items()]

    def _check_of(self, field: str) -> Callable[[Any], bool]:
        kinds = [self._type_of(figure) for figure in self._figures if figure.field == field and figure.kind != "count"]
        checks = list(dict.fromkeys(_fits(dtype) for dtype in dict.fromkeys(kinds)))
        if not checks:
            return lambda value: True
        return checks[0] if len(checks) == 1 else lambda value: all(check(value) for check in checks)

    def _type_of(self, figure: _Figure) -> np.dtype[Any]:
        return self._dtype[figure.cell] if figure.cell else self._dtype

    def reader(self) -> Callable[[Any], Any]:
        """Return a function that reads what one event brings: a value when there is one field, otherwise a tuple of them.

        It raises ProcessingError when a value does not fit into its cell.
        """
        columns = list(zip(self.fields, self._checks, strict=True))
        if not columns:
            return lambda event: None
        if len(columns) == 1:
            field, fits = columns[0]

            def one(event: Any) -> Any:
                value = event.get(field)
                if value is None or fits(value):
                    return value
                raise _misfit(field, value)

            return one

        def several(event: Any) -> Any:
            get, values = event.get, []
            for field, fits in columns:
                value = get(field)
                if value is not None and not fits(value):
                    raise _misfit(field, value)
                values.append(value)
            return values

        return several

    def apply(self, array: Array, places: Any, rows: Sequence[Any]) -> None:
        """Bring in what many events bring.

        Args:
            array: The cells of the matrix.
            places: Where each event belongs: an array of rows, or a tuple of arrays.
            rows: What `reader()` returned for each.

        Raises:
            ProcessingError: A sum of whole numbers does not fit its cell; nothing is changed then.
        """
        columns = [rows] if len(self.fields) == 1 else list(zip(*rows, strict=True)) if self.fields else []
        known: dict[str, tuple[Any, list[Any]]] = {}
        for field, column in zip(self.fields, columns, strict=True):
            if None in column:
                there = np.fromiter((value is not None for value in column), bool, len(column))
                some = tuple(part[there] for part in places) if isinstance(places, tuple) else places[there]
                known[field] = some, [value for value in column if value is not None]
            else:
                known[field] = places, list(column)
        plans = []  # made for all figures first: extremes look at the counts from before the batch
        for figure in self._figures:
            at, values = known[figure.field] if figure.field is not None else (places, [])
            value: Any = 1 if figure.kind == "count" else np.array(values, dtype=self._type_of(figure))
            update = {figure.cell: value} if figure.cell else value
            seen = figure.seen if figure.kind in ("min", "max") else None
            plans += planned(array, at, update, _HOWS[figure.kind], seen)
        carry_out(plans)


def _read_plain(declared: Any) -> tuple[str, str | None]:
    if isinstance(declared, Mapping) and not _HOWS.keys() & declared.keys():
        fields = ", ".join(f"{cell}: f8" for cell in declared)
        hint = f"write count, or {{sum: FIELD}}; or give the matrix a dtype with fields: {{{fields}}}"
        close = difflib.get_close_matches(str(next(iter(declared), "")), _HOWS, n=1)
        if close and len(declared) == 1:
            hint = f"did you mean '{close[0]}'?"
        named = ", ".join(map(repr, declared)) or "nothing"
        raise _mistake(f"the cells of the matrix have no fields, and {named} is named", hint)
    return _read("cells", declared)


def _read(cell: str, spec: Any) -> tuple[str, str | None]:
    if spec == "count":
        return "count", None
    if not isinstance(spec, Mapping) or len(spec) != 1:
        raise _mistake(f"'{cell}' is {spec!r}", "write count, or {sum: FIELD}")
    ((kind, field),) = spec.items()
    if kind not in _HOWS:
        raise _mistake(f"'{cell}' is to be the {kind!r}", nearest(str(kind), _HOWS))
    if not isinstance(field, str) or not field:
        raise _mistake(f"the {kind} of '{cell}' names {field!r} and no field", f"write {{{kind}: FIELD}}")
    return kind, field


def _mistake(message: str, hint: str) -> ConfigError:
    return ConfigError([Problem(message, ("cells",), hint=hint)])


def _misfit(field: str, value: Any) -> ProcessingError:
    return ProcessingError(
        f"the field '{field}' does not fit into its cell", detail=repr(value), hint="put a CastProcessor before"
    )


def _fits(dtype: np.dtype[Any]) -> Callable[[Any], bool]:
    """Return what tells whether a value can stand in a cell of this type."""
    if dtype.kind in "iu":
        least, most = int(np.iinfo(dtype).min), int(np.iinfo(dtype).max)
        integral: Any = numbers.Integral
        return lambda value: (value.__class__ is int or isinstance(value, integral)) and least <= value <= most
    if dtype.kind == "f":
        real = numbers.Real  # asking an abstract class is slow, so the usual classes come first
        return lambda value: value.__class__ is float or value.__class__ is int or isinstance(value, real)
    if dtype.kind == "U":
        return lambda value: isinstance(value, str)
    if dtype.kind == "S":
        return lambda value: isinstance(value, bytes)
    return lambda value: isinstance(value, numbers.Number)

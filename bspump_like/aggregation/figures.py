"""The figures of a SketchAggregator: each a sketch of Apache DataSketches."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from ..config import nearest
from ..errors import MissingDependency

try:
    import datasketches
except ModuleNotFoundError as error:
    raise MissingDependency("datasketches", "sketch") from error

from .digest import Digest


class Figure:
    """One figure of one field: makes sketches, and reads them.

    Args:
        field: Of the event.
        parameter: What else is declared.
    """

    name: ClassVar[str]
    takes: ClassVar[str]
    """How its declaration is written, for messages."""

    def __init__(self, field: str, parameter: Any) -> None:
        """Check the parameter.

        Raises:
            ValueError: It is none for this figure.
        """
        self.field, self.parameter = field, parameter

    def new(self) -> Any:
        """Return an empty sketch."""
        raise NotImplementedError

    def prepare(self, value: Any) -> Any:
        """Return a value that is not None as the sketch takes it; it has an `update` for that.

        Raises:
            TypeError, ValueError: The sketch cannot take it.
        """
        return value if type(value) is str else str(value)

    def result(self, sketch: Any) -> Any:
        """Return the figure."""
        raise NotImplementedError

    def dump(self, sketch: Any) -> bytes:
        """Return a sketch as bytes."""
        data: bytes = sketch.serialize()
        return data

    def load(self, data: bytes) -> Any:
        """Return the sketch that these bytes are."""
        raise NotImplementedError


class Distinct(Figure):
    """How many different values there were: HyperLogLog, 4 KiB, standard error 1.6 %."""

    name = "distinct"
    takes = "{distinct: FIELD}"

    def __init__(self, field: str, parameter: Any) -> None:
        """See `Figure`."""
        super().__init__(field, parameter)
        if parameter is not None:
            raise ValueError(f"expected {self.takes}")

    def new(self) -> Any:
        """Return an empty sketch."""
        return datasketches.hll_sketch(12)

    def result(self, sketch: Any) -> int:
        """Return the estimate, rounded."""
        return round(float(sketch.get_estimate()))

    def dump(self, sketch: Any) -> bytes:
        """Return the sketch as bytes."""
        data: bytes = sketch.serialize_updatable()
        return data

    def load(self, data: bytes) -> Any:
        """Return the sketch."""
        return datasketches.hll_sketch.deserialize(data)


class Quantiles(Figure):
    """Quantiles of numbers: t-digest, at most 12 KiB; 1 % off in rank at most, far less at both ends."""

    name = "quantiles"
    takes = "{quantiles: [FIELD, [0.5, 0.99]]}"

    def __init__(self, field: str, parameter: Any) -> None:
        """See `Figure`."""
        wanted = [parameter] if isinstance(parameter, int | float) else parameter
        if (
            not isinstance(wanted, list)
            or not wanted
            or not all(isinstance(q, int | float) and 0 <= q <= 1 for q in wanted)
        ):
            raise ValueError(f"expected {self.takes}, with numbers from 0 to 1")
        super().__init__(field, wanted)

    def new(self) -> Any:
        """Return an empty sketch."""
        return Digest()

    def prepare(self, value: Any) -> float:
        """Return the number."""
        return float(value)

    def result(self, sketch: Any) -> dict[str, float | None]:
        """Return quantile -> value, None without values: `{"p50": 12.0, "p99": 80.5}`."""
        values = sketch.quantiles(self.parameter) or [None] * len(self.parameter)
        return {f"p{100 * q:g}": value for q, value in zip(self.parameter, values, strict=True)}

    def dump(self, sketch: Any) -> bytes:
        """Return the sketch as bytes."""
        data: bytes = sketch.dump()
        return data

    def load(self, data: bytes) -> Any:
        """Return the sketch."""
        return Digest.load(data)


class Top(Figure):
    """The most frequent values with their counts: Misra-Gries, as texts, at most 1,536 of them at a time."""

    name = "top"
    takes = "{top: [FIELD, 10]}"

    def __init__(self, field: str, parameter: Any) -> None:
        """See `Figure`."""
        if not isinstance(parameter, int) or isinstance(parameter, bool) or not 1 <= parameter <= 1000:
            raise ValueError(f"expected {self.takes}, with a number from 1 to 1000")
        super().__init__(field, parameter)

    def new(self) -> Any:
        """Return an empty sketch."""
        return datasketches.frequent_strings_sketch(11)

    def result(self, sketch: Any) -> list[dict[str, Any]]:
        """Return value and count, the most frequent first; the count is never too small, by `error` at most too large."""
        found = sketch.get_frequent_items(datasketches.frequent_items_error_type.NO_FALSE_NEGATIVES)
        found.sort(key=lambda item: (-item[1], item[0]))
        return [
            {"value": value, "count": estimate, "error": upper - lower}
            for value, estimate, lower, upper in found[: self.parameter]
        ]

    def load(self, data: bytes) -> Any:
        """Return the sketch."""
        return datasketches.frequent_strings_sketch.deserialize(data)


class Frequency(Figure):
    """How often each of some values came: count-min, 160 KiB; never too small, at most 0.1 % of all too large."""

    name = "frequency"
    takes = "{frequency: [FIELD, [VALUE, ...]]}"

    def __init__(self, field: str, parameter: Any) -> None:
        """See `Figure`."""
        if not isinstance(parameter, list) or not parameter:
            raise ValueError(f"expected {self.takes}")
        super().__init__(field, parameter)

    def new(self) -> Any:
        """Return an empty sketch."""
        return datasketches.count_min_sketch(7, 2719)  # error e / buckets with a probability of 1 - exp(-hashes)

    def result(self, sketch: Any) -> dict[str, int]:
        """Return value -> count."""
        return {str(value): round(sketch.get_estimate(str(value))) for value in self.parameter}

    def load(self, data: bytes) -> Any:
        """Return the sketch."""
        return datasketches.count_min_sketch.deserialize(data)


_FIGURES: dict[str, type[Figure]] = {cls.name: cls for cls in (Distinct, Quantiles, Top, Frequency)}


def parse_figures(declared: Any) -> dict[str, Figure]:
    """Return the figures that the option `figures` declares.

    Raises:
        ValueError: It declares none; names the figure.
    """
    if not isinstance(declared, Mapping) or not declared:
        raise ValueError("expected names with figures, such as {users: {distinct: user}}")
    figures = {}
    for name, one in declared.items():
        if not isinstance(one, Mapping) or len(one) != 1:
            raise ValueError(f"'{name}': expected {' or '.join(cls.takes for cls in _FIGURES.values())}")
        ((kind, what),) = one.items()
        if kind not in _FIGURES:
            raise ValueError(f"'{name}': there is no figure '{kind}'; {nearest(str(kind), _FIGURES)}")
        field, parameter = (what, None) if not isinstance(what, list) or len(what) != 2 else what
        if not isinstance(field, str):
            raise ValueError(f"'{name}': expected {_FIGURES[kind].takes}")
        try:
            figures[name] = _FIGURES[kind](field, parameter)
        except ValueError as error:
            raise ValueError(f"'{name}': {error}") from None
    return figures

"""IntervalLookup: the row of a file whose interval holds a value."""

from __future__ import annotations

import asyncio
import datetime
import heapq
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from ..abc.lookup import Lookup
from ..abc.table_json import dump_pairs, load_pairs
from ..config import option
from .table_file import Seen, TableFile, TableFileOptions, require_path

if TYPE_CHECKING:
    from ..application import BSPumpApplication


class IntervalLookupOptions(TableFileOptions):
    """Options of `IntervalLookup`."""

    key: list[str] = option(
        [],
        "the two columns where the interval begins and where it ends; its ends belong to it. A slave needs none",
        example=["low", "high"],
    )


class IntervalLookup(Lookup):
    """Price bands, ranges of numbers, periods of time: rows of a file, found by any value between two columns.

    The columns are numbers, text, dates, whatever compares with what is asked for; give them `types` where the file has text. An
    end that is missing is open. Of several rows that hold a value the first in the file counts, so put exceptions first.

    Example:
        lookups:
          - id: Tariff
            class: IntervalLookup
            config: {path: tariff.csv, key: [low, high], value: price, types: {low: float, high: float, price: int}}
        pipelines:
          - id: Enrich
            sources:
              - {class: IteratorSource, args: {iterator: [{weight: 3}, {weight: 12}]}}
            processors:
              - {class: LookupEnricher, config: {lookup: Tariff, key: weight, target: price}}
            sink: {class: PrintSink}
    """

    class Options(IntervalLookupOptions):
        """Where the file is, and what is in it."""

    def __init__(
        self, app: BSPumpApplication, id: str | None = None, config: Mapping[str, Any] | None = None, lazy: bool = False
    ) -> None:
        """See `Lookup`.

        Raises:
            ConfigError: `key` does not name two columns, or neither a file is named nor where else the table comes from.
        """
        super().__init__(app, id, config, lazy)
        require_path(self)
        if self.is_master() and len(self.options.key) != 2:
            raise self.mistake("key", "'key' must name the two columns where the interval begins and ends")
        self._file = TableFile(self.options, self.Id)
        self._seen: Seen | None = None
        self._segments = _Segments(())

    async def load(self) -> bool:
        """Read the file, in a thread, unless it is as it was the last time.

        Raises:
            ConfigError: See `FileLookup.load`; also ends that do not compare with one another.
            OSError: It cannot be read.
        """
        seen = await asyncio.to_thread(self._file.seen)
        if seen == self._seen:
            return False
        try:
            self._segments = await asyncio.to_thread(lambda: _Segments(self._file.items()))
        except TypeError as error:
            problem = f"the ends of the intervals in '{self.options.path}' do not compare: {error}"
            raise self.mistake("types", problem, "give both columns the same type") from error
        self._seen = seen
        return True

    def get(self, value: Any, default: Any = None) -> Any:
        """Return the row (or its `value` column) of the first interval that holds `value`, or `default`.

        Raises:
            TypeError: The value does not compare with the ends.
        """
        found = self._segments.find(value)
        return default if found is None else found

    def __getitem__(self, value: Any) -> Any:
        """Return the row of the first interval that holds `value`; KeyError when there is none."""
        found = self._segments.find(value)
        if found is None:
            raise KeyError(value)
        return found

    def __contains__(self, value: object) -> bool:
        """Tell whether an interval holds `value`."""
        return self._segments.find(value) is not None

    def __len__(self) -> int:
        """Return the number of intervals."""
        return self._segments.count

    # Slaves

    def serialize(self) -> bytes:
        """Return the intervals as JSON: a list of [[low, high], row]; a date is `{"date": "2026-11-21"}`.

        Raises:
            TypeError: An end or a row holds what JSON has not.
        """
        return dump_pairs(self._segments.pairs())

    def deserialize(self, data: bytes) -> None:
        """Take the intervals that `serialize` returned; dates within rows come back as text.

        Raises:
            ValueError: These are no intervals.
        """
        try:
            self._segments = _Segments(((_end(low), _end(high)), row) for (low, high), row in load_pairs(data))
        except TypeError as error:
            raise ValueError(f"expected a list of [[low, high], row] with ends that compare: {error}") from error

    def rest_get(self) -> dict[str, Any]:
        """Return what the web API shows of this lookup, with its size."""
        return {**super().rest_get(), "Size": len(self)}


class _Segments:
    """Where one moves along the ends of intervals, ascending: the first row that holds each end, and what lies behind it.

    Made by one sweep; an answer is one bisection.
    """

    def __init__(self, items: Iterable[tuple[Any, Any]]) -> None:
        intervals = [(low, high, row) for (low, high), row in items if low is None or high is None or low <= high]
        self.count = len(intervals)
        self._lows, self._highs = [low for low, _, _ in intervals], [high for _, high, _ in intervals]
        self._points = sorted({end for low, high, _ in intervals for end in (low, high) if end is not None})
        place = {point: number for number, point in enumerate(self._points)}
        # An open beginning lies before the first point, an open end behind the last.
        begins: list[list[int]] = [[] for _ in range(len(self._points) + 1)]
        for number, (low, _, _) in enumerate(intervals):
            begins[0 if low is None else place[low] + 1].append(number)
        last = [len(self._points) if high is None else place[high] for _, high, _ in intervals]
        self._rows = rows = [row for _, _, row in intervals]
        held = begins[0]
        self._before = rows[held[0]] if held else None
        heapq.heapify(held)
        self._at: list[Any] = []
        self._behind: list[Any] = []
        for point in range(len(self._points)):
            for number in begins[point + 1]:
                heapq.heappush(held, number)
            self._at.append(_first(held, last, point, rows))
            self._behind.append(_first(held, last, point + 1, rows))

    def pairs(self) -> Iterator[tuple[list[Any], Any]]:
        """Return the ends and the row of each interval, as JSON can hold them."""
        for low, high, row in zip(self._lows, self._highs, self._rows, strict=True):
            yield [_written(low), _written(high)], row

    def find(self, value: Any) -> Any:
        """Return the row of the first interval that holds a value, None when none does."""
        if value is None or value != value:
            return None
        points = self._points
        at = bisect_right(points, value) - 1
        if at < 0:
            return self._before
        return self._at[at] if points[at] == value else self._behind[at]


def _first(held: list[int], last: list[int], point: int, rows: list[Any]) -> Any:
    """Return the first of the held intervals that reach to a point; those that do not are given up."""
    while held and last[held[0]] < point:
        heapq.heappop(held)
    return rows[held[0]] if held else None


_DATES: dict[str, type[datetime.date | datetime.time]] = {
    "datetime": datetime.datetime, "date": datetime.date, "time": datetime.time,
}  # fmt: skip


def _written(end: Any) -> Any:
    name = type(end).__name__
    return {name: end.isoformat()} if name in _DATES else end


def _end(written: Any) -> Any:
    if not isinstance(written, dict):
        return tuple(written) if isinstance(written, list) else written
    (name, text), *_ = written.items()
    if name not in _DATES:
        raise ValueError(f"{written} is no end of an interval")
    return _DATES[name].fromisoformat(text)

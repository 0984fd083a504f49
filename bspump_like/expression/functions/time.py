"""Functions of time. Time is a number of seconds since 1970, UTC, as sources and `now()` give it."""

from __future__ import annotations

import datetime
import re
import zoneinfo
from collections.abc import Callable
from typing import Any

from ...abc.clock import wall_time
from ..access import shown
from .table import function, needs_text

GROUP = "Time"

# A directive of strftime may have a width in some C libraries, `%999999999d`, so what may stand behind % is listed.
_FORMAT = re.compile(r"(?:[^%]|%-?[aAbBcdfFGHIjmMpSTuUVwWxXyYzZ%])*")
_LONGEST = 200

Make = Callable[..., Callable[[Any], Any]]
"""Takes the arguments behind the first, returns a function of the first."""

_PARTS: dict[str, Callable[[datetime.datetime], int]] = {
    "year": lambda moment: moment.year, "month": lambda moment: moment.month, "day": lambda moment: moment.day,
    "hour": lambda moment: moment.hour, "minute": lambda moment: moment.minute, "second": lambda moment: moment.second,
    "weekday": lambda moment: moment.isoweekday(), "week": lambda moment: moment.isocalendar().week,
    "yearday": lambda moment: moment.timetuple().tm_yday,
}  # fmt: skip


function(
    "now()",
    "the time, in seconds since 1970",
    "now() > 1700000000 -> true",
    GROUP,
    kind="number",
    nullable=False,
)(wall_time)


def zone_of(name: Any) -> datetime.tzinfo:
    """Return a time zone by its name.

    Raises:
        ValueError: There is none.
    """
    if name == "UTC":
        return datetime.UTC
    try:
        return zoneinfo.ZoneInfo(needs_text(name, "a time zone"))
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"there is no time zone {shown(name)}") from None


def _checked(format: Any) -> str:
    if not isinstance(format, str) or len(format) > _LONGEST or not _FORMAT.fullmatch(format):
        raise ValueError(f"{shown(format)} is no format of a time, like %Y-%m-%d %H:%M:%S")
    return format


def moment(value: Any, zone: datetime.tzinfo) -> datetime.datetime:
    """Return the moment that seconds, ISO 8601 or a datetime mean; without a zone of its own it is in `zone`."""
    if isinstance(value, int | float):
        return datetime.datetime.fromtimestamp(value, zone)
    found = (
        value if isinstance(value, datetime.datetime) else datetime.datetime.fromisoformat(needs_text(value, "time"))
    )
    return found.replace(tzinfo=zone) if found.tzinfo is None else found.astimezone(zone)


def time_function(usage: str, help: str, example: str, **more: Any) -> Callable[[Make], Make]:
    """Put a function into the table that `make` makes of all arguments but the first, once if they are constants."""

    def register(make: Make) -> Make:
        def prepare(constants: list[Any]) -> tuple[Callable[..., Any], list[int]] | None:
            return None if ... in constants[1:] else (make(*constants[1:]), [0])

        function(usage, help, example, GROUP, prepare=prepare, **more)(lambda value, *others: make(*others)(value))
        return make

    return register


@time_function(
    "format_time(time, format, zone=\"UTC\")", "the text of a time (seconds, or ISO 8601), with the directives of strftime",
    'format_time(1700000000, "%Y.%m.%d") -> "2023.11.14"', kind="text",
)  # fmt: skip
def _formatter(format: Any, zone: Any = "UTC") -> Callable[[Any], str]:
    """Return what formats a time. It remembers the last second: events of one second follow each other."""
    format, zone = _checked(format), zone_of(zone)
    if "%f" in format:
        return lambda value: moment(value, zone).strftime(format)
    last: tuple[Any, str] = (None, "")

    def formatted(value: Any) -> str:
        nonlocal last
        second = value // 1 if value.__class__ is float else value
        known = last
        if known[0] == second and known[0].__class__ is second.__class__:
            return known[1]
        text = moment(value, zone).strftime(format)
        last = second, text
        return text

    return formatted


@time_function(
    "parse_time(text, format=ISO 8601, zone=\"UTC\")", "the seconds of a time that is written so, with the directives of "
    "strptime; the zone is for texts that name none", 'parse_time("2023-11-14T22:13:20Z") -> 1700000000.0', kind="number",
)  # fmt: skip
def _parser(format: Any = None, zone: Any = "UTC") -> Callable[[Any], float]:
    format, zone = None if format is None else _checked(format), zone_of(zone)

    def parsed(value: Any) -> float:
        if format is None or not isinstance(value, str):
            return moment(value, zone).timestamp()
        found = datetime.datetime.strptime(value, format)
        return (found.replace(tzinfo=zone) if found.tzinfo is None else found).timestamp()

    return parsed


@time_function(
    "time_part(time, part, zone=\"UTC\")", f"a number out of a time: {', '.join(_PARTS)} (Monday is 1)",
    'time_part(1700000000, "hour") -> 22', kind="number",
)  # fmt: skip
def _part_of(part: Any, zone: Any = "UTC") -> Callable[[Any], int]:
    if part not in _PARTS:
        raise ValueError(f"{shown(part)} is no part of a time; there are {', '.join(_PARTS)}")
    take, zone = _PARTS[part], zone_of(zone)
    return lambda value: take(moment(value, zone))

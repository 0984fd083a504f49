"""SyslogParserProcessor: messages of syslog, old (RFC 3164) and new (RFC 5424)."""

from __future__ import annotations

import datetime
import re
import zoneinfo
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..config import option
from .text_parser import TextParser, TextParserOptions
from .time import zone_of

if TYPE_CHECKING:
    from ..application import BSPumpApplication
    from ..pipeline import Pipeline

_MONTHS = {
    "Jan": 1, "Feb": 2, "Mar": 3, "Apr": 4, "May": 5, "Jun": 6, "Jul": 7, "Aug": 8, "Sep": 9, "Oct": 10, "Nov": 11, "Dec": 12,
}  # fmt: skip
_NEW = re.compile(r"<(\d{1,3})>[1-9]\d{0,2} (\S+) (\S+) (\S+) (\S+) (\S+) (-|\[)", re.DOTALL)
_OLD = re.compile(r"<(\d{1,3})>([A-Z][a-z]{2}) ([ \d]\d) (\d\d):(\d\d):(\d\d) (\S+) (.*)", re.DOTALL)
_TAG = re.compile(r"([^\s:\[]{1,48})(?:\[([^\]]*)\])?: ?")
_PARAMETER = re.compile(r' ([^\s=\]"]+)="((?:[^"\\\]]|\\.)*)"', re.DOTALL)
_ESCAPED = re.compile(r'\\(["\\\]])')


class SyslogOptions(TextParserOptions):
    """What old messages leave open."""

    timezone: Any = option("UTC", "zone of the times in old messages", parse=zone_of, example="Europe/Prague")


class SyslogParserProcessor(TextParser):
    """Parse a message of syslog: `<34>1 2003-10-11T22:14:15Z host app ...`, or `<34>Oct 11 22:14:15 host app: ...`.

    In: text, or a dict that has it in `field`. Out: a dict of facility and severity (numbers), timestamp (a datetime with
    zone), hostname, app, pid, message, and of new messages msgid and data (id -> name -> value). What a message does not
    say is None. An old time has no year: it is taken for the last one that is not more than a day ahead.
    Raises: ProcessingError, if it is none.

    Example:
        pipelines:
          - id: Example
            sources:
              - class: IteratorSource
                args:
                  iterator:
                    - "<34>1 2003-10-11T22:14:15.003Z mymachine su - ID47 - 'su root' failed"
                    - "<34>Oct 11 22:14:15 mymachine su[42]: 'su root' failed"
            processors:
              - {class: SyslogParserProcessor}
            sink: {class: PPrintSink}
    """

    class Options(SyslogOptions):
        """What old messages leave open."""

    def __init__(
        self, app: BSPumpApplication, pipeline: Pipeline, id: str | None = None, config: Mapping[str, Any] | None = None
    ) -> None:
        """See `TextParser`."""
        super().__init__(app, pipeline, id, config)
        self._zone: zoneinfo.ZoneInfo = zone_of(self.options.timezone)

    def parse(self, text: str) -> dict[str, Any]:
        """Return the message."""
        match = _NEW.match(text)
        if match is not None:
            return self._new(text, match)
        match = _OLD.match(text)
        if match is not None:
            return self._old(match)
        raise ValueError("no message of syslog: neither RFC 5424 nor RFC 3164")

    def _new(self, text: str, match: re.Match[str]) -> dict[str, Any]:
        stamp, host, app, pid, msgid, begin = match.groups()[1:]
        data, at = _data(text, match.end() - 1) if begin == "[" else ({}, match.end())
        return {
            **_priority(match[1]), "timestamp": None if stamp == "-" else datetime.datetime.fromisoformat(stamp),
            "hostname": _given(host), "app": _given(app), "pid": _given(pid), "msgid": _given(msgid), "data": data,
            "message": text[at:].removeprefix(" ").removeprefix("\ufeff"),
        }  # fmt: skip

    def _old(self, match: re.Match[str]) -> dict[str, Any]:
        priority, month, day, hour, minute, second, host, rest = match.groups()
        tag = _TAG.match(rest)
        return {
            **_priority(priority), "timestamp": self._moment(month, int(day), int(hour), int(minute), int(second)),
            "hostname": host, "app": tag[1] if tag else None, "pid": tag[2] if tag else None,
            "message": rest[tag.end() :] if tag else rest,
        }  # fmt: skip

    def _moment(self, month: str, day: int, hour: int, minute: int, second: int) -> datetime.datetime:
        if month not in _MONTHS:
            raise ValueError(f"there is no month {month}")
        latest = datetime.datetime.fromtimestamp(self.time(), self._zone) + datetime.timedelta(days=1)
        for year in range(latest.year, latest.year - 9, -1):  # 29 February is there once in at most eight years
            try:
                moment = datetime.datetime(year, _MONTHS[month], day, hour, minute, second, tzinfo=self._zone)
            except ValueError:
                continue
            if moment <= latest:
                return moment
        raise ValueError(f"there is no {month} {day} {hour}:{minute}:{second}")


def _priority(text: str) -> dict[str, int]:
    number = int(text)
    if number > 191:
        raise ValueError(f"there is no priority {number}")
    return {"facility": number >> 3, "severity": number & 7}


def _given(text: str) -> str | None:
    return None if text == "-" else text


def _data(text: str, at: int) -> tuple[dict[str, dict[str, str]], int]:
    """Return the structured data that begins at a bracket, and where it ends."""
    found: dict[str, dict[str, str]] = {}
    while text[at : at + 1] == "[":
        name = re.compile(r"[^\s=\]\"]+").match(text, at + 1)
        if name is None:
            raise ValueError("structured data without a name")
        at, values = name.end(), found.setdefault(name[0], {})
        while (parameter := _PARAMETER.match(text, at)) is not None:
            values[parameter[1]] = _ESCAPED.sub(r"\1", parameter[2])
            at = parameter.end()
        if text[at : at + 1] != "]":
            raise ValueError("structured data without an end")
        at += 1
    return found, at

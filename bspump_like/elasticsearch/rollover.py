"""Which index a document goes to: fixed, by time, or by size."""

from __future__ import annotations

import datetime
import re
import time
from typing import TYPE_CHECKING, Any

from ..abc import Event
from ..abc.clock import wall_time
from ..errors import ConnectionLost, ProcessingError
from .connection import Refused

if TYPE_CHECKING:
    from .connection import ElasticSearchConnection

_FORMATS = {"h": "%Y.%m.%d-%H", "d": "%Y.%m.%d", "w": "%G.w%V", "m": "%Y.%m"}
_REMEMBERED = 1000  # names by time


class Rollover:
    """Names the index of each document.

    Args:
        options: Of the sink.
        connection: Asked for the size of an index.
    """

    def __init__(self, options: Any, connection: ElasticSearchConnection) -> None:
        """Begin with the configured name."""
        self._options = options
        self._connection = connection
        self._format = _FORMATS[options.time_period]
        self._number = 1
        self._checked = 0.0
        fixed = options.index or (options.index_prefix if options.rollover_mechanism == "fixed" else "")
        self.by_size = not fixed and options.rollover_mechanism == "size"
        self._by_clock = not fixed and not self.by_size
        self._field = options.time_field if self._by_clock else ""
        self.name = fixed or (self._numbered() if self.by_size else "")
        """The index of all documents until the next barrier; empty when `index_of` must be asked."""
        self._names: dict[Any, str] = {}

    def index_of(self, event: Event) -> str:
        """Return the index for an event.

        Raises:
            ProcessingError: The event has no time in `time_field`.
        """
        if self._field:
            return self._by_field(event)
        return self.name or self._by_now()

    def forget(self) -> None:
        """Look at the clock again for the next event; called at every barrier, since no event may do so by itself."""
        if self._by_clock:
            self.name = ""

    def _by_now(self) -> str:
        self.name = self._named(datetime.datetime.fromtimestamp(wall_time(), datetime.UTC))
        return self.name

    def _by_field(self, event: Event) -> str:
        try:
            value = event[self._field]
        except (KeyError, TypeError, IndexError):
            raise ProcessingError(f"the event has no time in '{self._field}' to choose an index") from None
        if isinstance(value, str):
            # Events come in order of time: the hour of it, and the offset from UTC, are enough to remember.
            key: Any = value[:13]
            rest = value[13:]
            if "+" in rest or "-" in rest:
                key += rest[-6:]
        elif isinstance(value, int | float):
            key = value // 3600
        else:
            return self._named(_moment(value))
        name = self._names.get(key)
        if name is None:
            if len(self._names) >= _REMEMBERED:
                self._names.clear()
            name = self._names[key] = self._named(_moment(value))
        return name

    def _named(self, moment: datetime.datetime) -> str:
        return f"{self._options.index_prefix}{moment.strftime(self._format)}"

    def _numbered(self) -> str:
        return f"{self._options.index_prefix}{self._number:06d}"

    async def prepare(self) -> None:
        """Find the newest of the indices that a rollover by size has made.

        Raises:
            ConnectionLost: Nobody answers.
            Refused: The cluster refuses to tell.
        """
        if not self.by_size:
            return
        prefix = self._options.index_prefix
        try:
            known = await self._connection.request("GET", f"/{prefix}*/_settings?filter_path=*.settings.index.uuid")
        except Refused as error:
            if error.status != 404:
                raise
            known = {}
        pattern = re.compile(re.escape(prefix) + r"(\d{6})$")
        numbers = [int(match[1]) for match in map(pattern.match, known) if match]
        self._number = max(numbers, default=1)
        self.name = self._numbered()
        await self.check_size()

    async def check_size(self) -> None:
        """Begin a new index when the newest is large enough; called after bulks, looks now and then."""
        if not self.by_size or time.monotonic() - self._checked < self._options.size_check_interval:
            return
        self._checked = time.monotonic()
        path = f"/{self.name}/_stats/store?filter_path=_all.primaries.store.size_in_bytes"
        try:
            stats = await self._connection.request("GET", path)
        except (Refused, ConnectionLost):
            return  # not there yet, or not now: the next look will tell, and the bulk before this one is stored
        if stats and stats["_all"]["primaries"]["store"]["size_in_bytes"] >= self._options.max_index_size:
            self._number += 1
            self.name = self._numbered()


def _moment(value: Any) -> datetime.datetime:
    try:
        if isinstance(value, int | float):
            return datetime.datetime.fromtimestamp(value, datetime.UTC)
        found = value if isinstance(value, datetime.datetime) else datetime.datetime.fromisoformat(value)
    except (TypeError, ValueError, OverflowError, OSError):
        raise ProcessingError(f"{value!r} is no time that could choose an index") from None
    return found.replace(tzinfo=datetime.UTC) if found.tzinfo is None else found.astimezone(datetime.UTC)

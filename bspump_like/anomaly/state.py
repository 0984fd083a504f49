"""What a barrier stores of anomalies: those that have changed."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from ..abc.state import SharedState
from ..codec import decode, encode

_NUMBERS = 12
"""Digits of an anomaly's number as the name of a stream: names of streams are sorted as text."""


class AnomalyState(SharedState):
    """Anomalies on their way into the store and back.

    Args:
        id: Name in the store.
        header: Returns what else is stored: small, and as it is now.
        restore: Takes what was stored: the header, and the anomalies as dicts, in the order in which they began.
    """

    def __init__(
        self, id: str, header: Callable[[], Mapping[str, Any]],
        restore: Callable[[Mapping[str, Any], Sequence[dict[str, Any]]], None],
    ) -> None:  # fmt: skip
        """Begin with nothing stored."""
        self.Id = id
        self._header, self._restore = header, restore
        self._streams: dict[str, str] = {}
        self._count = itertools.count()
        # Stream -> content; None: to be deleted. Kept until a barrier with it is complete: a failed one is tried again.
        self._changes: dict[str, bytes | None] = {}
        self.known = False
        """True: the store has a state."""

    def put(self, id: str, anomaly: Mapping[str, Any]) -> None:
        """Note that an anomaly is new or has changed; as bytes at once, so that what is stored does not change any more.

        Raises:
            Unencodable: It holds what the store cannot keep.
        """
        content = encode(dict(anomaly))
        if id not in self._streams:
            self._streams[id] = f"{next(self._count):0{_NUMBERS}}"
        self._changes[self._streams[id]] = content

    def remove(self, id: str) -> None:
        """Note that an anomaly is forgotten."""
        self._changes[self._streams.pop(id)] = None

    def save(self) -> SavedAnomalies:
        """See `SharedState`."""
        return SavedAnomalies(self, dict(self._header()), dict(self._changes))

    def stored(self, changes: Mapping[str, bytes | None]) -> None:
        """Take note of what the store has now."""
        self.known = True
        for stream, content in changes.items():
            if self._changes[stream] is content:  # it may have changed again meanwhile
                del self._changes[stream]

    def load(self, header: Mapping[str, Any], streams: Mapping[str, Sequence[bytes]]) -> None:
        """See `SharedState`."""
        anomalies = {stream: decode(streams[stream][0]) for stream in sorted(streams)}
        self._streams = {anomaly["id"]: stream for stream, anomaly in anomalies.items()}
        self._count = itertools.count(1 + int(max(streams, default="-1")))
        self.known = True
        self._restore(header, list(anomalies.values()))


class SavedAnomalies:
    """Anomalies at one barrier; see `Saved`."""

    durable = False

    def __init__(self, owner: AnomalyState, header: Mapping[str, Any], changed: Mapping[str, bytes | None]) -> None:
        """Take what has changed."""
        self.header = header
        self.whole = not owner.known
        self._owner, self._changed = owner, changed

    def changes(self) -> Iterator[tuple[str, int, bytes | None]]:
        """Yield the anomalies that have changed, and those that are forgotten."""
        for stream, content in self._changed.items():
            yield stream, 0, content

    def done(self) -> None:
        """Note that they are stored."""
        self._owner.stored(self._changed)

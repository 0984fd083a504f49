"""Bulks: documents on their way, each settled by its own status in the answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from ..abc import Context, Event
from ..errors import BSPumpError, ConnectionLost
from .connection import ElasticSearchConnection, Refused

if TYPE_CHECKING:
    from collections.abc import Sequence

_PATH = "/_bulk?filter_path=errors,items.*.status,items.*.error.type,items.*.error.reason,items.*.error.caused_by"
_DUPLICATE = 409
_TOO_MUCH = (400, 413)  # of a whole bulk: one of its documents is at fault, or they are too many
_TRIES = 5  # for a document that makes the server itself fail: it may be the server, it may be the document


class Item(NamedTuple):
    """One document: its lines of the bulk, its id if it has one of ours, and where it came from."""

    lines: bytes
    id: str | None
    context: Context
    event: Event


class Failure(NamedTuple):
    """One document that was not stored."""

    item: Item
    status: int
    reason: str


class ElasticSearchBulk:
    """Documents for one request; override the callbacks to be told of what went wrong.

    Args:
        connection: The cluster.
        index: Of the documents; empty when they differ.
        max_size: Bytes after which it is full.
    """

    def __init__(self, connection: ElasticSearchConnection, index: str, max_size: int) -> None:
        """Begin empty."""
        self.Index = index
        self.Connection = connection
        self.items: list[Item] = []
        self.refused: list[Failure] = []
        """Documents that will never be taken; whoever calls `upload` takes them from here."""
        self.capacity = max_size
        self._tries = 0

    def add(self, item: Item) -> bool:
        """Take one document; return whether the bulk is full."""
        self.items.append(item)
        self.capacity -= len(item[0])
        return self.capacity <= 0

    async def upload(self) -> list[Failure]:
        """Send the documents; keep in `items` those that are to be sent again, in order, and return why.

        Also when it raises, `items` has only what is not settled yet.

        Raises:
            ConnectionLost: Nobody answers.
            Refused: The cluster refuses the request as a whole, for now.
        """
        self._tries += 1
        parts = [self.items]
        again: list[Item] = []
        busy: list[Failure] = []
        ids: set[str] = set()
        try:
            while parts:
                part = parts[-1]
                try:
                    outcomes = await self._send(part)
                except Refused as error:
                    if error.status not in _TOO_MUCH:
                        self.full_error_callback(part, error.status)
                        raise
                    parts.pop()
                    if len(part) == 1:
                        self.refused.append(Failure(part[0], error.status, error.detail))
                    else:
                        middle = len(part) // 2
                        parts += [part[middle:], part[:middle]]
                    continue
                parts.pop()
                self._settle(part, outcomes, again, busy, ids)
        finally:
            self.items = again + [item for part in reversed(parts) for item in part]
        return busy

    async def _send(self, part: list[Item]) -> list[dict[str, Any]]:
        """Send a request; return the outcomes of its documents, nothing when all are stored."""
        lines = b"".join([item[0] for item in part])
        answer = await self.Connection.request("POST", _PATH, lines, content_type="application/x-ndjson")
        if answer.get("errors") is False:
            return []
        outcomes: list[dict[str, Any]] = answer.get("items", [])
        if not answer.get("errors") or len(outcomes) != len(part):
            raise ConnectionLost(
                f"Elasticsearch at {self.Connection.get_url()} answers a bulk with something else",
                detail=f"{len(part)} documents, {len(outcomes)} outcomes",
                hint="check url, and what stands between",
            )
        return outcomes

    def _settle(
        self, part: list[Item], outcomes: list[dict[str, Any]], again: list[Item], busy: list[Failure], ids: set[str]
    ) -> None:
        if not outcomes and not ids:
            return
        told: list[dict[str, Any]] = []
        retried = self.Connection.options.retry_on_status
        fine = self.Connection.options.allowed_bulk_response_codes
        for number, item in enumerate(part):
            ((action, outcome),) = outcomes[number].items() if outcomes else (("index", {"status": 200}),)
            status = outcome["status"]
            if status < 300 or status in fine or (status == _DUPLICATE and action == "create"):
                # A duplicate: an earlier try had stored it, that is what the id is for.
                if item.id is not None and item.id in ids:
                    again.append(item)  # an older one with this id comes after it now: this must be the last word
                continue
            failure = Failure(item, status, _why(outcome.get("error")))
            told.append({"status": status, "error": failure.reason})
            if status in retried or (status >= 500 and self._tries < _TRIES):
                again.append(item)
                busy.append(failure)
                if item.id is not None:
                    ids.add(item.id)
            else:
                self.refused.append(failure)
        if told:
            self.partial_error_callback(told)

    def partial_error_callback(self, response_items: Sequence[dict[str, Any]]) -> None:
        """Take the items of an answer that were not stored; override it to watch them. They are dealt with in any case."""

    def full_error_callback(self, bulk_items: Sequence[Item], return_code: int) -> bool:
        """Take a bulk that was refused as a whole; override it to watch. It is tried again in any case."""
        return False


class NotIndexed(BSPumpError):
    """A document that the cluster will never take."""


def _why(error: Any) -> str:
    if not isinstance(error, dict):
        return str(error)
    cause = error.get("caused_by") or {}
    text = f"{error.get('type')}: {error.get('reason')}"
    return f"{text} ({cause.get('type')}: {cause.get('reason')})" if cause else text

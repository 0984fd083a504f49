"""Bulks: documents on their way, each settled by its own status in the answer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from ..abc import Context, Event
from ..errors import BSPumpError, ConnectionLost
from .connection import ElasticSearchConnection, Refused

if TYPE_CHECKING:
    from collections.abc import Sequence

_PATH = "/_bulk?filter_path=errors,items.*.status,items.*.error.type,items.*.error.reason,items.*.error.caused_by"
_DUPLICATE = 409
_TOO_MUCH = (400, 413)  # of a whole bulk: one of its documents is at fault, or they are too many
_TRIES = 5  # for a document that makes the server itself fail: it may be the server, it may be the document


class Document(NamedTuple):
    """One document: its lines of a bulk, where it came from, and its event if that is not in the lines."""

    action: bytes
    body: bytes
    context: Context
    raw: Event | None = None

    @property
    def id(self) -> str | None:
        """The id we have given it."""
        meta: dict[str, Any]
        (meta,) = orjson.loads(self.action).values()
        return meta.get("_id")

    @property
    def event(self) -> Event:
        """The event it was made of; a dict is read back from its lines, so it has what JSON keeps of it."""
        return orjson.loads(self.body) if self.raw is None else self.raw


class Failure(NamedTuple):
    """One document that was not stored."""

    document: Document
    status: int
    reason: str


class Documents:
    """Documents as parallel lists: an object for each would cost more than all else that is done to it.

    A dict is not kept beside its lines. While a cluster is slow, there are tens of thousands of them; so the lines of a bulk
    that is full become one text, and are told apart again only when one of its documents is not stored.

    Attributes:
        lines: Action and body by turns, both with a line end; empty when they are one text.
        contexts: One for each document.
        raws: Number of a document -> its event, where that cannot be read back from the lines.
    """

    __slots__ = ("_text", "contexts", "lines", "raws")

    def __init__(
        self,
        lines: list[bytes] | None = None,
        contexts: list[Context] | None = None,
        raws: dict[int, Event] | None = None,
    ) -> None:
        """Take over the lists."""
        self.lines = [] if lines is None else lines
        self.contexts = [] if contexts is None else contexts
        self.raws = {} if raws is None else raws
        self._text = b""

    def __len__(self) -> int:
        """Return their number."""
        return len(self.contexts)

    def __getitem__(self, number: int) -> Document:
        """Return one."""
        action, body = self._apart()[2 * number : 2 * number + 2]
        return Document(action, body, self.contexts[number], self.raws.get(number))

    def __iter__(self) -> Iterator[Document]:
        """Return all, one by one."""
        return (self[number] for number in range(len(self)))

    def text(self) -> bytes:
        """Return all as the body of a request."""
        return self._text or b"".join(self.lines)

    def seal(self) -> None:
        """Make one text of the lines: nothing is to be added."""
        text = self.text()
        if text.count(b"\n") == 2 * len(self.contexts):  # a feeder may make documents of several lines
            self._text = text
            self.lines = []

    def _apart(self) -> list[bytes]:
        """Return the lines, which a text does not stand for any more."""
        if self._text:
            self.lines = [line + b"\n" for line in self._text.split(b"\n")[:-1]]
            self._text = b""
        return self.lines

    def part(self, start: int, stop: int) -> Documents:
        """Return those from `start` to `stop`."""
        raws = {number - start: raw for number, raw in self.raws.items() if start <= number < stop}
        return Documents(self._apart()[2 * start : 2 * stop], self.contexts[start:stop], raws)

    def append(self, document: Document) -> None:
        """Take one."""
        if document.raw is not None:
            self.raws[len(self.contexts)] = document.raw
        self.lines += document[:2]
        self.contexts.append(document.context)

    def extend(self, others: Documents) -> None:
        """Take those."""
        before = len(self.contexts)
        self.raws |= {before + number: raw for number, raw in others.raws.items()}
        self.lines += others._apart()
        self.contexts += others.contexts


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
        self.documents = Documents()
        self.refused: list[Failure] = []
        """Documents that will never be taken; whoever calls `upload` takes them from here."""
        self.capacity = max_size
        """Bytes until it is full."""
        self._tries = 0

    def consume(
        self, data_feeder_generator: Iterable[bytes], context: Context | None = None, event: Event | None = None
    ) -> bool:
        """Take one document as a feeder yields it, an action and the lines after it; return whether the bulk is full."""
        action, *rest = (line.rstrip(b"\n") + b"\n" for line in data_feeder_generator)
        body = b"".join(rest)
        self.documents.append(Document(action, body, {} if context is None else context, event))
        self.capacity -= len(action) + len(body)
        return self.capacity <= 0

    async def upload(self) -> list[Failure]:
        """Send the documents; keep in `documents` those that are to be sent again, in order, and return why.

        Also when it raises, `documents` has only what is not settled yet.

        Raises:
            ConnectionLost: Nobody answers.
            Refused: The cluster refuses the request as a whole, for now.
        """
        self._tries += 1
        parts = [self.documents]
        again = Documents()
        busy: list[Failure] = []
        ids: set[bytes] = set()
        try:
            while parts:
                part = parts[-1]
                try:
                    outcomes = await self._send(part)
                except Refused as error:
                    if error.status not in _TOO_MUCH:
                        self.full_error_callback(list(part), error.status)
                        raise
                    parts.pop()
                    if len(part) == 1:
                        self.refused.append(Failure(part[0], error.status, error.detail))
                    else:
                        middle = len(part) // 2
                        parts += [part.part(middle, len(part)), part.part(0, middle)]
                    continue
                parts.pop()
                self._settle(part, outcomes, again, busy, ids)
        finally:
            if len(parts) == 1 and not again:
                again = parts[0]  # as it is: while the cluster is away, this happens to every bulk at every try
            else:
                for part in reversed(parts):
                    again.extend(part)
            self.documents = again
        return busy

    async def _send(self, part: Documents) -> list[dict[str, Any]]:
        """Send a request; return the outcomes of its documents, nothing when all are stored."""
        answer = await self.Connection.request("POST", _PATH, part.text(), content_type="application/x-ndjson")
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
        self,
        part: Documents,
        outcomes: list[dict[str, Any]],
        again: Documents,
        busy: list[Failure],
        ids: set[bytes],
    ) -> None:
        """Sort the documents of an answer; `ids` has the actions of those that are sent again and have an id."""
        if not outcomes and not ids:
            return
        told: list[dict[str, Any]] = []
        retried = self.Connection.options.retry_on_status
        fine = self.Connection.options.allowed_bulk_response_codes
        for number, document in enumerate(part):
            ((action, outcome),) = outcomes[number].items() if outcomes else (("index", {"status": 200}),)
            status = outcome["status"]
            if status < 300 or status in fine or (status == _DUPLICATE and action == "create"):
                # A duplicate: an earlier try had stored it, that is what the id is for.
                if document.action in ids:
                    again.append(document)  # an older one with this id comes after it now: this must be the last word
                continue
            failure = Failure(document, status, _why(outcome.get("error")))
            told.append({"status": status, "error": failure.reason})
            if status in retried or (status >= 500 and self._tries < _TRIES):
                again.append(document)
                busy.append(failure)
                if document.id is not None:
                    ids.add(document.action)
            else:
                self.refused.append(failure)
        if told:
            self.partial_error_callback(told)

    def partial_error_callback(self, response_items: Sequence[dict[str, Any]]) -> None:
        """Take the items of an answer that were not stored; override it to watch them. They are dealt with in any case."""

    def full_error_callback(self, bulk_items: Sequence[Document], return_code: int) -> bool:
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

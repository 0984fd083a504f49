"""State that several parts change together: matrices. It is stored with the positions of all of their pipelines."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, Protocol


class Saved(Protocol):
    """A shared state as it was at one barrier, on its way into the store."""

    header: Mapping[str, Any]
    """Replaces the header that is stored: anything that `codec.encode` takes."""

    whole: bool
    """True: `changes` are against nothing, so what is stored is forgotten first."""

    durable: bool
    """True: the transaction must be on disk when it is complete, since files that belong to earlier ones are written next."""

    def changes(self) -> Iterator[tuple[str, int, bytes | None]]:
        """Yield what differs from what is stored: a stream, the number of a block in it, and its new content.

        None as content: the stream ends before this block. Called on the thread of the store while the transaction is open,
        and again when that failed. May write files of its own, if what the stored header points to stays as it is.

        Raises:
            OSError: It cannot be written; the barrier fails and is tried again.
        """

    def done(self) -> None:
        """Take note, on the event loop, that the transaction is complete: the next changes are against this state."""


class SharedState:
    """State outside of the parts that change it; one snapshot of it belongs to the positions of all of their pipelines.

    A part holds one in an attribute, from its constructor on. Pipelines that share one have their barriers together, as if one
    fed the other.
    """

    Id: str

    keeps: ClassVar[bool] = False
    """True: it is stored even if no part holds it, when the pump stops."""

    def preparation(self) -> Callable[[], None] | None:
        """Return what makes the next `save` quick and runs in a thread before it, None when there is nothing to do."""
        return None

    def save(self) -> Saved:
        """Return the state as it is now; called on the event loop between two batches, so copy and do not compute."""
        raise NotImplementedError(f"{type(self).__name__} defines no save()")

    def load(self, header: Mapping[str, Any], streams: Mapping[str, Sequence[bytes]]) -> None:
        """Take back what was saved; called once, before the pipelines start.

        Args:
            header: What `Saved.header` was.
            streams: The blocks of each stream, in order.

        Raises:
            ConfigError: The state is declared differently now.
        """
        raise NotImplementedError(f"{type(self).__name__} defines no load(header, streams)")

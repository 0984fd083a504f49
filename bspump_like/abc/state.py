"""State that several parts change together: matrices. It is stored with the positions of all of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol


class Saved(Protocol):
    """What one barrier stores of a shared state; used on the thread of the store."""

    header: dict[str, Any]
    """Replaces the header that is stored: anything that `codec.encode` takes."""

    def changes(self) -> Iterator[tuple[str, int, bytes]]:
        """Yield what differs from what is stored: name of a stream, number of a block in it, its new content.

        Called at most once, off the event loop, while the transaction is open. May write files of its own, as long as what
        the stored header points to stays as it is.

        Raises:
            OSError: It cannot be written; the barrier fails and is tried again.
        """

    def lengths(self) -> dict[str, int]:
        """Return for each stream how many blocks it has; others, and streams that are not named, are forgotten."""

    def done(self) -> None:
        """Take note that the transaction is complete: the next `changes` are against this state."""


class SharedState:
    """State outside the parts that change it; one snapshot of it belongs to the positions of all of their pipelines.

    Pipelines that share one have their barriers together, as if one fed the other.
    """

    Id: str

    def save(self) -> Saved:
        """Return the state as it is now; called on the event loop between two batches, so copy and do not compute."""
        raise NotImplementedError

    def load(self, header: dict[str, Any], streams: dict[str, list[bytes]]) -> None:
        """Take back what `save` gave; called before the pipelines start.

        Args:
            header: What `Saved.header` was.
            streams: The blocks of each stream, in order.
        """
        raise NotImplementedError

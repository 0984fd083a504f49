"""A store that a test looks into, hands on, and lets fail."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from ..store import AsyncStore, Commit, DeadLetter, Store, StoreError

_T = TypeVar("_T")


class _LastingStore(Store):
    """A store in memory that is closed when nobody has it any more."""

    def __del__(self) -> None:
        """Close it."""
        self.close()


class MemoryStore(AsyncStore):
    """The real store, in memory, which outlives the pump: look into it afterwards, or give it to the next run to resume.

    Attributes:
        commits: What each barrier has stored, oldest first.
    """

    def __init__(self) -> None:
        """Begin with nothing in it."""
        super().__init__()
        self.commits: list[Commit] = []
        self._kept: Store | None = None
        self._refusals = 0
        self._used = False

    @property
    def store(self) -> Store:
        """The store itself, to be read by blocking calls."""
        if self._kept is None:
            self._kept = _LastingStore(":memory:")
        return self._kept

    def refuse(self, times: int = 1) -> None:
        """Fail the next barriers, as a full disk does."""
        self._refusals = times

    def dead_letters(self, pipeline: str | None = None) -> list[DeadLetter]:
        """Return the dead letters, oldest first; of one pipeline, if it is named."""
        return self.store.dead_letters(pipeline)

    def position(self, address: str) -> dict[str, Any]:
        """Return where the source at `Pipeline.*Source` would resume."""
        pipeline, _, source = address.partition(".*")
        return self.store.positions(pipeline, source)

    async def open(self, path: str) -> None:
        """Use what is there; the path does not matter."""
        self._store = self.store

    async def call(self, method: Callable[..., _T], *args: Any) -> _T:
        """Call a method of `Store`; see `AsyncStore`."""
        if method is Store.commit:
            if self._refusals:
                self._refusals -= 1
                raise StoreError("cannot write the store", detail="the test refuses it")
            self.commits.append(args[0])
        return await super().call(method, *args)

    async def close(self) -> None:
        """Keep what is in it; only the pump has done with it."""
        self._store = None
        self._used = True
        self._thread.shutdown()

    def next_run(self) -> MemoryStore:
        """Return itself, or if a run has used it already another with the same content: each run has a thread of its own."""
        if not self._used:
            return self
        following = MemoryStore()
        following._kept = self.store
        return following

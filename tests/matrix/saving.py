"""A store with one matrix in it, and what a barrier, a barrier that fails and a crash do to the two."""

from __future__ import annotations

from typing import Any

from bspump_like.matrix import Matrix
from bspump_like.store import Commit, Store, StoreError


class Failing:
    """A `Saved` whose last write fails."""

    def __init__(self, saved: Any) -> None:
        self.header, self.whole, self.durable, self._saved = saved.header, saved.whole, saved.durable, saved

    def changes(self) -> Any:
        yield from self._saved.changes()
        raise OSError("no space left")


class StoredMatrix:
    """Keeps a matrix as a pump does."""

    def __init__(self) -> None:
        self.store = Store(":memory:")

    def barrier(self, matrix: Matrix) -> None:
        self.commit(matrix, matrix.save())

    def commit(self, matrix: Matrix, saved: Any) -> None:
        self.store.commit(Commit(shared={matrix.Id: (["P"], saved)}))
        saved.done()

    def fail(self, matrix: Matrix, saved: Any) -> None:
        try:
            self.store.commit(Commit(shared={matrix.Id: (["P"], Failing(saved))}))
        except StoreError:
            return
        raise AssertionError("it did not fail")

    def restore(self, fresh: Matrix) -> Matrix:
        stored = self.store.shared(fresh.Id)
        if stored is not None:
            fresh.load(*stored)
        return fresh

    def close(self) -> None:
        self.store.close()

"""Claims on a store: one running pump for each pipeline, so that two of them do not overwrite each other's positions."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
from collections.abc import Iterable

from .store import StoreError


class Claims:
    """The pipelines of a store that this process runs.

    Each is one byte of `STORE.lock`, locked by `fcntl`: the locks go with the process, however it ends, and different pumps
    may share a store.

    Args:
        path: Of the store; nothing is locked for `:memory:`.
    """

    def __init__(self, path: str) -> None:
        """Claim nothing yet."""
        self._path = f"{path}.lock"
        self._file: int | None = None
        self._memory = path == ":memory:"

    def take(self, pipelines: Iterable[str]) -> None:
        """Claim pipelines; blocks only for the file system.

        Raises:
            StoreError: Another process runs one of them on this store.
        """
        if self._memory:
            return
        if self._file is None:
            self._file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o644)
        for pipeline in pipelines:
            place = int.from_bytes(hashlib.blake2b(pipeline.encode(), digest_size=7).digest())
            try:
                fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, place)
            except OSError as error:
                raise StoreError(
                    f"pipeline {pipeline} runs already on the store {self._path.removesuffix('.lock')}",
                    hint="stop the other pump, or give this one a store of its own: --store PATH, or [store] path",
                ) from error

    def release(self) -> None:
        """Give all claims back."""
        if self._file is not None:
            with contextlib.suppress(OSError):
                os.close(self._file)
            self._file = None

"""A file that takes another's place when it is whole."""

from __future__ import annotations

import contextlib
import fcntl
import glob
import os
from collections.abc import Iterator
from typing import IO


@contextlib.contextmanager
def new_file(path: str) -> Iterator[IO[bytes]]:
    """Make a file beside `path` that nobody takes for left over while it is written; rename it to `path` when it is whole.

    It is gone afterwards unless it was renamed. Its folder is made, and what killed processes left there is removed. Blocking.

    Raises:
        OSError: It cannot be made.
    """
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    _remove_left_over(path)
    with open(f"{path}.new-{os.getpid()}", "wb") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        try:
            yield stream
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(stream.name)


def _remove_left_over(path: str) -> None:
    """Remove what processes that were killed had begun to write: its lock ended with them."""
    for left in glob.glob(f"{glob.escape(path)}.new-*"):
        with contextlib.suppress(FileNotFoundError, BlockingIOError), open(left, "rb") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.unlink(left)

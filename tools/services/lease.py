"""Servers that test runs share: whoever comes first starts one, whoever leaves last stops it."""

from __future__ import annotations

import fcntl
from types import TracebackType
from typing import TextIO

from .server import Server


def in_use(server: Server) -> bool:
    """Tell whether a test run uses the server now."""
    try:
        users = (server.directory / "users").open()
    except FileNotFoundError:
        return False
    with users:
        try:
            fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


class Lease:
    """The use of one server by one test run; a context manager.

    A server that was there before, through `up`, stays. Of one that was not, the last user ends the process and forgets
    the data. Users are counted by shared locks on a file, so one that is killed counts no longer.

    Args:
        server: What to use.
        keep: Leave it running at the end in any case.
    """

    def __init__(self, server: Server, keep: bool = False) -> None:
        """Remember; nothing is started."""
        self.server = server
        self.keep = keep
        self._users: TextIO | None = None

    def __enter__(self) -> Server:
        """Start it unless it runs. Raises: ServiceUnavailable, StartFailed."""
        self.server.directory.mkdir(parents=True, exist_ok=True)
        self._users = (self.server.directory / "users").open("w")
        fcntl.flock(self._users, fcntl.LOCK_SH)
        try:
            if not self.server.running:
                self.server.keep(False)
            self.server.start()
        except BaseException:
            self._users.close()
            raise
        return self.server

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Give it back."""
        assert self._users is not None
        with self._users:
            if self.keep:
                self.server.keep(True)
                return
            try:
                fcntl.flock(self._users, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return
            if not self.server.record.get("keep"):
                self.server.stop()
                self.server.discard()

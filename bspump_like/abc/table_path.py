"""A table in a file of this host, as another lookup wrote it (`source_url` without a web server)."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Callable
from typing import IO
from urllib.parse import unquote, urlsplit

from ..errors import ConfigError
from .master import Table


def path_of(url: str) -> str | None:
    """Return the path that `file:///PATH` or a path means; None for anything else."""
    parts = urlsplit(url)
    if parts.scheme == "file" and parts.netloc in ("", "localhost"):
        return unquote(parts.path)
    return url if not parts.scheme else None


class TablePath:
    """A table that is had by its path; asked in the way of `Master`.

    Args:
        path: The file.
        max_size: Bytes to take.
    """

    def __init__(self, path: str, max_size: int) -> None:
        """Touch nothing yet."""
        self.url, self._max_size = path, max_size

    async def fetch(self, etag: str) -> Table | None:
        """Return the table, or None when it is still the one called `etag`.

        Raises:
            ConfigError: There is no such file, or it is too large.
            OSError: It cannot be read.
        """
        return await asyncio.to_thread(self._fetch, etag)

    async def fetch_to(self, etag: str, opened: Callable[[], IO[bytes]]) -> str | None:
        """Copy the table to a file; return what its version is called, or None when it is still the one called `etag`.

        Raises:
            ConfigError: See `fetch`.
            OSError: It cannot be read, or the other not be written.
        """
        return await asyncio.to_thread(self._fetch_to, etag, opened)

    def _fetch(self, etag: str) -> Table | None:
        with self._open() as stream:
            found = self._checked(stream)
            return None if found == etag else Table(stream.read(), found)

    def _fetch_to(self, etag: str, opened: Callable[[], IO[bytes]]) -> str | None:
        with self._open() as stream:
            found = self._checked(stream)
            if found == etag:
                return None
            target = opened()
            shutil.copyfileobj(stream, target, 1 << 20)
            target.flush()
            return found

    def _open(self) -> IO[bytes]:
        try:
            return open(self.url, "rb")
        except FileNotFoundError:
            raise ConfigError(f"there is no file '{self.url}'", hint="see 'source_url'") from None

    def _checked(self, stream: IO[bytes]) -> str:
        found = os.fstat(stream.fileno())
        if found.st_size > self._max_size:
            raise ConfigError(f"{self.url} is larger than {self._max_size:,} bytes", hint="raise 'master_max_size'")
        return f"{found.st_mtime_ns:x}-{found.st_size:x}-{found.st_ino:x}"

"""Lookups whose table is a file that stays on disk: it travels from a master to slaves as a file."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
from typing import Any
from urllib.parse import quote

from ..config import Size, option
from ..errors import BSPumpError, ConfigError
from .lookup import Lookup, LookupOptions
from .new_file import new_file

L = logging.getLogger(__name__)


class OnDiskLookupOptions(LookupOptions):
    """Options of lookups whose table is a file."""

    master_max_size: Size = option(100_000_000_000, "bytes of a table to take from a master; it goes to disk", ge=1)
    use_cache: bool = option(
        True, "start with the file of the last run when the master does not answer; False: wait for the master"
    )
    cache_dir: str = option("", "folder of the file that comes from a master; empty: beside the store")


class OnDiskLookup(Lookup):
    """A table in a file that is mapped into memory rather than read.

    Masters serve the file, slaves write it to disk as it comes and put it in the place of the one before: no more than a piece
    of it is in memory. Override `load`, `served_path`, `open_table` and `take_table`.
    """

    class Options(OnDiskLookupOptions):
        """Only the common options."""

    ending = ".table"
    """How the name of a slave's file ends."""

    def served_path(self) -> str:
        """Return the file that slaves get, of a master that is ready."""
        raise NotImplementedError(f"{type(self).__name__} defines no served_path()")

    def open_table(self, path: str) -> Any:
        """Return what `take_table` takes, of a file that came from a master and will be renamed. Called in a thread.

        Raises:
            ValueError: This is no such table.
            OSError: It cannot be read.
        """
        raise NotImplementedError(f"{type(self).__name__} defines no open_table(path)")

    def take_table(self, table: Any) -> None:
        """Put a table that `open_table` returned in the place of the one before. Called on the event loop."""
        raise NotImplementedError(f"{type(self).__name__} defines no take_table(table)")

    def kept_path(self) -> str:
        """Return the file of a slave."""
        return os.path.join(self._cache_dir() or ".", f"lookup-{quote(self.Id, safe='')}{self.ending}")

    async def _load_from_master(self) -> bool:
        kept = _KeptFile(self.kept_path())
        if self._etag is None:
            self._etag = ""
            if self.options.use_cache:
                await self._take_last(kept)
        master = self._master()
        with contextlib.ExitStack() as files:
            new = f"{kept.path}.new-{os.getpid()}"
            etag = await master.fetch_to(self._etag, lambda: files.enter_context(new_file(kept.path)))
            if etag is None:
                return False
            try:
                table = await asyncio.to_thread(self.open_table, new)
                await asyncio.to_thread(kept.replace, new, etag)
            except ValueError as error:
                raise ConfigError(f"lookup {self.Id}: what came from {master.url} cannot be read: {error}") from error
            except OSError as error:
                raise BSPumpError(f"lookup {self.Id}: the table cannot be kept in {kept.path}: {error}") from error
        self.take_table(table)
        self._etag = etag
        return True

    async def _take_last(self, kept: _KeptFile) -> None:
        """Take the file of the last run, if there is one."""
        try:
            etag = await asyncio.to_thread(kept.etag)
            if not etag:
                return
            table = await asyncio.to_thread(self.open_table, kept.path)
        except (OSError, ValueError) as error:
            L.warning("lookup %s: the copy of the master's table in %s cannot be used: %s", self.Id, kept.path, error)
            return
        self.take_table(table)
        self._etag = etag
        self._loaded_at = os.stat(kept.path).st_mtime
        self.changed()


class _KeptFile:
    """A table in a file, and beside it in PATH.etag what its version is called, and which file is meant.

    The two are not replaced at once, and several processes may share them: a name counts only for the file it was written for.
    """

    def __init__(self, path: str) -> None:
        self.path = path

    def etag(self) -> str:
        """Return what the version of the file is called; empty when there is none, or nobody knows."""
        try:
            with open(f"{self.path}.etag", encoding="utf-8") as stream:
                etag, *meant = json.load(stream)
            return str(etag) if meant == _identity(self.path) else ""
        except (FileNotFoundError, ValueError, TypeError):  # ValueError: a crash left half of it
            return ""

    def replace(self, new: str, etag: str) -> None:
        """Put a file in the place of the one before."""
        with open(new, "rb") as stream:
            os.fsync(stream.fileno())
        about = [etag, *_identity(new)]
        os.replace(new, self.path)
        with new_file(f"{self.path}.etag") as written:
            written.write(json.dumps(about).encode())
            written.flush()
            os.replace(written.name, f"{self.path}.etag")


def _identity(path: str) -> list[int]:
    found = os.stat(path)
    return [found.st_ino, found.st_mtime_ns, found.st_size]

"""One file under work: opened, locked, recognised, and what becomes of it when all of it has been delivered.

A file is recognised by its inode and by a checksum of its first bytes: file systems give the inode of a deleted file to
the next one, so the inode alone would take a new file for the old one.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import zlib
from collections.abc import Mapping
from typing import Any, BinaryIO

from ..errors import BSPumpError, ProcessingError
from .codec import InputStream
from .scan import FAILED, LOCKED, PROCESSED, Found

_HEAD = 1024


class OpenedFile:
    """A file that is being read, or has been read and waits for its barrier.

    With `post` other than `noop` it carries the name `NAME-locked` and an exclusive lock (flock), which ends with the process:
    a locked name without a lock was left by a crash, and whoever finds it goes on with it.

    Args:
        found: Where it is.
        raw: It, opened.
    """

    def __init__(self, found: Found, raw: BinaryIO) -> None:
        """Note what identifies the file."""
        self.found, self.raw = found, raw
        self.actual = found.actual
        self.failed = ""
        """Why it could not be read; empty when it could."""
        self.durable = False
        """True: the barrier that covers all of it has passed; only moving it is left."""
        self._head = (0, 0)
        self.reached: tuple[int, int, str | None] = (0, 0, None)
        """Offset, line and member behind what was handed over last."""
        self.refresh()

    def __del__(self) -> None:
        """Close the file of a source that was stopped before its last barrier."""
        self.raw.close()

    def refresh(self) -> None:
        """Look at the file again: its size, and its first bytes until there are enough of them."""
        stat = os.fstat(self.raw.fileno())
        self.inode, self.size, self.mtime = stat.st_ino, stat.st_size, stat.st_mtime_ns
        if self._head[0] < _HEAD and self.size > self._head[0]:
            head = os.pread(self.raw.fileno(), _HEAD, 0)
            self._head = (len(head), zlib.crc32(head))

    def is_that_of(self, value: Mapping[str, Any]) -> bool:
        """Tell whether a stored position belongs to this very file, which may have grown since."""
        if value.get("inode") != self.inode or self.size < value.get("size", 0):
            return False
        return self._begins_with(*value.get("head", (0, 0)))

    def check_whole(self) -> None:
        """See that the file has not been truncated while it was read.

        Raises:
            ProcessingError: It has, so its end was never seen.
        """
        size, reached = os.fstat(self.raw.fileno()).st_size, self.raw.tell()
        if size < reached:
            raise ProcessingError(
                f"it shrank to {size} bytes while it was read up to byte {reached}",
                hint="write the whole file under another name, then rename it; set 'follow' for files that are rotated",
            )

    def has_same_head(self) -> bool:
        """Tell whether the first bytes are still what they were."""
        return self._begins_with(*self._head)

    def _begins_with(self, length: int, checksum: int) -> bool:
        return zlib.crc32(os.pread(self.raw.fileno(), length, 0)) == checksum

    def position(self, offset: int, line: int, member: str | None, *, done: bool) -> dict[str, Any]:
        """Return the position that resumes at `offset` of the content, behind line `line`."""
        self.reached = offset, line, member
        value = {
            "offset": offset, "line": line, "inode": self.inode, "size": self.size, "mtime": self.mtime,
            "head": list(self._head), "done": done,
        }  # fmt: skip
        if member is not None:
            value["member"] = member
        if self.failed:
            value["failed"] = self.failed
        return {self.found.partition: value}

    def close(self) -> None:
        """Close the file; this gives the lock up, the name stays."""
        self.raw.close()

    def finish(self, post: str, destination: str) -> None:
        """Move, delete or leave the file, then give the lock up; called when all of it is durable downstream.

        Raises:
            OSError: It cannot be; the file stays as it is.
        """
        if post != "noop":
            if self.failed:
                _move(self.actual, self.found.name, FAILED, "")
            elif post == "delete":
                os.unlink(self.actual)
            else:
                _move(self.actual, self.found.name, PROCESSED, destination)
        self.close()


def take(found: Found, *, renames: bool) -> OpenedFile | None:
    """Open a file, and for a source that `renames` lock it and name it `NAME-locked`; None when another pump has it.

    Raises:
        BSPumpError: It cannot be renamed.
        OSError: It cannot be read.
    """
    try:
        raw = open(found.actual, "rb", buffering=0)  # noqa: SIM115 - the OpenedFile closes it
    except FileNotFoundError:
        return None  # another pump was faster
    try:
        if renames and not _lock(raw, found.actual):
            raw.close()
            return None
        opened = OpenedFile(found, raw)
        if renames and not found.locked:
            actual = _rename_locked(found)
            if actual is None:
                raw.close()
                return None
            opened.actual = actual
        return opened
    except BaseException:
        raw.close()
        raise


def _lock(raw: BinaryIO, path: str) -> bool:
    try:
        fcntl.flock(raw, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EWOULDBLOCK, errno.EAGAIN):
            return False
        # A file system without locks: the name alone has to keep others away, as it did for the seed.
    try:
        return os.path.samestat(os.stat(path), os.fstat(raw.fileno()))
    except FileNotFoundError:
        return False  # it was read and moved between our open and our lock


def _rename_locked(found: Found) -> str | None:
    target = found.name + LOCKED
    if os.path.lexists(target):
        return None  # another pump is at an older file of this name
    try:
        os.rename(found.actual, target)
    except OSError as error:
        raise BSPumpError(
            f"cannot rename {found.actual} to {target}", detail=error.strerror or str(error),
            hint="make its directory writable, or set 'post: noop' to leave files as they are",
        ) from error  # fmt: skip
    return target


def _move(actual: str, name: str, ending: str, destination: str) -> None:
    directory = destination or os.path.dirname(name)
    base = os.path.join(directory, os.path.basename(name))
    target, number = base + ending, 1
    while os.path.lexists(target):  # an earlier file of that name: keep both
        number += 1
        target = f"{base}.{number}{ending}"
    if destination:
        os.makedirs(destination, exist_ok=True)
    shutil.move(actual, target)


class FileStream(InputStream):
    """The content of an opened file, with the place where reading begins and the position behind what was handed over.

    Args:
        opened: The file.
        codec: See `codec_of`.
        member: Name within a zip file.
        offset: Byte of the content to begin at; the reader itself goes there with `skip_to(begin)`.
        line: Lines before that byte.
    """

    def __init__(
        self, opened: OpenedFile, codec: str, member: str | None = None, offset: int = 0, line: int = 0
    ) -> None:
        """Open the decompressor."""
        super().__init__(opened.raw, opened.found.name, codec, member)
        self.opened = opened
        self.begin, self.line = offset, line

    def position(self, offset: int, line: int) -> dict[str, Any]:
        """Return the position that resumes at `offset` of this content, behind `line`."""
        self.line = line
        return self.opened.position(offset, line, self.member, done=False)


def stream_of(f: Any) -> FileStream:
    """Return the bytes under what `FileABCSource` gives to `read(filename, f)`: a buffered or a text reader."""
    raw = getattr(f, "buffer", f).raw
    assert isinstance(raw, FileStream)
    return raw

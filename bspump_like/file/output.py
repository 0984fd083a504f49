"""One output file: lines wait in memory, are written in whole chunks, and are durable or not there at all.

Invariant: `good` bytes of the open file are on disk and hold complete lines (complete members, when compressed). A write that
fails is cut back to `good` and its lines stay, in order, at the head of the queue.
"""

from __future__ import annotations

import asyncio
import dataclasses
import errno
import fcntl
import logging
import os
from collections import deque
from collections.abc import Callable
from typing import Any

from ..errors import DeliveryError
from .codec import InputStream, compress, durable_prefix
from .naming import Naming
from .threads import in_thread

L = logging.getLogger(__name__)

SPILL = 4 << 20
"""Bytes that wait before they are written without being asked: a chunk, and so a compressed member, is seldom larger."""

_WAITING = 8  # chunks that wait before the sources are stopped


@dataclasses.dataclass(frozen=True, slots=True)
class Layout:
    """How the files of one sink are written; see the options of `AppendingSink`."""

    codec: str = "none"
    overwrite: bool = False
    atomic: bool = False
    fsync: bool = True
    rotate_size: int = 0
    rotate_lines: int = 0


class Output:
    """Lines on their way into one file, or one after another when it rotates.

    Args:
        naming: Gives the path for an index.
        layout: How to write.
        header: Returns what every new file begins with.
        throttle: Called with True when too much waits, with False when it is written.
    """

    def __init__(
        self, naming: Naming, layout: Layout, header: Callable[[], bytes], throttle: Callable[[bool], None]
    ) -> None:
        """Open nothing yet."""
        self.lines: list[Any] = []
        """What was handed over last; the sink appends, and adds to `size`."""
        self.size = 0
        self._naming, self._layout, self._header, self._throttle = naming, layout, header, throttle
        self._chunks: deque[list[Any] | None] = deque()  # None: rotate here
        self._queued = self._finished = 0  # chunks since the start
        self._writing = asyncio.Lock()
        self._spilling: asyncio.Task[None] | None = None
        self._throttled = False
        self._file = -1
        self._path = ""
        self._index = naming.first()
        self._good = self._written = 0
        self._torn = False  # there may be something behind `good`
        self._fresh = True  # nothing of an earlier run is known
        self._mark: dict[str, Any] | None = None

    # On the loop

    def cut(self) -> int:
        """Queue what was handed over so far; return the number of the last chunk, counted from the start."""
        if self.lines:
            self._queue(self.lines)
            self.lines, self.size = [], 0
        return self._queued

    def _queue(self, chunk: list[Any] | None) -> None:
        self._chunks.append(chunk)
        self._queued += 1

    def spill(self) -> None:
        """Begin to write because much is waiting; `flush` waits for it."""
        last = self.cut()
        if len(self._chunks) >= _WAITING and not self._throttled:
            self._throttled = True
            self._throttle(True)
        if self._spilling is None or self._spilling.done():
            self._spilling = asyncio.get_running_loop().create_task(self._spill(last))

    async def _spill(self, last: int) -> None:
        try:
            await self._write_until(last)
        except DeliveryError:
            return  # the chunk stays at the head of the queue: the barrier that comes tries again, and reports

    async def spilled(self) -> None:
        """Wait until no write is under way."""
        if self._spilling is not None:
            await asyncio.wait([self._spilling])

    def rotate(self) -> None:
        """Close the file behind what was handed over so far; the next line opens the next one."""
        self.cut()
        if not self._chunks or self._chunks[-1] is not None:
            self._queue(None)

    async def flush(self, last: int) -> None:
        """Return when everything up to chunk `last` (see `cut`) is on disk.

        Raises:
            DeliveryError: It is not; it is kept, in order.
        """
        await self._write_until(last)
        self._mark = self._describe()

    async def _write_until(self, last: int) -> None:
        async with self._writing:
            while self._finished < last:
                chunk = self._chunks[0]
                if chunk is None:
                    await in_thread(self._guarded, self.complete)
                else:
                    await in_thread(self._guarded, self._append, chunk)
                self._chunks.popleft()
                self._finished += 1
        if self._throttled and len(self._chunks) < _WAITING:
            self._throttled = False
            self._throttle(False)

    def mark(self) -> dict[str, Any] | None:
        """Return what `restore` needs, as of the last flush."""
        return self._mark

    def restore(self, mark: dict[str, Any]) -> None:
        """Take back a mark: the file it names is cut back to its size when it is opened."""
        self._mark, self._fresh = mark, False
        self._index = mark["index"]

    def first_line(self) -> bytes:
        """Return the first line of the file that is appended to, without its end; empty when a new one begins."""
        if self._file >= 0:
            path = self._path if self._good else ""
        elif self._naming.indexed or (self._fresh and self._layout.overwrite):
            path = ""
        else:
            path = self._naming.path(self._index) + (".part" if self._layout.atomic else "")
        if not path or not os.path.exists(path):
            return b""
        with open(path, "rb", buffering=0) as raw, InputStream(raw, path, self._layout.codec) as stream:
            return stream.read_block(1 << 16).partition(b"\n")[0].rstrip(b"\r")

    def final_path(self) -> str:
        """Return the name that the open file, or the next one, has when it is complete."""
        if self._fresh and self._file < 0:
            return self._naming.path(self._naming.start(overwrite=False))
        return self._naming.path(self._index)

    def is_idle(self) -> bool:
        """Tell whether nothing waits to be written."""
        return not self.lines and not self._chunks

    # In a thread

    def open(self) -> None:
        """Open the file now instead of at the first line, unless it is open; blocks.

        Raises:
            DeliveryError: It cannot be.
        """
        if self._file < 0:
            self._guarded(self._open)
            self._mark = self._describe()

    def _guarded(self, function: Callable[..., None], *args: Any) -> None:
        try:
            function(*args)
        except OSError as error:
            raise self._explained(error) from error

    def _explained(self, error: OSError) -> DeliveryError:
        path = self._path or self._naming.path(self._index)
        hint = {
            errno.ENOSPC: "free space on its file system",
            errno.EDQUOT: "free space or raise the quota",
            errno.EFBIG: "raise the limit on file sizes, or set 'rotate_size'",
            errno.ENOENT: f"create the directory {os.path.dirname(path) or '.'}",
            errno.ENOTDIR: f"{os.path.dirname(path)} is no directory: correct 'path'",
            errno.EISDIR: "it is a directory: correct 'path'",
            errno.EACCES: "give the user of the pump the right to write",
            errno.EPERM: "give the user of the pump the right to write",
            errno.EEXIST: "set 'mode: overwrite' to replace it, or put {index} into 'path'",
            errno.EROFS: "its file system is read-only: correct 'path' or mount it writable",
            errno.EWOULDBLOCK: "another pump writes it: give each its own 'path'; for workers put {worker} into it",
        }.get(error.errno or 0, "nothing is lost: it is tried again")
        detail = "it is locked" if error.errno == errno.EWOULDBLOCK else error.strerror or str(error)
        return DeliveryError(f"cannot write {path}", detail=detail, hint=hint)

    def _append(self, lines: list[Any]) -> None:
        """Write lines, into as many files as rotation makes of them; what is written is taken off the list."""
        while lines:
            if self._file >= 0 and self._is_lost():
                self._begin_anew()
            if self._file < 0:
                self._open()
            elif self._is_full():
                self.complete()
                continue
            count = self._fitting(lines)
            if count == 0:
                self.complete()
                continue
            data, written = self._encoded(lines[:count])
            self._write_durably(data)
            if os.fstat(self._file).st_nlink == 0 and self._is_lost():
                continue  # deleted while it was written: these lines go into the next file
            self._written += written
            self._on_written()
            del lines[:count]
        if self._is_full():
            self.complete()

    # What formats override that are more than lines one after another; all of it in a thread

    def _encoded(self, lines: list[Any]) -> tuple[bytes, int]:
        """Return what to append for lines, with the header of a new file before it, and how many of them are in it."""
        data = b"".join(lines)
        return (self._header() + data if self._good == 0 else data), len(lines)

    def _on_written(self) -> None:
        """Note that what `_encoded` returned last is on disk."""

    def _whole_prefix(self, file: int, size: int) -> int:
        """Return the size to keep of a file that no mark speaks of; end its last line if it has no end."""
        if self._layout.codec != "none":
            return durable_prefix(self._path, self._layout.codec)
        if os.pread(file, 1, size - 1) != b"\n":
            os.pwrite(file, b"\n", size)
            size += 1
        return size

    def _publish(self, final: str) -> None:
        """Give a complete file its final name; called while it is open, since it is tried again if it fails."""
        os.rename(self._path, final)

    def _unpublish(self, mark: dict[str, Any], final: str) -> dict[str, Any]:
        """Make of `final` the file again that a mark was made of, if it is that; return the mark that holds now."""
        if not os.path.exists(self._path) and os.stat(final).st_ino == mark["inode"]:
            os.rename(final, self._path)
        return mark

    def _is_lost(self) -> bool:
        """Tell whether the path does not name the open file any more: the file or its directory was moved or deleted."""
        try:
            return not os.path.samestat(os.stat(self._path), os.fstat(self._file))
        except (FileNotFoundError, NotADirectoryError):
            return True

    def _begin_anew(self) -> None:
        """Leave a file that is lost to whoever took it; what comes next goes where the path says."""
        L.warning("%s was moved or deleted; what comes next goes into a new file of that name", self._path)
        self.close()
        self._mark = None
        self._good = self._written = 0

    def _is_full(self) -> bool:
        layout = self._layout
        full = layout.rotate_size and self._good >= layout.rotate_size
        return bool(full or (layout.rotate_lines and self._written >= layout.rotate_lines))

    def _fitting(self, lines: list[Any]) -> int:
        """Return how many lines go into the open file before it rotates; at least one into an empty one."""
        count, layout = len(lines), self._layout
        if layout.rotate_lines:
            count = min(count, layout.rotate_lines - self._written)
        if layout.rotate_size:
            # Compressed, the size is known only afterwards; then a file ends at the first chunk past the limit.
            room = layout.rotate_size - self._good
            for index in range(count if layout.codec == "none" else 0):
                room -= len(lines[index])
                if room <= 0:
                    return index + 1 if room == 0 or (index == 0 and self._good == 0) else index
        return count

    def _write_durably(self, data: bytes) -> None:
        data = compress(self._layout.codec, data)
        if self._torn:
            self._cut_off()
        view = memoryview(data)
        self._torn = True
        try:
            while view:
                view = view[os.write(self._file, view) :]
            if self._layout.fsync:
                os.fsync(self._file)
        except OSError:
            self._cut_off()
            raise
        self._torn = False
        self._good += len(data)

    def _cut_off(self) -> None:
        os.ftruncate(self._file, self._good)
        os.lseek(self._file, self._good, os.SEEK_SET)
        self._torn = False

    def _open(self) -> None:
        if self._fresh:
            self._index = self._naming.start(overwrite=self._layout.overwrite)
        final = self._naming.path(self._index)
        self._path = final + ".part" if self._layout.atomic else final
        mark = self._mark if self._mark is not None and self._mark["index"] == self._index else None
        if mark is not None:
            mark = self._take_back(mark, final)
        if self._layout.atomic and not self._layout.overwrite and os.path.exists(final):
            raise FileExistsError(errno.EEXIST, "it exists already", final)
        file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._cut_back(file, mark)
        except BaseException:
            os.close(file)
            raise
        self._file, self._fresh = file, False
        if self._layout.fsync:
            sync_directory(self._path)

    def _take_back(self, mark: dict[str, Any], final: str) -> dict[str, Any]:
        """Undo what came after a mark: a file given its final name, and the files behind it; return the mark that holds now."""
        if self._path != final and os.path.exists(final):
            if mark["inode"]:
                mark = self._unpublish(mark, final)
            elif self._naming.indexed:
                os.unlink(final)  # begun and completed after the mark
        self._naming.remove_after(self._index)
        return mark

    def _cut_back(self, file: int, mark: dict[str, Any] | None) -> None:
        size = os.fstat(file).st_size
        self._written = 0
        if mark is not None and mark["inode"] in (0, os.fstat(file).st_ino) and mark["size"] <= size:
            size, self._written = mark["size"], mark["lines"]
        elif self._fresh and self._layout.overwrite:
            size = 0
        elif size:
            size = self._whole_prefix(file, size)
        os.ftruncate(file, size)
        self._good = os.lseek(file, 0, os.SEEK_END)

    def complete(self) -> None:
        """Close the file and give it its final name; the next line opens the next one. Blocks."""
        if self._file < 0:
            if not self._layout.atomic or self._mark is None or not self._mark["inode"]:
                return
            self._open()
        self._mark = self._describe()
        if self._layout.atomic:
            self._publish(self._path.removesuffix(".part"))
            if self._layout.fsync:
                sync_directory(self._path)
        self.close()
        if self._naming.indexed:
            self._index += 1
        if self._naming.indexed or self._layout.atomic:
            # What a crash leaves of the next file was all written after this: inode 0 lets it be cut back to nothing.
            self._mark = {"index": self._index, "inode": 0, "size": 0, "lines": 0}
        self._good = self._written = 0

    def close(self) -> None:
        """Close the file as it is; blocks hardly."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _describe(self) -> dict[str, Any] | None:
        if self._file < 0:
            return self._mark
        inode = os.fstat(self._file).st_ino
        return {"index": self._index, "inode": inode, "size": self._good, "lines": self._written}


def sync_directory(path: str) -> None:
    """Make the names in the directory of `path` durable; blocks."""
    directory = os.open(os.path.dirname(path) or ".", os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)

"""Following files that grow, like `tail -F`: through renaming and creation anew, and through copying and truncation.

A path is read until its file ends; then its owner may append, rename it and create another, or truncate it. An old file is
read to its end before the new one is begun, also when the rotation happened while the pump was down.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .codec import codec_of
from .opened import FileStream, OpenedFile, take
from .reading import Chunk, RecordReader
from .scan import Found, Selection, rotated_siblings
from .threads import in_thread

if TYPE_CHECKING:
    from .source import FileABCSource

_ROUND = 16  # blocks read before what they hold is handed over: bounds memory however many files there are


class Follow:
    """Everything that one source follows.

    Args:
        source: A `RecordSource`: it cuts blocks into records and hands them over.
        selection: Where to look; new files are found at every look.
    """

    def __init__(self, source: FileABCSource, selection: Selection) -> None:
        """Follow nothing yet."""
        self._source: Any = source
        self._selection = selection
        self._files: dict[str, FollowedFile] = {}
        self._turn = 0
        self.known: dict[int, Mapping[str, Any]] = {
            value["inode"]: value for value in source.position.values() if value
        }
        """Inode -> position of everything read before: a file found under a new name is not read again."""

    async def run(self) -> None:
        """Hand over what is appended, until cancelled."""
        try:
            while True:
                await in_thread(self._look)
                while ready := await in_thread(self._poll):
                    for stream, chunks in ready:
                        await self._source.hand_over(stream, chunks)
                await asyncio.sleep(self._source.options.poll_interval)
        finally:
            for file in self._files.values():
                file.close()

    def _look(self) -> None:
        for found in self._selection.scan().files:
            if found.partition not in self._files and codec_of(found.name) == "none":
                value = self._source.position.get(found.partition)
                self._files[found.partition] = FollowedFile(self, self._source, found, value)

    def is_read(self, inode: int) -> bool:
        """Tell whether a file is being read now, under whatever name."""
        return any(file.opened is not None and file.opened.inode == inode for file in self._files.values())

    def _poll(self) -> list[tuple[FileStream, list[Chunk]]]:
        """Read up to `_ROUND` blocks, from the files in turn."""
        ready: list[tuple[FileStream, list[Chunk]]] = []
        files = list(self._files.values())
        for step in range(len(files)):
            index = (self._turn + step) % len(files)
            got = files[index].poll()
            if got is not None:
                ready.append(got)
            if len(ready) == _ROUND:
                self._turn = index + 1
                break
        return ready


class FollowedFile:
    """One followed path; everything here blocks and runs in threads, one at a time."""

    def __init__(self, follow: Follow, source: Any, found: Found, value: Mapping[str, Any] | None) -> None:
        """Begin where `value` says."""
        self.opened: OpenedFile | None = None
        self._follow, self._source, self._found = follow, source, found
        self._reader: RecordReader | None = None
        self._value = value
        self._backlog: list[str] | None = None
        self._rotated = False  # the path names another file now; seen once, the old one gets one more look
        self._at_end: int | None = None  # time of modification when the end was reached

    def poll(self) -> tuple[FileStream, list[Chunk]] | None:
        """Read one block; None when there is nothing new."""
        begun = self._reader is None
        if begun and not self._open():
            return None
        reader, opened = self._reader, self.opened
        assert reader is not None
        assert opened is not None
        if begun and reader.stream.begin:
            return reader.stream, [
                Chunk([], reader.stream.begin, reader.stream.line)
            ]  # its place, under its present name
        if self._at_end is not None and self._was_replaced(opened, reader.stream):
            return self._finish()
        chunks = reader.poll()
        if chunks is not None:
            self._at_end, self._rotated = None, False
            opened.refresh()
            return reader.stream, chunks
        self._at_end = os.fstat(opened.raw.fileno()).st_mtime_ns
        if not self._is_elsewhere(opened):
            return None
        if not self._rotated and opened.actual == self._found.actual:
            self._rotated = True  # its writer may not have turned to the new file yet: look once more
            return None
        return self._finish()

    def close(self) -> None:
        """Close the file; positions stay."""
        if self._reader is not None:
            self._reader.stream.close()
        if self.opened is not None:
            self.opened.close()
        self._reader = self.opened = None

    def _open(self) -> bool:
        if self._backlog is None:
            self._backlog = self._rotated_meanwhile()
        while self._backlog:
            if self._begin(Found(self._found.name, self._found.partition, self._backlog.pop(0))):
                return True
        return self._begin(self._found)

    def _begin(self, found: Found) -> bool:
        opened = take(found, renames=False)
        if opened is None:
            return False
        if self._follow.is_read(opened.inode):
            opened.close()  # rotated: whoever reads it under its old name comes to its end first
            return False
        value = self._follow.known.get(opened.inode)
        if value is None or not opened.is_that_of(value):
            value = {}
        self._use(opened, value.get("offset", 0), value.get("line", 0))
        return True

    def _use(self, opened: OpenedFile, offset: int, line: int) -> None:
        stream = FileStream(opened, "none", None, offset, line)
        self.opened, self._reader = opened, RecordReader(stream, self._source.splitter(self._found.name))
        self._rotated, self._at_end = False, None

    def _rotated_meanwhile(self) -> list[str]:
        """Return files to read before the path: the one we were reading, if rotated away, and those that came after it."""
        if self._value is None:
            return []
        current = take(self._found, renames=False)
        if current is not None:
            with current.raw:
                if current.is_that_of(self._value):
                    return []
        stats = {sibling: os.stat(sibling) for sibling in rotated_siblings(self._found.actual)}
        for sibling, stat in stats.items():
            if stat.st_ino == self._value.get("inode"):
                newer = [name for name, other in stats.items() if other.st_mtime_ns > stat.st_mtime_ns]
                return [sibling, *sorted(newer, key=lambda name: stats[name].st_mtime_ns)]
        return []

    def _was_replaced(self, opened: OpenedFile, stream: FileStream) -> bool:
        """Tell whether the file was truncated, and maybe written anew, since its end was reached."""
        stat = os.fstat(opened.raw.fileno())
        if stat.st_size < stream.offset:
            return True
        return stat.st_mtime_ns != self._at_end and not opened.has_same_head()

    def _is_elsewhere(self, opened: OpenedFile) -> bool:
        """Tell whether the path names another file than the opened one."""
        try:
            return not os.path.samestat(os.stat(self._found.actual), os.fstat(opened.raw.fileno()))
        except FileNotFoundError:
            return False  # renamed, and not created anew yet: whoever writes still writes to the old one

    def _finish(self) -> tuple[FileStream, list[Chunk]]:
        """Give out what the end of the old file completes, and turn to the next."""
        reader, opened = self._reader, self.opened
        assert reader is not None
        assert opened is not None
        chunks = reader.splitter.finish()
        stream = reader.stream
        value = opened.position(reader.splitter.offset, reader.splitter.line, None, done=True)
        self._follow.known[opened.inode] = value[self._found.partition]
        if self._is_elsewhere(opened) or opened.actual != self._found.actual:
            self.close()
        else:
            again = take(self._found, renames=False)  # truncated in place: the same file, from its beginning
            self.close()
            self._follow.known.pop(opened.inode, None)
            if again is not None:
                self._use(again, 0, 0)
        return stream, chunks

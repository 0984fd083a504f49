"""Files as records: blocks read in a thread, cut into records by a splitter, handed over with the byte behind each batch."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from ..config import Size, option
from .opened import FileStream, stream_of
from .reading import Chunk, RecordReader, Splitter
from .source import FileABCSource, FileSourceOptions
from .threads import settle


class RecordSourceOptions(FileSourceOptions):
    """Options of sources that read record by record."""

    max_line_length: Size = option(1 << 20, "longest line or record in bytes; a longer one fails the file", gt=0)


class RecordSource(FileABCSource):
    """Base of file sources that cut a file into records and resume at the byte; override `splitter`.

    A plain file is resumed with a seek; of a compressed one everything before the place is decompressed again and skipped.
    Reading is one block (1 MB) ahead, in a thread. `lines_per_event` and `event_idle_time` are not needed here and pass.
    """

    class Options(RecordSourceOptions):
        """The options of record sources."""

    resumes = True

    def splitter(self, filename: str) -> Splitter:
        """Return a new splitter for one file."""
        raise NotImplementedError(f"{type(self).__name__} defines no splitter(filename)")

    async def read(self, filename: str, f: Any) -> None:
        """Read the file record by record from where it resumes.

        Raises:
            ProcessingError: The content is bad; the records before that have been handed over.
        """
        stream = stream_of(f)
        reader = RecordReader(stream, self.splitter(filename))
        ahead = asyncio.create_task(asyncio.to_thread(reader.next))
        try:
            while chunks := await asyncio.shield(ahead):
                ahead = asyncio.create_task(asyncio.to_thread(reader.next))
                await self.hand_over(stream, chunks)
            stream.line = reader.splitter.line
        finally:
            await settle(ahead)  # a thread that reads must end before the file is closed

    async def hand_over(self, stream: FileStream, chunks: Sequence[Chunk]) -> None:
        """Deliver chunks with their positions and contexts."""
        name, member = stream.path, stream.member
        for events, offset, line in chunks:
            if member is None:
                contexts = [{"filename": name} for _ in events]
            else:
                contexts = [{"filename": name, "member": member} for _ in events]
            await self.deliver(events, stream.position(offset, line), contexts)

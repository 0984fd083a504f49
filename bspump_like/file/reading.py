"""Cutting blocks of bytes into records: what a splitter is, and the reader that feeds it, both without asyncio."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from ..errors import ProcessingError
from .opened import FileStream


class Chunk(NamedTuple):
    """Records of one batch, with the byte of the content and the line behind the last of them."""

    events: Sequence[Any]
    offset: int
    line: int


class Splitter:
    """Cuts blocks of bytes into records; knows nothing of files, so that it can be tested without.

    A splitter that finds bad content hands out the records before it and keeps the error in `failure`; the reader raises it when
    those have been handed over.

    Args:
        name: The file, for messages.
        batch_size: Most records of a chunk.
        max_length: Most bytes of a record.
    """

    def __init__(self, name: str, batch_size: int, max_length: int) -> None:
        """Begin at byte 0."""
        self.name, self.batch_size, self.max_length = name, batch_size, max_length
        self.offset = self.line = 0
        self.failure: ProcessingError | None = None

    def start(self, stream: FileStream) -> None:
        """Go to where the stream resumes; called once, in a thread, before the first block."""
        stream.skip_to(stream.begin)
        self.offset, self.line = stream.begin, stream.line

    def feed(self, block: bytes) -> list[Chunk]:
        """Take the next block; return the records that are complete. Called in a thread."""
        raise NotImplementedError

    def finish(self) -> list[Chunk]:
        """Return what the end of the file completes. Called once, in a thread."""
        raise NotImplementedError

    def too_long(self, line: int) -> ProcessingError:
        """Return the error for a record that begins at `line` and is longer than allowed."""
        return ProcessingError(
            f"{self.name}, line {line}: longer than {self.max_length} bytes",
            hint="raise 'max_line_length' if such lines are good",
        )


class RecordReader:
    """Reads one stream to its end, chunk by chunk; all of it blocks, so it runs in threads."""

    def __init__(self, stream: FileStream, splitter: Splitter) -> None:
        """Read nothing yet."""
        self.stream, self.splitter = stream, splitter
        self._started = self._ended = False

    def next(self) -> list[Chunk]:
        """Return the next chunks; an empty list at the end of the file.

        Raises:
            ProcessingError: The content behind the chunks returned so far is bad.
        """
        while not self._ended:
            chunks = self.poll()
            if chunks is None:
                self._ended = True
                chunks = self.splitter.finish()
            if chunks:
                return chunks
        if self.splitter.failure is not None:
            raise self.splitter.failure
        return []

    def poll(self) -> list[Chunk] | None:
        """Read one block and return what it completes; None where the file ends for now."""
        if self.splitter.failure is not None:
            raise self.splitter.failure
        if not self._started:
            self.splitter.start(self.stream)
            self._started = True
        block = self.stream.read_block()
        return self.splitter.feed(block) if block else None

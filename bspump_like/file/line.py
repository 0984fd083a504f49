"""Lines: FileLineSource, FileMultiLineSource, FileLineSink."""

from __future__ import annotations

import io
import itertools
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..abc import Context, Event
from ..config import option
from ..errors import ConfigError, ProcessingError
from .codec import BLOCK
from .output import SPILL
from .reading import Chunk, Splitter
from .records import RecordSource, RecordSourceOptions
from .sink import AppendingSink, AppendingSinkOptions

if TYPE_CHECKING:
    from ..application import BSPumpApplication
    from ..pipeline import Pipeline


class LineSplitter(Splitter):
    r"""Cuts at `\n`; a line keeps its end. What stands behind the last end of the file is a line too."""

    def __init__(self, name: str, batch_size: int, max_length: int, encoding: str = "", *, strip: bool = False) -> None:
        r"""See `Splitter`; with an `encoding` lines become text, with `strip` they lose `\n` and `\r\n`."""
        super().__init__(name, batch_size, max_length)
        self._encoding, self._strip = encoding, strip
        self._rest: list[bytes] = []
        self._rest_length = 0
        self.taken = 0

    def feed(self, block: bytes) -> list[Chunk]:
        """Return the lines that are complete."""
        cut = block.rfind(b"\n") + 1
        if not cut:
            self._keep(block)
            return []
        lines = io.BytesIO(b"".join((*self._rest, block[:cut]))).readlines()  # cuts at \n alone, at the speed of C
        self._rest, self._rest_length = [], 0
        # Only the first line can reach over several blocks; the others are shorter than one.
        if len(lines[0]) > self.max_length or (self.max_length < BLOCK and max(map(len, lines)) > self.max_length):
            bad = next(index for index, line in enumerate(lines) if len(line) > self.max_length)
            self.failure = self.too_long(self.line + bad + 1)
            lines = lines[:bad]
        chunks = self._chunks(lines)
        if self.failure is None:
            self._keep(block[cut:])
        return chunks

    def finish(self) -> list[Chunk]:
        """Return the last line, when it has no end."""
        return self._chunks([b"".join(self._rest)]) if self._rest_length else []

    def _keep(self, rest: bytes) -> None:
        self._rest.append(rest)
        self._rest_length += len(rest)
        if self._rest_length > self.max_length:
            self.failure = self.too_long(self.line + 1)

    def _chunks(self, lines: list[bytes]) -> list[Chunk]:
        chunks = []
        for start in range(0, len(lines), self.batch_size):
            batch = lines[start : start + self.batch_size]
            events = self.events(batch)
            self.offset += sum(map(len, batch[: self.taken]))
            self.line += self.taken
            if self.taken:
                chunks.append(Chunk(events, self.offset, self.line))
            if self.taken < len(batch):
                break
        return chunks

    def events(self, lines: list[bytes]) -> Sequence[Any]:
        """Return one batch of lines as events; `taken` says of how many lines."""
        self.taken = len(lines)
        if self._strip:
            lines = [line[:-2] if line.endswith(b"\r\n") else line.removesuffix(b"\n") for line in lines]
        if not self._encoding:
            return lines
        try:
            return [line.decode(self._encoding) for line in lines]
        except UnicodeDecodeError:
            return self._decoded_until_bad(lines)

    def _decoded_until_bad(self, lines: list[bytes]) -> list[str]:
        decoded: list[str] = []
        for line in lines:
            try:
                decoded.append(line.decode(self._encoding))
            except UnicodeDecodeError as error:
                self.taken = len(decoded)
                self.failure = ProcessingError(
                    f"{self.name}, line {self.line + self.taken + 1}: not {self._encoding}", detail=str(error),
                    hint="set 'encoding', or read bytes with 'mode: rb'",
                )  # fmt: skip
                break
        return decoded


class FileLineSource(RecordSource):
    """Read files line by line.

    Out: bytes with the line end (`mode: rb`), or text (`mode: r`); contexts carry `filename`.

    Example:
        pipelines:
          - id: Example
            sources:
              - {class: FileLineSource, config: {path: "in/*.log", post: noop, strip: true}}
            processors:
              - {class: BytesToStringParser}
            sink: {class: PrintSink}
    """

    class Options(RecordSourceOptions):
        """Options of record sources, and `strip`."""

        strip: bool = option(False, "drop the line end")

    def splitter(self, filename: str) -> Splitter:
        """Return a splitter at line ends."""
        o = self.options
        return LineSplitter(filename, o.batch_size, o.max_line_length, encoding_of(self), strip=o.strip)


class MultiLineSplitter(Splitter):
    """Cuts before every line that starts with a separator."""

    def __init__(self, name: str, batch_size: int, max_length: int, separator: bytes, encoding: str = "") -> None:
        """See `Splitter`."""
        super().__init__(name, batch_size, max_length)
        self._begin = re.compile(b"(?<=\\n)" + re.escape(separator))
        self._separator, self._encoding = separator, encoding
        self._rest = b""

    def feed(self, block: bytes) -> list[Chunk]:
        """Return the events that are complete: those behind which another begins."""
        # A separator may reach over the border of two blocks, so the search begins that far before it.
        search = max(0, len(self._rest) - len(self._separator) - 1)
        data = self._rest + block
        starts = [0, *(match.start() for match in self._begin.finditer(data, search))]
        events = [data[one:two] for one, two in itertools.pairwise(starts)]
        self._rest = data[starts[-1] :]
        return self._chunks(events, len(self._rest) > self.max_length)

    def finish(self) -> list[Chunk]:
        """Return the last event."""
        return self._chunks([self._rest] if self._rest else [], False)

    def _chunks(self, events: list[bytes], rest_too_long: bool) -> list[Chunk]:
        chunks = []
        for start in range(0, len(events), self.batch_size):
            batch = events[start : start + self.batch_size]
            bad = next((index for index, event in enumerate(batch) if len(event) > self.max_length), None)
            batch = batch[:bad]
            self.offset += sum(map(len, batch))
            self.line += sum(event.count(b"\n") for event in batch)
            out: Sequence[Any] = [event.decode(self._encoding) for event in batch] if self._encoding else batch
            if batch:
                chunks.append(Chunk(out, self.offset, self.line))
            if bad is not None:
                self.failure = self.too_long(self.line + 1)
                return chunks
        if rest_too_long:
            self.failure = self.too_long(self.line + 1)
        return chunks


class FileMultiLineSource(RecordSource):
    """Read events of several lines: each begins with a line that starts with `separator`.

    Out: bytes (`mode: rb`) or text (`mode: r`), with all line ends. What stands before the first separator is one event. With
    `follow` an event comes out when the next one begins.

    Example:
        pipelines:
          - id: Example
            sources:
              - {class: FileMultiLineSource, config: {path: "in/*.log", post: noop, separator: "<"}}
            sink: {class: PrintSink}
    """

    class Options(RecordSourceOptions):
        """Options of record sources, and `separator`."""

        separator: str = option("", "how the first line of each event starts, when the argument does not say so")

    def __init__(
        self, app: BSPumpApplication, pipeline: Pipeline, separator: str | bytes = "", id: str | None = None,
        config: Mapping[str, Any] | None = None,
    ) -> None:  # fmt: skip
        """See `FileABCSource`.

        Args:
            app: The application.
            pipeline: The pipeline this source feeds.
            separator: How the first line of each event starts.
            id: Name within the pipeline.
            config: Options.

        Raises:
            ConfigError: There is no separator.
        """
        super().__init__(app, pipeline, id, config)
        separator = separator or self.options.separator
        if not separator:
            raise ConfigError(
                f"{self.locate_address()} has no separator", hint="separator: '<' for syslog, for example"
            )
        self.separator = (
            separator if isinstance(separator, bytes) else separator.encode(self.options.encoding or "utf-8")
        )

    def splitter(self, filename: str) -> Splitter:
        """Return a splitter before separators."""
        o = self.options
        return MultiLineSplitter(filename, o.batch_size, o.max_line_length, self.separator, encoding_of(self))


def encoding_of(source: RecordSource) -> str:
    """Return the encoding for text, empty when the source is to give bytes.

    Raises:
        ConfigError: Lines cannot be found in the bytes of that encoding, as in UTF-16.
    """
    if source.options.mode == "rb":
        return ""
    encoding: str = source.options.encoding or "utf-8"
    if "\n".encode(encoding) not in (b"\n", b"\xef\xbb\xbf\n"):
        raise ConfigError(f"option 'encoding' has {encoding!r}: lines cannot be cut in it", hint="convert to UTF-8")
    return encoding


class FileLineSink(AppendingSink):
    """Append each event as a line to a file.

    In: bytes or text; a line end is added where there is none.
    Raises: ProcessingError for any other event; DeliveryError (from `flush`) when the file cannot be written.

    Example:
        pipelines:
          - id: Example
            sources:
              - {class: IteratorSource, args: {iterator: [one, two, three]}}
            sink: {class: FileLineSink, config: {path: out.txt}}
    """

    class Options(AppendingSinkOptions):
        """The options of appending sinks."""

    def process(self, context: Context, event: Event) -> None:
        """Take one line."""
        if event.__class__ is not bytes:
            event = self.encode(event)
        elif event[-1:] != b"\n":
            event += b"\n"
        output = self.output
        if output is None:
            output = self.output_for(context, event)
        output.lines.append(event)
        output.size = size = output.size + len(event)
        if size >= SPILL:
            output.spill()

    def encode(self, event: Event) -> bytes:
        """Return an event as a line."""
        if isinstance(event, str):
            event = event.encode()
        elif not isinstance(event, bytes | bytearray | memoryview):
            raise ProcessingError(
                f"expected bytes or text to write, got {type(event).__name__}",
                hint="put a processor before it that makes a line, or use FileJSONSink",
            )
        line = bytes(event)
        return line if line.endswith(b"\n") else line + b"\n"

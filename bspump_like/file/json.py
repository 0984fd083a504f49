"""JSON: FileJSONSource (whole files, lines, or the elements of an array) and FileJSONSink (lines)."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

import orjson

from ..abc import Event
from ..config import Size, option
from ..errors import ProcessingError
from .block import read_whole
from .line import LineSplitter
from .opened import FileStream, stream_of
from .reading import Chunk, Splitter
from .records import RecordSource, RecordSourceOptions
from .sink import AppendingSink
from .threads import in_thread

if TYPE_CHECKING:
    from ..application import BSPumpApplication
    from ..pipeline import Pipeline


class NDJSONSplitter(LineSplitter):
    """Cuts at line ends and parses each line; empty lines are passed over."""

    def events(self, lines: list[bytes]) -> list[Any]:
        """Return one batch of lines, parsed."""
        self.taken = len(lines)
        loads = orjson.loads
        try:
            return [loads(line) for line in lines if not line.isspace()]
        except orjson.JSONDecodeError:
            return self._parsed_until_bad(lines)

    def _parsed_until_bad(self, lines: list[bytes]) -> list[Any]:
        events = []
        for number, line in enumerate(lines):
            try:
                if not line.isspace():
                    events.append(orjson.loads(line))
            except orjson.JSONDecodeError as error:
                self.taken = number
                self.failure = ProcessingError(
                    f"{self.name}, line {self.line + number + 1}: no JSON", detail=str(error),
                    hint="to treat bad lines one by one, use FileLineSource and a processor that parses",
                )  # fmt: skip
                break
        return events


class ArraySplitter(Splitter):
    """Streams the elements of the JSON array that a file is, whatever its size."""

    def __init__(self, name: str, batch_size: int, max_length: int) -> None:
        """See `Splitter`."""
        super().__init__(name, batch_size, max_length)
        self._decode = codecs.getincrementaldecoder("utf-8")().decode
        self._scan = json.JSONDecoder().raw_decode
        self._text = ""
        self._wanted = 0  # characters without which another try at the element under way is of no use
        self._opened = self._closed = False

    def start(self, stream: FileStream) -> None:
        """Go to where the stream resumes: behind an element, so within the array."""
        super().start(stream)
        self._opened = stream.begin > 0

    def feed(self, block: bytes) -> list[Chunk]:
        """Return the elements that are complete."""
        try:
            self._text += self._decode(block)
        except UnicodeDecodeError as error:
            self._fail(0, f"not UTF-8: {error}")
            return []
        return self._parse(last=False) if len(self._text) >= self._wanted else []

    def finish(self) -> list[Chunk]:
        """Return the last element, and find out whether the array is complete."""
        chunks = self._parse(last=True)
        if not self._closed and self.failure is None:
            self._fail(0, "the array is not closed")
        return chunks

    def _parse(self, *, last: bool) -> list[Chunk]:
        if not self._opened and not self._enter():
            return []
        text, at, begin, chunks, events = self._text, 0, 0, [], []
        while (at := self._next(text, at)) < len(text):
            try:
                event, end = self._scan(text, at)
            except (json.JSONDecodeError, RecursionError) as error:
                if last or len(text) - at > self.max_length or isinstance(error, RecursionError):
                    self._fail(text.count("\n", begin, at), str(error))
                break
            if end == len(text) and not last:
                break  # a number may go on
            events.append(event)
            at = end
            if len(events) == self.batch_size:
                chunks.append(self._chunk(events, text[begin:at]))
                events, begin = [], at
        if events:
            chunks.append(self._chunk(events, text[begin:at]))
            begin = at
        self._text = text[begin:]
        self._wanted = 2 * len(self._text)  # each try begins the element anew: twice as much each time keeps it linear
        return chunks

    def _enter(self) -> bool:
        """Pass the bracket that opens the array."""
        inside = self._text.lstrip(" \t\r\n\ufeff")
        if not inside:
            return False
        if inside[0] != "[":
            self._fail(0, "it begins with no '['")
            return False
        self._chunk([], self._text[: len(self._text) - len(inside) + 1])
        self._text, self._opened = inside[1:], True
        return True

    def _next(self, text: str, at: int) -> int:
        """Return where the next element begins; the length of the text when there is none."""
        match = _BETWEEN.match(text, at)
        at = match.end() if match else at
        if at < len(text) and text[at] == "]":
            self._closed = True
            if text[at + 1 :].strip():
                self._fail(text.count("\n", 0, at), "something stands behind the array")
            return len(text)
        return at

    def _fail(self, lines: int, detail: str) -> None:
        self.failure = ProcessingError(
            f"{self.name}, behind line {self.line + lines}: no JSON array", detail=detail,
            hint=f"an element may have {self.max_length} characters ('max_line_length') and about 900 levels",
        )  # fmt: skip

    def _chunk(self, events: list[Any], text: str) -> Chunk:
        self.offset += len(text) if text.isascii() else len(text.encode())
        self.line += text.count("\n")
        return Chunk(events, self.offset, self.line)


_BETWEEN = re.compile(r"[\s,]*")


class FileJSONSource(RecordSource):
    """Read JSON files.

    Out: the parsed content of each file (`format: json`, as BSPump), of each line (`ndjson`), or each element of the array
    that the file is (`array`, streamed). Contexts carry `filename`.

    Example:
        pipelines:
          - id: Example
            sources:
              - {class: FileJSONSource, config: {path: "in/*.ndjson.gz", post: noop, format: ndjson}}
            sink: {class: PPrintSink}
    """

    class Options(RecordSourceOptions):
        """Options of record sources, and the format."""

        format: Literal["json", "ndjson", "array"] = option("json", "one event per file, per line, or per element")
        max_size: Size = option(256 << 20, "largest file that is parsed as a whole, in bytes", gt=0)

    def __init__(
        self, app: BSPumpApplication, pipeline: Pipeline, id: str | None = None, config: Mapping[str, Any] | None = None
    ) -> None:
        """See `FileABCSource`."""
        super().__init__(app, pipeline, id, config)
        self.resumes = self.options.format != "json"

    def splitter(self, filename: str) -> Splitter:
        """Return a splitter for lines or elements."""
        o = self.options
        kind = ArraySplitter if o.format == "array" else NDJSONSplitter
        return kind(filename, o.batch_size, o.max_line_length)

    async def read(self, filename: str, f: Any) -> None:
        """Read the file.

        Raises:
            ProcessingError: It is no JSON.
        """
        if self.options.format != "json":
            await super().read(filename, f)
            return
        stream = stream_of(f)
        content = await in_thread(read_whole, stream, self.options.max_size)
        try:
            event = await in_thread(orjson.loads, content)
        except orjson.JSONDecodeError as error:
            raise ProcessingError(
                f"{filename} is not one JSON value",
                detail=str(error),
                hint="for a value on each line set 'format: ndjson'",
            ) from error
        await self.process(event)


class FileJSONSink(AppendingSink):
    """Append each event as a line of JSON (NDJSON).

    In: anything that JSON has (with dates, UUIDs and dataclasses, as orjson writes them); bytes and text are JSON already.
    Raises: ProcessingError for an event that is not; DeliveryError (from `flush`), see `AppendingSink`.

    Example:
        pipelines:
          - id: Example
            sources:
              - {class: IteratorSource, args: {iterator: [{carrier: UA, delay: 4}, {carrier: AA, delay: 7}, {carrier: UA}]}}
            sink: {class: FileJSONSink, config: {path: out.ndjson}}
    """

    def encode(self, event: Event) -> bytes:
        """Return an event as a line."""
        try:
            if not isinstance(event, bytes | str):
                return orjson.dumps(event, option=orjson.OPT_APPEND_NEWLINE)
            line = event.encode() if isinstance(event, str) else event
            line = line.removesuffix(b"\n")
            if b"\n" in line:  # pretty-printed: a line must hold all of it
                line = orjson.dumps(orjson.loads(line))
        except (TypeError, orjson.JSONDecodeError) as error:
            raise ProcessingError(f"cannot write {type(event).__name__} as JSON", detail=str(error)) from error
        return line + b"\n"

"""JSON: text or bytes to Python objects and back, by orjson.

The class names are the contract's; `JSONParserProcessor` and `JSONDumperProcessor` are the ones for new pumps.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import orjson

from ..abc import Context, Event, Processor
from ..abc.processor import ConcurrencyOptions
from ..config import option
from ..errors import ProcessingError
from ..text_options import encoding_name

if TYPE_CHECKING:
    from ..application import BSPumpApplication
    from ..pipeline import Pipeline

_loads, _dumps = orjson.loads, orjson.dumps


class JSONParserProcessor(Processor):
    """Parse JSON.

    In: bytes or str, one JSON document in UTF-8. Out: what it says, usually a dict. A document `null` drops the event.
    Raises: ProcessingError, with the place of the mistake and the text around it.

    Example:
        pipelines:
          - id: Example
            sources:
              - {class: IteratorSource, args: {iterator: ['{"id": 1}', '{"id": 2}']}}
            processors:
              - {class: JSONParserProcessor}
            sink: {class: PPrintSink}
    """

    event_function = orjson.loads

    def process(self, context: Context, event: bytes | str) -> Event:
        """Return the parsed document."""
        try:
            return _loads(event)
        except orjson.JSONDecodeError as error:
            raise _not_json(event, error) from error

    def explain(self, event: Event, error: Exception) -> Exception:
        """Say where the mistake is."""
        return _not_json(event, error) if isinstance(error, orjson.JSONDecodeError) else error


def _not_json(event: Any, error: orjson.JSONDecodeError) -> ProcessingError:
    if not isinstance(event, bytes | str | bytearray | memoryview):
        return ProcessingError(f"expected JSON as bytes or str, got {type(event).__name__}", detail=repr(event)[:80])
    # orjson counts characters and error.doc is the text it decoded.
    start = max(0, error.pos - 40)
    return ProcessingError(
        f"not JSON: {error}", detail=f"near {error.doc[start : error.pos + 40]!r}" if error.doc else ""
    )


class StdJsonToDictParser(JSONParserProcessor):
    """Parse JSON; BSPump's name of `JSONParserProcessor`.

    Example:
        pipelines:
          - id: Example
            sources:
              - {class: IteratorSource, args: {iterator: ['{"id": 1}']}}
            processors:
              - {class: StdJsonToDictParser}
            sink: {class: PPrintSink}
    """


class CySimdJsonParser(JSONParserProcessor):
    """Parse JSON; BSPump's name for its fast parser, which orjson is here. The result is an ordinary dict.

    Example:
        pipelines:
          - id: Example
            sources:
              - {class: IteratorSource, args: {iterator: ['{"id": 1}']}}
            processors:
              - {class: CySimdJsonParser}
            sink: {class: PPrintSink}
    """


def dump(event: Any) -> bytes:
    """Return `event` as JSON in UTF-8; keys that are numbers or dates become text.

    Raises:
        ProcessingError: A value has no JSON form; names its type.
    """
    try:
        return _dumps(event)
    except TypeError:
        pass  # orjson is faster when keys are known to be text, and nearly always they are
    try:
        return _dumps(event, option=orjson.OPT_NON_STR_KEYS)
    except TypeError as error:
        raise ProcessingError(
            "the event has no JSON form", detail=str(error), hint="convert such values before"
        ) from error


class JSONDumperProcessor(Processor):
    """Turn an event into JSON.

    In: dicts, lists, text, numbers, None, dates, dataclasses. Out: bytes, compact, in UTF-8.
    Raises: ProcessingError, if a value has no JSON form.

    Example:
        pipelines:
          - id: Example
            sources:
              - {class: IteratorSource, args: {iterator: [{id: 1, tags: [a, b]}]}}
            processors:
              - {class: JSONDumperProcessor}
            sink: {class: PrintSink}
    """

    def process(self, context: Context, event: Event) -> Event:
        """Return the event as JSON."""
        try:
            return _dumps(event)
        except TypeError:
            return dump(event)


class StdDictToJsonParser(Processor):
    """Turn an event into JSON as text, as BSPump has it; `JSONDumperProcessor` is faster, since it returns bytes.

    In: see `JSONDumperProcessor`. Out: str. Raises: ProcessingError, if a value has no JSON form.

    Example:
        pipelines:
          - id: Example
            sources:
              - {class: IteratorSource, args: {iterator: [{id: 1, tags: [a, b]}]}}
            processors:
              - {class: StdDictToJsonParser}
            sink: {class: PrintSink}
    """

    def process(self, context: Context, event: Event) -> Event:
        """Return the event as JSON text."""
        try:
            return _dumps(event).decode()
        except TypeError:
            return dump(event).decode()


class DictToJsonBytesParser(Processor):
    """Turn an event into JSON as bytes in some encoding.

    In: see `JSONDumperProcessor`. Out: bytes. Raises: ProcessingError, if a value has no JSON form;
    UnicodeEncodeError, if the encoding lacks a character.

    Example:
        pipelines:
          - id: Example
            sources:
              - {class: IteratorSource, args: {iterator: [{id: 1, tags: [a, b]}]}}
            processors:
              - {class: DictToJsonBytesParser}
            sink: {class: PrintSink}
    """

    class Options(ConcurrencyOptions):
        """The encoding."""

        encoding: str = option("utf-8", "text encoding of the bytes", parse=encoding_name, example="utf-16")

    def __init__(
        self, app: BSPumpApplication, pipeline: Pipeline, id: str | None = None, config: Mapping[str, Any] | None = None
    ) -> None:
        """See `Processor`."""
        super().__init__(app, pipeline, id, config)
        self.Encoding: str = self.options.encoding
        self._as_is = self.Encoding == "utf-8"

    def process(self, context: Context, event: Event) -> Event:
        """Return the event as JSON bytes."""
        data = dump(event)
        return data if self._as_is else data.decode().encode(self.Encoding)

"""Text to bytes and back."""

from __future__ import annotations

import binascii
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..abc import Context, Event, Processor
from ..abc.processor import ConcurrencyOptions
from ..config import option
from ..errors import ProcessingError
from ..text_options import encoding_name

if TYPE_CHECKING:
    from ..application import BSPumpApplication
    from ..pipeline import Pipeline


class EncodingOptions(ConcurrencyOptions):
    """The encoding, and what to do with what does not fit it."""

    encoding: str = option("utf-8", "text encoding", parse=encoding_name, example="latin-1")
    errors: str = option(
        "strict", "what does not fit: strict (the event fails), replace, ignore or backslashreplace",
        choices=("strict", "replace", "ignore", "backslashreplace"),
    )  # fmt: skip


class EncodingProcessor(Processor):
    """The base of processors that go between text and bytes."""

    class Options(EncodingOptions):
        """The encoding."""

    def __init__(
        self, app: BSPumpApplication, pipeline: Pipeline, id: str | None = None, config: Mapping[str, Any] | None = None
    ) -> None:
        """See `Processor`."""
        super().__init__(app, pipeline, id, config)
        self.Encoding: str = self.options.encoding
        self._errors: str = self.options.errors


class StringToBytesParser(EncodingProcessor):
    """Encode text.

    In: str. Out: bytes. Raises: UnicodeEncodeError, if the encoding lacks a character and `errors` is strict.

    Example:
        pipelines:
          - id: Example
            sources:
              - {class: IteratorSource, args: {iterator: [one, two]}}
            processors:
              - {class: StringToBytesParser}
            sink: {class: PrintSink}
    """

    def process(self, context: Context, event: Event) -> Event:
        """Return the text as bytes."""
        return event.encode(self.Encoding, self._errors)


class BytesToStringParser(EncodingProcessor):
    """Decode bytes.

    In: bytes. Out: str. Raises: UnicodeDecodeError, if they are not in the encoding and `errors` is strict.

    Example:
        pipelines:
          - id: Example
            sources:
              - {class: IteratorSource, args: {iterator: [one, two]}}
            processors:
              - {class: StringToBytesParser}
              - {class: BytesToStringParser}
            sink: {class: PrintSink}
    """

    def process(self, context: Context, event: Event) -> Event:
        """Return the bytes as text."""
        return event.decode(self.Encoding, self._errors)


class HexlifyProcessor(Processor):
    """Turn bytes into their hexadecimal digits.

    In: bytes. Out: bytes, twice as long. Raises: TypeError, if the event is not bytes.

    Example:
        pipelines:
          - id: Example
            sources:
              - {class: IteratorSource, args: {iterator: [one, two]}}
            processors:
              - {class: StringToBytesParser}
              - {class: HexlifyProcessor}
            sink: {class: PrintSink}
    """

    def process(self, context: Context, event: Event) -> Event:
        """Return the digits."""
        return binascii.hexlify(event)


class UnhexlifyProcessor(Processor):
    """Turn hexadecimal digits into the bytes that they stand for.

    In: bytes or text. Out: bytes, half as long. Raises: ProcessingError, if they are no such digits.

    Example:
        pipelines:
          - id: Example
            sources:
              - {class: IteratorSource, args: {iterator: [68656c6c6f, 776f726c64]}}
            processors:
              - {class: UnhexlifyProcessor}
            sink: {class: PrintSink}
    """

    def process(self, context: Context, event: Event) -> Event:
        """Return the bytes."""
        try:
            return binascii.unhexlify(event)
        except (ValueError, TypeError) as error:
            raise ProcessingError(f"not hexadecimal digits: {error}", detail=repr(event)[:80]) from error

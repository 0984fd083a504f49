"""Base64: Base64EncodeProcessor and Base64DecodeProcessor (RFC 4648)."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..abc import Context, Event, Processor
from ..abc.processor import ConcurrencyOptions
from ..config import option
from ..errors import ProcessingError

if TYPE_CHECKING:
    from ..application import BSPumpApplication
    from ..pipeline import Pipeline


class Base64Options(ConcurrencyOptions):
    """Which alphabet."""

    url: bool = option(False, "the alphabet for addresses and names of files: - and _ in place of + and /")


class _Base64Processor(Processor):
    class Options(Base64Options):
        """Which alphabet."""

    def __init__(
        self, app: BSPumpApplication, pipeline: Pipeline, id: str | None = None, config: Mapping[str, Any] | None = None
    ) -> None:
        """See `Processor`."""
        super().__init__(app, pipeline, id, config)
        self._others = b"-_" if self.options.url else None


class Base64EncodeProcessor(_Base64Processor):
    """Write bytes as Base64.

    In: bytes, or text (as UTF-8). Out: bytes. Raises: ProcessingError for anything else.

    Example:
        pipelines:
          - id: Example
            sources:
              - {class: IteratorSource, args: {iterator: [hello, world]}}
            processors:
              - {class: Base64EncodeProcessor}
              - {class: BytesToStringParser}
            sink: {class: PrintSink}
    """

    def process(self, context: Context, event: Event) -> Event:
        """Return the event in Base64."""
        try:
            return base64.b64encode(event.encode() if isinstance(event, str) else event, self._others)
        except TypeError as error:
            raise ProcessingError(f"expected bytes or text, got {type(event).__name__}") from error


class Base64DecodeProcessor(_Base64Processor):
    """Read Base64.

    In: bytes or text, padded; line ends and spaces count for nothing. Out: bytes. Raises: ProcessingError, if it is none.

    Example:
        pipelines:
          - id: Example
            sources:
              - {class: IteratorSource, args: {iterator: [aGVsbG8=, d29ybGQ=]}}
            processors:
              - {class: Base64DecodeProcessor}
              - {class: BytesToStringParser}
            sink: {class: PrintSink}
    """

    def process(self, context: Context, event: Event) -> Event:
        """Return the bytes."""
        try:
            data = b"".join((event.encode() if isinstance(event, str) else event).split())
            return base64.b64decode(data, self._others, validate=True)
        except (binascii.Error, ValueError) as error:
            raise ProcessingError(f"not Base64: {error}", detail=repr(event[:80])) from error
        except (TypeError, AttributeError) as error:
            raise ProcessingError(f"expected bytes or text, got {type(event).__name__}") from error

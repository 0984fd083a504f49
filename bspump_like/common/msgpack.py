"""MessagePack: MsgPackParserProcessor and MsgPackDumperProcessor."""

from __future__ import annotations

import msgpack

from ..abc import Context, Event, Processor
from ..errors import ProcessingError


class MsgPackParserProcessor(Processor):
    """Parse MessagePack.

    In: bytes, one value. Out: what it says, usually a dict; times as datetimes in UTC. A value `nil` drops the event.
    Raises: ProcessingError, if it is none, or more than one.

    Example:
        pipelines:
          - id: Example
            sources:
              - {class: IteratorSource, args: {iterator: [{id: 1, tags: [a, b]}]}}
            processors:
              - {class: MsgPackDumperProcessor}
              - {class: MsgPackParserProcessor}
            sink: {class: PPrintSink}
    """

    def process(self, context: Context, event: Event) -> Event:
        """Return the value."""
        try:
            return msgpack.unpackb(event, timestamp=3, strict_map_key=False)
        except (ValueError, msgpack.UnpackException, RecursionError) as error:
            raise ProcessingError(
                f"not MessagePack: {error or type(error).__name__}", detail=repr(event[:40])
            ) from error
        except TypeError as error:
            raise ProcessingError(f"expected MessagePack as bytes, got {type(event).__name__}") from error


class MsgPackDumperProcessor(Processor):
    """Write an event as MessagePack: more compact than JSON, with bytes and times.

    In: what MessagePack can say; datetimes need a zone. Out: bytes. Raises: ProcessingError for anything else.

    Example:
        pipelines:
          - id: Example
            sources:
              - {class: IteratorSource, args: {iterator: [{id: 1}, {id: 2}]}}
            processors:
              - {class: MsgPackDumperProcessor}
            sink: {class: PrintSink}
    """

    def process(self, context: Context, event: Event) -> Event:
        """Return the bytes."""
        try:
            return msgpack.packb(event, datetime=True)
        except (TypeError, ValueError, OverflowError) as error:
            raise ProcessingError("MessagePack cannot say the event", detail=str(error)) from error

"""Printing: sinks that write events to a stream, and processors that show what passes by.

A sink remembers lines and writes them at the barrier, many at once, off the event loop. A processor writes at once, so that
the event that breaks the next step has been seen.
"""

from __future__ import annotations

import asyncio
import pprint
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TextIO

from ..abc import Context, Event, Processor, Sink
from ..errors import DeliveryError

if TYPE_CHECKING:
    from ..application import BSPumpApplication
    from ..pipeline import Pipeline


class PrintSink(Sink):
    """Write each event as one line of text.

    In: any event. Out: nothing. Raises: DeliveryError, if the stream does not take the text; the lines are kept.

    Example:
        pipelines:
          - id: Example
            sources:
              - {class: IteratorSource, args: {iterator: [1, two, {three: 3}]}}
            sink: {class: PrintSink}
    """

    def __init__(
        self, app: BSPumpApplication, pipeline: Pipeline, id: str | None = None, config: Mapping[str, Any] | None = None,
        stream: TextIO | None = None,
    ) -> None:  # fmt: skip
        """See `ProcessorBase`.

        Args:
            app: The application.
            pipeline: The pipeline.
            id: Name within the pipeline.
            config: Options.
            stream: Where to write; standard output when left out.
        """
        super().__init__(app, pipeline, id, config)
        self.Stream = stream
        self._lines: list[str] = []

    def process(self, context: Context, event: Event) -> None:
        """Remember the event as text."""
        self._lines.append(f"{event}\n")

    async def flush(self) -> None:
        """Return when every line handed over before this call is written to the stream.

        Raises:
            DeliveryError: The stream does not take it. The lines are kept; some of them may be written twice then.
        """
        lines, self._lines = self._lines, []
        if not lines:
            return
        stream = self.Stream or sys.stdout  # looked up late: standard output may be redirected meanwhile
        try:
            await asyncio.to_thread(write, stream, "".join(lines))
        except (OSError, ValueError) as error:  # ValueError: the stream is closed
            self._lines[:0] = lines
            raise DeliveryError(
                f"{self.locate_address()} cannot write to its stream",
                detail=str(error),
                hint="somebody closed the other end",
                retriable=isinstance(error, BlockingIOError),
            ) from error


def write(stream: TextIO, text: str) -> None:
    """Write text so that whoever is at the other end of the stream has it; blocks."""
    stream.write(text)
    stream.flush()


class PPrintSink(PrintSink):
    """Write each event over several lines, indented; for people, slow.

    In: any event. Out: nothing. Raises: see `PrintSink`.

    Example:
        pipelines:
          - id: Example
            sources:
              - {class: IteratorSource, args: {iterator: [{name: ann, tags: [a, b]}]}}
            sink: {class: PPrintSink}
    """

    def process(self, context: Context, event: Event) -> None:
        """Remember the event as indented text."""
        self._lines.append(f"{pprint.pformat(event)}\n")


class PrintProcessor(Processor):
    """Write each event as one line of text and pass it on.

    In and out: any event, unchanged. Raises: OSError, if the stream does not take the text.

    Example:
        pipelines:
          - id: Example
            sources:
              - {class: IteratorSource, args: {iterator: [1, 2]}}
            processors:
              - {class: PrintProcessor}
            sink: {class: NullSink}
    """

    def __init__(
        self, app: BSPumpApplication, pipeline: Pipeline, id: str | None = None, config: Mapping[str, Any] | None = None,
        stream: TextIO | None = None,
    ) -> None:  # fmt: skip
        """See `PrintSink`.

        Args:
            app: The application.
            pipeline: The pipeline.
            id: Name within the pipeline.
            config: Options.
            stream: Where to write; standard output when left out.
        """
        super().__init__(app, pipeline, id, config)
        self.Stream = stream

    def process(self, context: Context, event: Event) -> Event:
        """Write the event at once."""
        print(event, file=self.Stream)
        return event


class PPrintProcessor(PrintProcessor):
    """Write each event over several lines and pass it on.

    In and out: any event, unchanged. Raises: OSError, if the stream does not take the text.

    Example:
        pipelines:
          - id: Example
            sources:
              - {class: IteratorSource, args: {iterator: [{name: ann}]}}
            processors:
              - {class: PPrintProcessor}
            sink: {class: NullSink}
    """

    def process(self, context: Context, event: Event) -> Event:
        """Write the event at once."""
        pprint.pprint(event, stream=self.Stream)
        return event


class PrintContextProcessor(PrintProcessor):
    """Write the context of each event as one line of text and pass the event on.

    In and out: any event, unchanged. Raises: OSError, if the stream does not take the text.

    Example:
        pipelines:
          - id: Example
            sources:
              - {class: IteratorSource, args: {iterator: [one]}}
            processors:
              - {class: CoHashingProcessor, config: {form: hex}}
              - {class: PrintContextProcessor}
            sink: {class: NullSink}
    """

    def process(self, context: Context, event: Event) -> Event:
        """Write the context at once."""
        print(context, file=self.Stream)
        return event


class PPrintContextProcessor(PrintProcessor):
    """Write the context of each event over several lines and pass the event on.

    In and out: any event, unchanged. Raises: OSError, if the stream does not take the text.

    Example:
        pipelines:
          - id: Example
            sources:
              - {class: IteratorSource, args: {iterator: [one]}}
            processors:
              - {class: CoHashingProcessor, config: {form: hex}}
              - {class: PPrintContextProcessor}
            sink: {class: NullSink}
    """

    def process(self, context: Context, event: Event) -> Event:
        """Write the context at once."""
        pprint.pprint(context, stream=self.Stream)
        return event

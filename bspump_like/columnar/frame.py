"""Frames, and the ways between them and events."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..abc import Context, Event, Generator, Processor
from ..errors import MissingDependency, ProcessingError

try:
    import polars as polars  # the other files of this folder take it from here
except ModuleNotFoundError as error:
    raise MissingDependency("polars", "columnar") from error

if TYPE_CHECKING:
    from collections.abc import Mapping

Frame = polars.DataFrame
"""What an event of columns is."""

ROWS = 5000
"""Rows of a frame, the default of all sources. Larger frames gain little and make the other events wait."""


def frame_of(event: Event) -> Frame:
    """Return the event if it is a frame.

    Raises:
        ProcessingError: It is none.
    """
    if not isinstance(event, Frame):
        raise ProcessingError(
            f"expected a frame, got {type(event).__name__}",
            hint="begin with FrameCSVSource or FrameParquetSource, or put an EventsToFrameProcessor before",
        )
    return event


def columns_of(frame: Frame, wanted: Mapping[str, str]) -> None:
    """Check that a frame has columns.

    Args:
        frame: The frame.
        wanted: Column -> what it is for.

    Raises:
        ProcessingError: It lacks one; names it and those that are there.
    """
    for column, purpose in wanted.items():
        if column not in frame.columns:
            raise ProcessingError(
                f"the frame has no column '{column}' for '{purpose}'", hint=f"it has {', '.join(frame.columns)}"
            )


class EventsToFrameProcessor(Processor):
    """Make a frame of a list of dicts; put an Aggregator with `strategy: events` before it.

    In: list of dicts, or one dict. Out: a frame with one row a dict; fields that are missing are null.
    Raises: ProcessingError, if values of one column are of different types.

    Example:
        pipelines:
          - id: Example
            sources:
              - {class: IteratorSource, args: {iterator: [{origin: JFK, delay: 3}, {origin: LGA, delay: 8}]}}
            processors:
              - {class: Aggregator, config: {strategy: events, completion_size: 1000}}
              - {class: EventsToFrameProcessor}
              - {class: SQLProcessor, config: {query: "SELECT max(delay) AS worst FROM events"}}
              - {class: FrameToEventsGenerator}
            sink: {class: PPrintSink}
    """

    def process(self, context: Context, event: Event) -> Frame:
        """Return the frame."""
        try:
            return polars.from_dicts([event] if isinstance(event, dict) else list(event), infer_schema_length=None)
        except (TypeError, ValueError, AttributeError, polars.exceptions.PolarsError) as error:
            raise ProcessingError(
                "no frame can be made of the event", detail=str(error)[:300],
                hint="it takes a list of dicts whose values are of one type for each name",
            ) from error  # fmt: skip


class FrameToEventsGenerator(Generator):
    """Send on each row of a frame as a dict, in order.

    In: a frame. Out: a dict a row. Raises: ProcessingError, if the event is no frame.

    Example:
        pipelines:
          - id: Example
            sources:
              - {class: FrameParquetSource, config: {path: "in/*.parquet", post: noop}}
            processors:
              - {class: FrameToEventsGenerator}
            sink: {class: PPrintSink}
    """

    def generate(self, context: Context, event: Event, depth: int) -> None:
        """Inject the rows."""
        inject = self.Pipeline.inject
        for row in frame_of(event).iter_rows(named=True):
            inject(context, row, depth)

"""InfluxDBSink: points, by the bucket."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..abc import Backoff, Context, Event, ProcessorOptions, Sink
from ..abc.uploader import Limit, Uploader
from ..errors import BSPumpError, ProcessingError
from .connection import InfluxDBConnection, Refused
from .line import FACTORS, point, stamp_of

if TYPE_CHECKING:
    from ..application import BSPumpApplication
    from ..pipeline import Pipeline

_Point = tuple[bytes, Context, Event]


class NotWritten(BSPumpError):
    """A point that the server will never take."""


class InfluxDBSink(Sink):
    """Write every event as a point.

    In: a tuple `(measurement, tag_set, field_set, time in s)`; a dict with `measurement`, `tags`, `fields` and `time`; or a
    line of line protocol as bytes or str, with a timestamp in the connection's `precision`. A point without a time gets the
    time of its arrival here, so that to write it twice is to write it once; a ready line without one gets the server's.
    Raises: ProcessingError, for anything else. A point that the server refuses becomes a dead letter with the server's
    reason; the others of its bucket are written. What cannot be written now is tried again for ever.

    Example:
        connections:
          - {id: Influx, class: InfluxDBConnection, config: {url: "${INFLUXDB:http://localhost:8086}", db: flights}}
        pipelines:
          - id: Example
            sources:
              - class: IteratorSource
                args:
                  iterator:
                    - {measurement: delays, tags: {origin: EWR}, fields: {delay: 2.5}, time: 1767225600}
            sink: {class: InfluxDBSink, args: {connection: Influx}}
    """

    class Options(ProcessorOptions):
        """Only the common options; the connection has the rest."""

    def __init__(
        self, app: BSPumpApplication, pipeline: Pipeline, connection: str | InfluxDBConnection, id: str | None = None,
        config: Mapping[str, Any] | None = None,
    ) -> None:  # fmt: skip
        """See `ProcessorBase`.

        Args:
            app: The application.
            pipeline: The pipeline.
            connection: The InfluxDBConnection or its id.
            id: Name within the pipeline.
            config: Options.
        """
        super().__init__(app, pipeline, id, config)
        self._connection: InfluxDBConnection = pipeline.locate_connection(app, connection)
        options = self._connection.options
        self._precision: str = options.precision
        self._room: int = options.output_bucket_max_size
        self._bucket: list[_Point] = []
        self._last = 0
        backoff = Backoff(options.reconnect_delay, options.reconnect_delay_max)
        self._uploader = Uploader(self, self._upload, backoff, Limit(self, options.output_queue_max_size, self._paused))

    async def on_start(self) -> None:
        """Begin to send."""
        self._uploader.start()

    def process(self, context: Context, event: Event) -> None:
        """Put one point into the bucket."""
        line = self._line(event)
        self._bucket.append((line, context, event))
        self._room -= len(line)
        if self._room <= 0:
            self._close_bucket()

    def _line(self, event: Event) -> bytes:
        if isinstance(event, tuple) and len(event) == 4:
            return self._point(*event)
        if isinstance(event, dict):
            try:
                return self._point(event["measurement"], event.get("tags"), event["fields"], event.get("time"))
            except KeyError as error:
                raise ProcessingError(f"a point has no {error}") from None
        if isinstance(event, str | bytes):
            line = event.encode() if isinstance(event, str) else event
            return line if line.endswith(b"\n") else line + b"\n"
        raise ProcessingError(f"expected a tuple of four, a dict or a line as a point, got {type(event).__name__}")

    def _point(self, measurement: Any, tags: Any, fields: Any, moment: Any) -> bytes:
        stamp = self._now() if moment is None else stamp_of(moment, self._precision)
        try:
            return point(measurement, tags, fields, stamp)
        except (TypeError, ValueError) as error:
            raise ProcessingError("tags and fields must be mappings, or pairs", detail=str(error)) from None

    def _now(self) -> int:
        """Return the time in our precision; in ns no two points have the same, or the second would replace the first."""
        self._last = max(time.time_ns(), self._last + 1)
        return self._last * FACTORS[self._precision] // 10**9

    def _close_bucket(self) -> None:
        if self._bucket:
            self._uploader.put(self._bucket)
            self._bucket, self._room = [], self._connection.options.output_bucket_max_size

    async def flush(self) -> None:
        """Return when every point handed over before this call is written, or refused for good."""
        self._close_bucket()
        await self._uploader.drained()

    async def on_stop(self) -> None:
        """Stop sending."""
        await self._uploader.stop()

    async def _upload(self, bucket: list[_Point]) -> list[_Point] | None:
        """Write a bucket; where the server finds fault, find the points at fault by halves: writing a point twice is harmless."""
        parts = [bucket[:]]
        try:
            while parts:
                part = parts[-1]
                try:
                    await self._connection.write(b"".join([line for line, _, _ in part]))
                except Refused as error:
                    parts.pop()
                    if len(part) == 1:
                        self._refuse(*part[0], error)
                    else:
                        middle = len(part) // 2
                        parts += [part[middle:], part[:middle]]
                else:
                    parts.pop()
        finally:
            bucket[:] = [one for part in reversed(parts) for one in part]  # no more than these are tried again
        return None

    def _refuse(self, line: bytes, context: Context, event: Event, error: Refused) -> None:
        refused = NotWritten(error.message, detail=error.detail)
        self.Pipeline.reject(self, context, event, refused)

    def _paused(self, on: bool) -> None:
        self.App.PubSub.publish(f"InfluxDBConnection.{'pause' if on else 'unpause'}!", self._connection)

"""AnomalyManager: opens, continues and closes anomalies."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..abc import Context, Event, Processor
from ..abc.anomaly import Anomaly
from ..abc.processor import ConcurrencyOptions
from ..abc.state import SharedState
from ..codec import Unencodable, encode
from ..config import Seconds, option
from ..errors import ProcessingError
from ..event_time import seconds_of
from .general import GeneralAnomaly
from .storage import STORAGE_INPUT, AnomalyStorage, AnomalyStorageOptions

if TYPE_CHECKING:
    from ..application import BSPumpApplication
    from ..pipeline import Pipeline

_CHUNK = 500  # anomalies looked at in one step of the loop


class AnomalyManagerOptions(ConcurrencyOptions, AnomalyStorageOptions):
    """When anomalies are over, and where they go; of a storage that is given, its own options count."""

    tick_period: Seconds = option(10.0, "seconds from one look for anomalies that are over to the next", gt=0)
    anomaly_storage_pipeline_source: str = option(
        STORAGE_INPUT, "source that anomalies are sent to; empty: they are not sent", refers="input"
    )
    connection: str = option(
        "", "ElasticSearchConnection that anomalies are loaded from, once for each store; empty: they are not",
        refers="connection", example="Search",
    )  # fmt: skip


class AnomalyManager(Processor):
    """Keep anomalies: an occurrence opens one for its type and dimensions, or continues it; after a quiet time it is closed.

    Occurrences with the same type and `key_dimensions`, each less than `quiet` seconds after the one before, are one anomaly.
    Time is that of the events; where none come, it goes on with the clock, from the newest. Types with a class of their own
    decide for themselves what belongs together and when it is over, see `Anomaly`.

    Each anomaly that is new, has changed or is closed is sent to the storage pipeline, once for each barrier, as a dict with
    `_id`, `@timestamp`, `id`, `type`, `key_dimensions`, `status` (`open`, `closed`), `started`, `updated`, `closed`,
    `occurrences` and `details`. Anomalies are stored with the barrier, at the cost of what has changed: a crash counts nothing
    twice. They are over all of the input that a process reads: run such a pipeline with one worker.

    In: a dict with `type`, `key_dimensions` (name -> text or number), `timestamp` and, if there are any, `details`, as
    AnomalyAnalyzer makes them. Out: the same, unchanged. Raises: ProcessingError, if it is no such dict.

    Example:
        pipelines:
          - id: Alarms
            sources:
              - class: IteratorSource
                args:
                  iterator:
                    - {"@timestamp": 1000, type: login, user_id: u1}
                    - {"@timestamp": 1200, type: login, user_id: u1}
                    - {"@timestamp": 9000, type: login, user_id: u1}
            processors:
              - {class: AnomalyAnalyzer, config: {key_dimensions: {default: user_id}}}
              - {class: AnomalyManager, config: {quiet: 10m}}
            sink: {class: NullSink}
          - id: AnomalyStoragePipeline
            sources: [{class: InternalSource}]
            sink: {class: PPrintSink}
    """

    class Options(AnomalyManagerOptions):
        """When anomalies are over, and where they go."""

    def __init__(
        self, app: BSPumpApplication, pipeline: Pipeline, anomaly_storage: AnomalyStorage | None = None,
        anomaly_classes: Iterable[type[Anomaly]] = (), id: str | None = None, config: Mapping[str, Any] | None = None,
    ) -> None:  # fmt: skip
        """See `Processor`.

        Args:
            app: The application.
            pipeline: The pipeline.
            anomaly_storage: Where anomalies are kept; several managers may share one. Left out: one of its own.
            anomaly_classes: Classes of anomalies that are not general ones.
            id: Name within the pipeline.
            config: Options.
        """
        super().__init__(app, pipeline, id, config)
        self.AnomalyStorage = self._own_storage() if anomaly_storage is None else anomaly_storage
        self.AnomalyStorage.add_classes(anomaly_classes)
        if self.AnomalyStorage.Pipeline is None:
            self.AnomalyStorage.set_pipeline(pipeline)
        self._last: tuple[float | None, float] = None, 0.0  # the watermark, and the clock when it was seen first
        self._serving: asyncio.Task[None] | None = None

    def _own_storage(self) -> AnomalyStorage:
        options = self.options
        config = {name: getattr(options, name) for name in AnomalyStorageOptions.declarations()}
        return AnomalyStorage(
            self.App,
            options.connection or None,
            (),
            options.anomaly_storage_pipeline_source,
            id=self.locate_address(),
            config=config,
        )

    def shared_states(self) -> Sequence[SharedState]:
        """See `ProcessorBase`: the anomalies."""
        return [self.AnomalyStorage.state]

    async def on_start(self) -> None:
        """Find where anomalies go, begin to load them if they are elsewhere, and to look at them now and then."""
        self.AnomalyStorage.open(self.Pipeline)
        loads = self.AnomalyStorage.loads
        if loads:
            self.Pipeline.throttle(self)  # an occurrence would open what is open already
        self._serving = self.Pipeline.start_service(self._serve(loads), self)

    async def _serve(self, loads: bool) -> None:
        if loads:
            await self.AnomalyStorage.load()
            self.Pipeline.throttle(self, False)
        while True:
            await asyncio.sleep(self.options.tick_period)
            await self.on_tick(self._current_time())

    def _current_time(self) -> float:
        """Return the time of the newest event and the seconds since it came, as exactly as the ticks."""
        clock, watermark = float(self.Loop.time()), self.AnomalyStorage.watermark
        if watermark is None:
            return self.time()
        if self._last[0] != watermark:
            self._last = watermark, clock
        return watermark + clock - self._last[1]

    async def on_tick(self, current_time: float) -> None:
        """Close what is over, forget what is long over; called every `tick_period` seconds, and when the input has ended."""
        storage = self.AnomalyStorage
        for number, anomaly in enumerate(storage.opened(), 1):
            before = dict(anomaly)
            await anomaly.on_tick(current_time)
            if anomaly != before:
                storage.changed(anomaly)
                self.Pipeline.committer.touch()
            if number % _CHUNK == 0:
                await asyncio.sleep(0)
        storage.forget(current_time)

    def process(self, context: Context, event: Event) -> Event:
        """Open an anomaly, or continue one."""
        kind, dimensions, timestamp, details = _read(event)
        storage = self.AnomalyStorage
        anomaly = storage.newest(dimensions, kind)
        if anomaly is not None and not anomaly.continues(timestamp):
            if not anomaly.is_closed():
                anomaly.close(anomaly.over_since())
                storage.changed(anomaly)
            anomaly = None
        if anomaly is None:
            anomaly = self.create_anomaly(dimensions, timestamp, kind)
        elif anomaly.is_closed() and timestamp > anomaly["updated"]:
            anomaly.reopen()
        anomaly.add(timestamp, details)
        storage.changed(anomaly)
        if storage.watermark is None or timestamp > storage.watermark:
            storage.watermark = timestamp
        return event

    def create_anomaly(self, key_dimensions: Mapping[str, Any], timestamp_started: float, anomaly_type: str) -> Anomaly:
        """Open an anomaly and return it; override it to fill in more.

        Args:
            key_dimensions: Name -> value: who or what it is about.
            timestamp_started: UNIX seconds.
            anomaly_type: Its type.
        """
        return self.AnomalyStorage.new(key_dimensions, timestamp_started, anomaly_type)

    async def flush(self) -> None:
        """Send what has changed."""
        await self.AnomalyStorage.flush()

    async def on_end_of_input(self) -> None:
        """Close what is over by the time of the newest event; what may go on stays open."""
        await self.AnomalyStorage.flush()
        if self.AnomalyStorage.watermark is not None:
            await self.on_tick(self.AnomalyStorage.watermark)
        await self.AnomalyStorage.flush()

    async def on_stop(self) -> None:
        """Look no more."""
        if self._serving is not None:
            self._serving.cancel()
            await asyncio.wait([self._serving])
            self._serving = None

    def rest_get(self) -> dict[str, Any]:
        """Return what the web API shows of this part: how many anomalies there are, and those that are open, at most 100."""
        storage = self.AnomalyStorage
        opened = storage.opened()
        return {
            **super().rest_get(),
            "Open": len(opened),
            "Closed": len(storage) - len(opened),
            "Anomalies": [dict(anomaly) for anomaly in opened[-100:]],
        }


def _read(event: Any) -> tuple[str, Mapping[str, Any], float, Mapping[str, Any]]:
    """Return type, dimensions, time and details of an occurrence.

    Raises:
        ProcessingError: It is none; before anything has changed.
    """
    try:
        kind, details = event.get("type") or GeneralAnomaly.TYPE, event.get("details") or {}
        dimensions, timestamp = event["key_dimensions"], event["timestamp"]
    except (AttributeError, KeyError, TypeError) as error:
        raise ProcessingError(
            "expected a dict with type, key_dimensions and timestamp", detail=repr(event)[:200],
            hint="put an AnomalyAnalyzer before",
        ) from error  # fmt: skip
    if not isinstance(kind, str) or not isinstance(details, Mapping):
        raise ProcessingError("expected a text as type, and a dict as details", detail=f"{kind!r}, {details!r}"[:200])
    if not isinstance(dimensions, Mapping) or not all(
        isinstance(name, str) and isinstance(value, str | int | float) for name, value in dimensions.items()
    ):
        raise ProcessingError("key_dimensions must be names with texts or numbers", detail=repr(dimensions)[:200])
    try:
        encode([dict(dimensions), dict(details)])
    except Unencodable as error:
        raise ProcessingError(
            "the details cannot be stored", detail=str(error), hint="leave such fields out"
        ) from error
    return kind, dimensions, seconds_of("timestamp", timestamp), details

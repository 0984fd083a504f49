"""Analyzer: watches events, and looks through what it has gathered now and then."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from ..abc import Context, Event, Processor
from ..abc.processor import ConcurrencyOptions
from ..config import Seconds, option

if TYPE_CHECKING:
    from ..application import BSPumpApplication
    from ..pipeline import Pipeline


class AnalyzerOptions(ConcurrencyOptions):
    """Options of every analyzer."""

    analyze_period: Seconds = option(60.0, "seconds from one look at what was gathered to the next", gt=0)
    alarms: str = option(
        "", "source that alarms are sent to; empty: they are logged only", refers="input", example="Alarms"
    )


class Analyzer(Processor):
    """Gather figures of events in `evaluate` and look through them in `analyze`; override both, and `predicate` to choose.

    With `analyze_on_clock`, `analyze` is called every `analyze_period` seconds, and once more when the input has ended.
    `self.alarm(...)` sends an event to the source that the option `alarms` names.

    In: any event. Out: the same, unchanged. Raises: what `evaluate` raises.

    Example:
        from bspump_like.analyzer import Analyzer


        class Largest(Analyzer):
            largest = 0

            def predicate(self, context, event):
                return "bytes" in event

            def evaluate(self, context, event):
                self.largest = max(self.largest, event["bytes"])

            def analyze(self):
                if self.largest > 1_000_000:
                    self.send_alarm({"largest": self.largest})
    """

    to_override: ClassVar[tuple[str, ...]] = ("evaluate",)

    class Options(AnalyzerOptions):
        """How often to look, and where alarms go."""

    def __init__(
        self,
        app: BSPumpApplication,
        pipeline: Pipeline,
        analyze_on_clock: bool = False,
        id: str | None = None,
        config: Mapping[str, Any] | None = None,
    ) -> None:
        """See `Processor`.

        Args:
            app: The application.
            pipeline: The pipeline.
            analyze_on_clock: Call `analyze` every `analyze_period` seconds.
            id: Name within the pipeline.
            config: Options.
        """
        super().__init__(app, pipeline, id, config)
        self.AnalyzeOnClock = analyze_on_clock
        self.AnalyzePeriod: float = self.options.analyze_period
        self._ticking: asyncio.Task[None] | None = None
        self._alarms: Any = None

    async def on_start(self) -> None:
        """Find where alarms go, and begin to look now and then."""
        if self.options.alarms:
            self._alarms = self.App.pump_service.connect_input(self.Pipeline, self.options.alarms)
        if self.AnalyzeOnClock:
            self.start_timer("Analyzer.tick!")

    def start_timer(self, event_type: str) -> None:
        """Begin to call `on_clock_tick` every `analyze_period` seconds; `event_type` is the contract's, nothing needs it."""
        if self._ticking is None:
            self._ticking = self.Pipeline.start_service(self._tick(), self)

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(self.AnalyzePeriod)
            await self.on_clock_tick()

    async def on_clock_tick(self) -> None:
        """Look through what was gathered; called every `analyze_period` seconds."""
        self.settle()
        result = self.analyze()
        if inspect.isawaitable(result):
            await result

    def settle(self) -> None:
        """Make sure that everything gathered can be looked at; called before `analyze`."""

    def predicate(self, context: Context, event: Event) -> bool:
        """Tell whether an event is to be evaluated; every one is, unless this is overridden."""
        return True

    def evaluate(self, context: Context, event: Event) -> None:
        """Gather what is of interest in an event; called on the event path for each that `predicate` has chosen."""

    def analyze(self) -> Any:
        """Look through what was gathered; may be `async def`. Called on the event loop: use numpy, not loops over rows."""

    def process(self, context: Context, event: Event) -> Event:
        """Evaluate the event if the predicate says so."""
        if self.predicate(context, event):
            self.evaluate(context, event)
        return event

    def send_alarm(self, alarm: Event) -> None:
        """Send an event to the source that `alarms` names; nothing happens without one."""
        if self._alarms is not None:
            self._alarms.accept({"analyzer": self.locate_address()}, alarm)

    async def on_end_of_input(self) -> None:
        """Look for the last time."""
        if self.AnalyzeOnClock:
            await self.on_clock_tick()

    async def on_stop(self) -> None:
        """Look no more."""
        if self._ticking is not None:
            self._ticking.cancel()
            await asyncio.wait([self._ticking])
            self._ticking = None


class MatrixAnalyzer(Analyzer):
    """An analyzer that keeps its figures in a matrix, its own or one that has an id."""

    to_override: ClassVar[tuple[str, ...]] = ("evaluate",)

    Matrix: Any

    def settle(self) -> None:
        """Bring in what processors have collected for the matrix."""
        self.Matrix.settle()

    def _own_or_located(self, matrix_id: str | None, make: Any) -> Any:
        """Return the matrix with the id, or a new one, `<id of this part>Matrix`, that the service knows from now on."""
        service = self.App.pump_service
        if matrix_id is not None:
            return service.locate_matrix(matrix_id)
        return service.add_matrix(make(f"{self.Id}Matrix"))

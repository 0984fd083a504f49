"""A pump under test: load it, mock parts of it, feed events, look at everything that happened."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import os
import types
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Self

from ..abc import Connection, Context, Event, Lookup, ProcessorBase, Sink, Source, TriggerSource
from ..abc.clock import set_wall_clock
from ..application import BSPumpApplication
from ..builder import PumpBuilder, construct_pumps
from ..builder.loader import Definition
from ..errors import ProcessingError
from ..pipeline import Pipeline
from .clock import Clock, ClockLoop
from .doubles import Answer, Recorder, answer_with, mock_connection, mock_lookup, mock_part, watch
from .entrance import Entrance
from .feed import Fed, FeedSource
from .findings import Findings
from .pump import fresh_application
from .running import Running, quiet, until
from .stores import MemoryStore

Pump = str | os.PathLike[str] | Mapping[str, Any] | Definition | type[Any] | Callable[[BSPumpApplication], Any]
"""What can be tried: a definition (its path, a dict, or loaded), the class of a pipeline or of an application, or a function that
takes the application and adds to it."""


class _Tried(BSPumpApplication):
    """What is different in an application under test, whatever its class: whose time it has, and that it reads no arguments."""

    clock: Clock
    clock_loop: ClockLoop

    def make_event_loop(self) -> asyncio.AbstractEventLoop:
        """Return the loop whose time the test can move."""
        return self.clock_loop

    def parse_arguments(self, args: Sequence[str] | None = None) -> Any:
        """Read no arguments: those of the process are the test runner's."""
        return super().parse_arguments(args=[])

    def time(self) -> float:
        """Return the time of the test's clock."""
        now = self.clock.now
        return float(super().time()) if now is None else now


class Trial(Findings):
    """Runs a pump in this process, by the same path as in production, and shows all of it.

        with Trial("cities.yaml") as trial:
            trial.mock("Cities.FileLineSink")
            trial.feed("Cities", {"name": "Brno", "population": "402739"})
            trial.run()
            assert trial.outputs("Cities") == [b'{"name":"Brno","population":402739}']

    Addresses are those of the pump: `Pipeline`, `Pipeline.Part`, `Pipeline.*Source`; and, as in the configuration file,
    `lookup:ID` and `connection:ID`.

    Args:
        *pumps: What to load; all of them into one application.
        config: Sections of the configuration file.
        store: A path, or a `MemoryStore` of an earlier run to go on from; a new one in memory when left out.
        clock: Where the clock stands, see `Clock`; None: it goes as always.
        allow: Modules that definitions may load.
        overrides: `PATH=VALUE` texts that change a definition.
        timeout: Seconds of real time that the pump may take for what it is asked.

    Raises:
        ConfigError: The pump cannot be built, with all that is wrong.
    """

    def __init__(
        self,
        *pumps: Pump,
        config: Mapping[str, Mapping[str, Any]] | None = None,
        store: str | MemoryStore | None = None,
        clock: float | str | datetime.datetime | None = None,
        allow: Iterable[str] = (),
        overrides: Iterable[str] = (),
        timeout: float = 20.0,
    ) -> None:
        """Build the pump; nothing runs before `start` or `run`."""
        _refuse_in_a_loop()
        self._left = contextlib.ExitStack()
        with contextlib.ExitStack() as building:
            path = store if isinstance(store, str) else ":memory:"
            self._loop = ClockLoop()
            building.callback(self._loop.close)
            self.clock = Clock(self._loop, clock)
            if self.clock.now is not None:
                building.callback(set_wall_clock, set_wall_clock(self._wall_time))
            applications, others = _parted(pumps)
            tried = {"clock": self.clock, "clock_loop": self._loop}
            settings = _settings(config or {}, moved=clock is not None)
            fresh = fresh_application(settings, path, application=type("Tried", (_Tried, *applications), tried))
            self.app: BSPumpApplication = building.enter_context(fresh)
            self.store = store.next_run() if isinstance(store, MemoryStore) else MemoryStore()
            if not isinstance(store, str):
                self.app.pump_service.store = self.store
            self._path = path
            self._load(others, tuple(allow), tuple(overrides))
            self._left = building.pop_all()
        self._recorders = {part: watch(part) for part in self._parts() if _is_whole(part)}
        self._feeds: dict[str, FeedSource] = {}
        self._running = Running(self.app, timeout)
        self._begun = False

    def _wall_time(self) -> float:
        now = self.clock.now
        assert now is not None
        return now

    def _load(self, pumps: Sequence[Pump], allow: Sequence[str], overrides: Sequence[str]) -> None:
        builders = []
        for pump in pumps:
            if isinstance(pump, type):
                self.app.pump_service.add_pipeline(pump(self.app))
            elif callable(pump):
                pump(self.app)
            else:
                builders.append(PumpBuilder(pump, allow=allow, overrides=overrides))
        construct_pumps(builders, self.app, self.app.pump_service)

    def __enter__(self) -> Self:
        """Return the trial."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: types.TracebackType | None
    ) -> None:
        """Stop the pump if it runs, and clean up; see `close`."""
        self.close()

    def close(self) -> None:
        """Stop the pump, if it runs, and leave nothing behind; what was recorded stays."""
        try:
            self.stop()
        finally:
            self._left.close()

    # Before it runs

    def mock(
        self, address: str, *, table: Mapping[Any, Any] | None = None, error: BaseException | str | None = None, **answer: Any
    ) -> Recorder | None:
        """Let a part answer as the test says, and open nothing.

        Args:
            address: A processor, generator or sink; `Pipeline.*Source` or a whole `Pipeline`'s sources, which then send only
                what `feed` gives them; `connection:ID`; `lookup:ID`.
            table: What a lookup holds.
            error: What a processor raises for every event; text becomes a ProcessingError.
            **answer: `output=`, the result for every event (a function is called with the event), or `outputs=`, one for
                each event in turn, errors among them. Without either a processor passes events on unchanged.

        Returns:
            What the part is called with; None for what is called with no events.

        Raises:
            KeyError: Nothing is there.
            RuntimeError: The pump runs already.
        """
        self._refuse_if_begun("mock")
        found = self[address]
        if isinstance(found, Lookup):
            mock_lookup(found, table or {})
        elif isinstance(found, Connection):
            mock_connection(found)
        elif isinstance(found, Source):
            self._replace_sources(found.Pipeline, [found])
        elif isinstance(found, Pipeline):
            self._replace_sources(found, [source for source in found.Sources if not source.passive])
        elif isinstance(found, ProcessorBase):
            self._recorders[found] = mock_part(found, self._answer(error, answer))
            return self._recorders[found]
        else:
            raise KeyError(f"'{address}' reaches nothing outside: look at it, trial['{address}'], or change it")
        return None

    def _answer(self, error: BaseException | str | None, answer: Mapping[str, Any]) -> Answer:
        return answer_with(error=ProcessingError(error) if isinstance(error, str) else error, **answer)

    def isolate(self, keep: Iterable[str] = ()) -> Self:
        """Mock all that reaches outside: sources, sinks that do not lead to another pipeline, connections.

        Lookups stay: their tables are part of what is tried. What the test has mocked already stays as it is.

        Args:
            keep: Addresses of what stays real all the same.

        Raises:
            KeyError: Nothing is at one of them.
        """
        self._refuse_if_begun("isolate")
        kept = [self[address] for address in keep]
        for pipeline in self.pipelines.values():
            outer = [source for source in pipeline.Sources if not (source.passive or isinstance(source, FeedSource))]
            self._replace_sources(pipeline, [source for source in outer if source not in kept])
        for part in self._parts():
            reaches_out = isinstance(part, Sink) and not hasattr(part, "route")
            if reaches_out and part not in kept and not self.is_mocked(part):
                self._recorders[part] = mock_part(part, answer_with())
        for connection in self.app.pump_service.Connections.values():
            if connection not in kept:
                mock_connection(connection)
        return self

    def is_mocked(self, part: ProcessorBase) -> bool:
        """Tell whether a part answers as the test says."""
        return part in self._recorders and self._recorders[part].mocked

    def _replace_sources(self, pipeline: Pipeline, replaced: Sequence[Source]) -> None:
        feeds = {source: FeedSource(self.app, pipeline, source.Id) for source in replaced}
        for source in replaced:
            self._feeds[source.locate_address()] = feeds[source]
            for trigger in getattr(source, "Triggers", ()):
                trigger.remove(source)
        pipeline.set_source([feeds.get(source, source) for source in pipeline.Sources])

    # Running

    def feed(self, address: str, *events: Event, contexts: Sequence[Context] | None = None) -> list[Fed]:
        """Send events into a pipeline; if the pump runs, wait until they have ended.

        Args:
            address: A pipeline, one of its sources (which sends nothing else then), or a part, to enter the pipeline there.
            *events: In order.
            contexts: As many.

        Returns:
            How each of them ended; complete when the pump has run.

        Raises:
            KeyError: Nothing is there.
            RuntimeError: The pump runs already, and nothing was fed there before.
        """
        found = self[address]
        before = found if isinstance(found, ProcessorBase) else None
        feed = self._feed_for(found if before is None else before.Pipeline)
        fed = feed.put(events, contexts, before)
        if self._begun:
            self._running.until(lambda: self._are_over(fed, feed.Pipeline), f"events fed to {address} to end")
            self.settle()
        return fed

    def _feed_for(self, found: Source | Pipeline) -> FeedSource:
        pipeline = found if isinstance(found, Pipeline) else found.Pipeline
        active = [source for source in pipeline.Sources if not source.passive]
        if isinstance(found, Source) and not found.passive:
            active = [found]
        for source in active:
            if isinstance(source, FeedSource):
                return source
        name = active[0].locate_address() if active else pipeline.Id
        if name not in self._feeds:
            self._refuse_if_begun("feed (for the first time)")
            if active:
                self._replace_sources(pipeline, active)
            else:
                entrance = Entrance(self.app, pipeline.Id)
                self.app.pump_service.add_pipeline(entrance)
                self._feeds[name] = entrance.feed
        return self._feeds[name]

    def _are_over(self, fed: Sequence[Fed], pipeline: Pipeline) -> bool:
        return all(one.outcome is not None for one in fed) or any(p.is_error() for p in self.pipelines.values())

    def start(self) -> Self:
        """Start the pump; it waits for what `feed` brings.

        Raises:
            PumpNotStarted: It gives up: a lookup cannot be loaded, a target is not there.
        """
        self._refuse_if_begun("start")
        self._begun = True
        self._running.start()
        return self

    def settle(self) -> Self:
        """Wait until all that was handed over is durable, unless a pipeline has halted."""
        self._running.wait(self._settled(barrier=True), "everything under way to be durable")
        return self

    def advance(self, seconds: float) -> Self:
        """Move the clock ahead, from timer to timer, and wait until what they have begun is over."""
        self._running.wait(self.clock.advance(seconds, lambda: self._settled(barrier=False)), f"{seconds} s to pass")
        return self.settle()

    async def _settled(self, *, barrier: bool) -> None:
        await quiet(self._loop)
        pipelines = self.pipelines.values()
        await until(lambda: any(p.is_error() for p in pipelines) or not any(map(_is_in_cycle, _sources(pipelines))))
        for committer in {pipeline.committer for pipeline in pipelines}:
            if (barrier or committer.in_flight) and not any(pipeline.is_error() for pipeline in committer.pipelines):
                await committer.commit()

    def run(self, timeout: float | None = None) -> Self:
        """Run the pump until its input ends: what was fed, and what sources that are not mocked have.

        Args:
            timeout: Seconds of real time for this step; those of the trial when left out.

        Raises:
            PumpTimeout: It did not end in time.
        """
        if not self._begun:
            self.start()
        for feed in self._feeds.values():
            feed.end()
        self._running.to_end(timeout)
        return self

    def stop(self) -> Self:
        """Stop the pump as SIGTERM does; it does nothing when the pump does not run."""
        if self._begun:
            self._running.stop()
        return self

    def _refuse_if_begun(self, what: str) -> None:
        if self._begun:
            raise RuntimeError(f"the pump has started: {what} before")


def _refuse_in_a_loop() -> None:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    raise RuntimeError("a trial runs an event loop of its own: use it in a plain test function, not in an async one")


def _parted(pumps: Sequence[Pump]) -> tuple[list[type[BSPumpApplication]], list[Pump]]:
    """Return the classes of applications, and the rest."""
    applications = [one for one in pumps if isinstance(one, type) and issubclass(one, BSPumpApplication)]
    return applications, [one for one in pumps if one not in applications]


def _settings(config: Mapping[str, Mapping[str, Any]], *, moved: bool) -> dict[str, Mapping[str, Any]]:
    """Return the configuration of a trial: what beats every second would stop a clock that is moved by a day 86,400 times."""
    ticks = {"tick_period": "86400", **config.get("general", {})}
    replays = {"bspump": {"replay_interval": "60", **config.get("bspump", {})}} if moved else {}
    return {**config, **replays, "general": ticks}


def _is_whole(part: ProcessorBase) -> bool:
    """Tell whether a part defines `process`; the pump says it at its start if one does not."""
    return "process" in vars(part) or type(part).process not in (ProcessorBase.process, Sink.process)


def _sources(pipelines: Iterable[Pipeline]) -> Iterable[Source]:
    return (source for pipeline in pipelines for source in pipeline.Sources)


def _is_in_cycle(source: Source) -> bool:
    return isinstance(source, TriggerSource) and source.TriggerEvent.is_set()


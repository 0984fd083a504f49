"""The pipeline: how one event goes from a source to a sink.

A source hands over a batch (`deliver`, in `intake.py`), the batch runs through the generated function of the first depth
(`chain.py`), and what leaves a generator or an asynchronous processor is pushed into the next depth (`inject`). Errors are
`failure.py`'s business, durability is `barrier.py`'s.
"""

from __future__ import annotations

import asyncio
import inspect
import operator
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import asab

from .abc import Context, Event, Generator, Outcome, Processor, ProcessorBase, Sink, Source
from .barrier import Committer
from .chain import Depth
from .config import Configurable, Options, Seconds, option
from .errors import ConfigError, ProcessingError
from .failure import Failures
from .inflight import AsyncStage, is_asynchronous
from .intake import Intake
from .leaving import GRACE
from .metrics import Counters, PipelineMetrics, Profile
from .readiness import PipelineLogger
from .settlement import KEY, Settling, note, tracker_of
from .supervision import supervise
from .walk import drain

if TYPE_CHECKING:
    from .application import BSPumpApplication

_CALLS_PER_YIELD = 1000  # single events, after which the loop gets its turn


class PipelineOptions(Options):
    """Options of every pipeline."""

    async_concurency_limit: int = option(1000, "tasks under way at once before the sources are throttled", ge=1)
    reset_profiler: bool = option(
        True, "kept for old configuration files; the profile is a running total", example=True
    )
    profile_every: int = option(10_000, "time the processors for one event in so many; 0: never", ge=0)
    on_error: Any = option(
        "stop", "what to do with an event that fails: stop, drop, dead_letter, {route: ...}, {retry: ...}"
    )
    error_scopes: list[Any] = option([], "policies for ranges of processors: [{from, to, types, on_error}]")
    commit_interval: Seconds = option(0.1, "least time between the beginnings of two barriers, in seconds", ge=0)
    max_in_flight: int = option(100_000, "events handed over but not yet durable, before the sources wait", ge=1)


_UNDEFINED = (ProcessorBase.process, Sink.process)


class _Nothing:
    """What `inject` returns, so that it may be awaited or not."""

    def __await__(self) -> Iterator[None]:
        return iter(())


_NOTHING = _Nothing()


class Pipeline(Intake, Configurable):
    """A chain of sources, processors, generators and a sink.

    Subclass it and call `self.build(...)` in the constructor, or make one and call `build` from outside.
    """

    class Options(PipelineOptions):
        """The options of a pipeline."""

    def __init__(self, app: BSPumpApplication, id: str | None = None, config: Mapping[str, Any] | None = None) -> None:
        """Make an empty pipeline; nothing runs before the service starts it.

        Args:
            app: The application.
            id: Name within the pump; the class name when empty.
            config: Options; wins over the section `[pipeline:ID]` of the configuration file.
        """
        self.Id = id or type(self).__name__
        Configurable.__init__(self, f"pipeline:{self.Id}", config, where=f"pipeline {self.Id}")
        Intake.__init__(self)
        self.App = app
        self.Loop = app.Loop
        self.PubSub = asab.PubSub(app)
        self.L = PipelineLogger(f"bspump_like.pipeline.{self.Id}")
        self.counters = Counters()
        self.profile = Profile()
        self.failures = Failures(self)
        self.committer = Committer(self)
        self.upstream: set[Pipeline] = set()
        """Pipelines that feed this one."""
        self.circle: frozenset[Pipeline] = frozenset()
        """Pipelines that it feeds and that feed it, itself among them; empty when it is in no circle."""
        self.flush_lock = asyncio.Lock()
        self.ended = False
        """True when all input has come to its end and what was held back for it has been sent on."""
        self.metrics: PipelineMetrics | None = None
        self.handles_errors = type(self).handle_error is not Pipeline.handle_error
        self.catches_errors = type(self).catch_error is not Pipeline.catch_error
        self._depths: list[Depth] = []
        self._calls = 0
        self._settling = Settling(self)
        self._until_sample = self.options.profile_every or -1

    # Making ready

    def on_rearranged(self) -> None:
        """Generate the event path anew when the parts change while it runs."""
        if self._depths:
            self._compile()

    def _compile(self) -> None:
        for stage in self._stages.values():
            stage.close()
        self._depths, self._stages = [], {}
        for number, processors in enumerate(self.Processors):
            last, end = processors[-1] if processors else None, None
            if last is not None and is_asynchronous(last):
                assert isinstance(last, Processor)
                self._stages[number] = self._stage(last, number)
                end = self._stages[number].submit
            self.add_depth(number)
            self._depths.append(Depth(processors, number, end, self._reporter(number), self.profile))

    def _stage(self, processor: Processor, depth: int) -> AsyncStage:
        index = len(self.Processors[depth]) - 1

        def leave(context: Context, result: Event) -> None:
            self.go_on_after(depth, index, context, None, result)

        def failed(context: Context, event: Event, error: BaseException) -> None:
            self.failures.failed(depth, index, error, context, (None,) * index + (event,))

        return AsyncStage(self, processor, leave, failed)

    def _reporter(self, depth: int) -> Any:
        def failed(index: int, error: BaseException, context: Context, inputs: tuple[Event, ...]) -> bool:
            return self.failures.failed(depth, index, error, context, inputs)

        return failed

    def locate_connection(self, app: BSPumpApplication, connection_id: Any) -> Any:
        """Return the connection with this id; a connection is handed back as it is.

        Raises:
            KeyError: There is none.
        """
        return app.pump_service.locate_connection(connection_id)

    # The event path

    async def process(self, event: Event, context: Context | None = None) -> None:
        """Run one event through the first depth; waits while the pipeline is not ready.

        When the event halts the pipeline this returns after somebody has cleared the error.
        """
        while not self._open:
            await self._ready.wait()
        self._calls += 1
        if not self._calls % _CALLS_PER_YIELD:
            await asyncio.sleep(0)
        depth, counters = self._depths[0], self.counters
        counters.events_in += 1
        if depth.is_last:
            failed = self.failures.count
            dropped = depth.push({} if context is None else context, event)
            counters.dropped += dropped
            counters.events_out += 1 - dropped - self.failures.count + failed
        else:
            counters.dropped += depth.push({} if context is None else context, event)
        self.committer.touch()
        if self._error is not None:
            await self.ready()

    def process_batch(self, events: Sequence[Event], contexts: Sequence[Context] | None = None) -> int:
        """Run events through the first depth, each with its own context; the primitive of the event path.

        Args:
            events: In order. The caller sees to it that the pipeline is ready.
            contexts: As many; new ones when left out.

        Returns:
            How many were taken; fewer than there are when one of them halted the pipeline.
        """
        depth, counters, failures = self._depths[0], self.counters, self.failures
        batch, count, failed, dropped = iter(events), len(events), failures.count, 0
        tracked = contexts is not None and count > 0 and KEY in contexts[0]
        if self._until_sample > 0 and count:
            self._until_sample -= count
            if self._until_sample <= 0 and not tracked:
                self._until_sample = self.options.profile_every
                first = {} if contexts is None else contexts[0]
                dropped = depth.function("one", profiled=True)(first, next(batch))
                contexts = contexts if contexts is None else contexts[1:]
        if self._error is not None:
            pass  # the sampled event halted the pipeline
        elif contexts is None:
            dropped += depth.run_events(batch)
        else:
            run = depth.function("pairs", tracked=True) if tracked else depth.run_pairs
            dropped += run(zip(contexts, batch, strict=False))
        taken = count - operator.length_hint(batch)
        counters.events_in += taken
        counters.dropped += dropped
        if depth.is_last:
            counters.events_out += taken - dropped - failures.count + failed
        return taken

    def inject(self, context: Context, event: Event, depth: int) -> _Nothing:
        """Push an event into a depth, with a copy of the context; a generator calls it. May be awaited or not."""
        self.push(depth, {**context}, event)
        return _NOTHING

    def push(self, depth: int, context: Context, event: Event, start: int = 0) -> None:
        """Run one event from processor `start` of a depth, and count how it ended."""
        if depth >= len(self._depths):
            raise ProcessingError(
                f"pipeline {self.Id} has no depth {depth}", hint="a generator must not be the last part"
            )
        if self.failures.halted:
            self.failures.wait_behind(depth, start, context, event)
            return
        one, failed = self._depths[depth], self.failures.count
        dropped = one.push(context, event, start)
        self.counters.dropped += dropped
        if one.is_last:
            self.counters.events_out += 1 - dropped - self.failures.count + failed

    def go_on_after(self, depth: int, index: int, context: Context, event: Event, result: Event) -> None:
        """Continue with the result of a processor that was run outside of the chain."""
        processor = self.processor_at(depth, index)
        if isinstance(processor, Sink):
            self.counters.events_out += 1
            tracker = tracker_of(context)
            if tracker is not None:
                tracker.reached(event)
        elif isinstance(processor, Generator):
            return
        elif result is None:
            self.counters.dropped += 1
            note(context, Outcome.DROPPED)
        elif index + 1 < len(self.Processors[depth]):
            self.push(depth, context, result, start=index + 1)
        else:
            self.push(depth + 1, context, result)

    # Errors

    def route_error(
        self, address: str, processor: ProcessorBase, error: BaseException, context: Context, event: Event
    ) -> None:
        """Hand a failed event to the source at `address`, with the error in its context."""
        source = self.App.pump_service.connect_input(self, address)
        described = {"type": type(error).__name__, "message": str(error), "processor": processor.locate_address()}
        source.accept({**context, "error": described}, event)

    def reject(self, processor: ProcessorBase, context: Context, event: Event, error: BaseException) -> None:
        """Take back an event that a sink was handed earlier and now knows can never be delivered; see `Failures.reject`."""
        self.failures.reject(processor, context, event, error)

    def handle_error(self, exception: BaseException, context: Context, event: Event) -> bool:
        """Override to decide on an error: True ignores it (the event is dropped, with a warning), False is an error.

        Not overridden, the `on_error` policy decides.
        """
        return False

    def catch_error(self, exception: BaseException, event: Event) -> bool:
        """Override to decide on an error, the seed's way: True is an error, False ignores it. See `handle_error`."""
        return True

    # What the committer asks

    async def drain_inputs(self) -> None:
        """Do the same as `take_inputs`; in a circle, until nothing goes round any more."""
        if self.circle:
            await drain(sorted(self.circle, key=lambda one: one.Id))
        await self.take_inputs()

    async def take_inputs(self) -> None:
        """Wait until everything other pipelines have sent so far has been taken."""
        for source in self.Sources:
            if source.passive:
                await source.drained()

    def is_exhausted(self) -> bool:
        """Tell whether no more input can come: every source has finished, and so has every pipeline that feeds this one.

        Those of a circle have no more input only together.
        """
        circle = self.circle or {self}
        sources = [source for pipeline in circle for source in pipeline.Sources]
        active = [source for source in sources if not source.passive]
        if not all(source.finished for source in active):
            return False
        if len(active) == len(sources):
            return True
        feeders = set[Pipeline]().union(*(pipeline.upstream for pipeline in circle)) - circle
        is_fed = bool(feeders) or (bool(self.circle) and bool(active))
        return is_fed and all(pipeline.ended for pipeline in feeders)

    # Lifecycle; the service calls it

    def prepare(self) -> None:
        """Make ready to run: settle the policies and generate the event path.

        Raises:
            ConfigError: The pipeline has no source or no processor, or a policy is wrong.
        """
        if not self.Sources:
            raise ConfigError(f"pipeline {self.Id} has no source", hint="give build() a source and a sink")
        if not any(self.Processors):
            raise ConfigError(f"pipeline {self.Id} has no processor and no sink", hint="give build() a source and a sink")
        for processor in self.iter_processors():
            if (
                not isinstance(processor, Generator)
                and type(processor).process in _UNDEFINED
                and "process" not in vars(processor)
            ):
                raise ConfigError(f"{processor.locate_address()} defines no process(context, event)")
            if isinstance(processor, Sink) and inspect.iscoroutinefunction(processor.process):
                raise ConfigError(
                    f"process() of the sink {processor.locate_address()} is a coroutine function, which nobody awaits",
                    hint="make it a plain def that remembers the event, and write in flush()",
                )
        self.failures.configure(self.options.on_error, self.options.error_scopes)
        self._compile()

    def start(self) -> None:
        """Start the sources."""
        self._started = True
        self._update_ready()
        self.PubSub.publish("bspump.pipeline.start!", pipeline=self)
        for source in self.Sources:
            source.start(self.Loop)

    async def stop(self) -> None:
        """Stop the sources; what they handed over stays in work."""
        for source in self.Sources:
            await source.stop()
        self._started = False
        self._update_ready()
        self.PubSub.publish("bspump.pipeline.stop!", pipeline=self)

    async def close(self) -> None:
        """Give up what is still under way; called after the last barrier. Its events settle as failed."""
        await self.give_up()
        self.failures.abandon()
        try:
            async with asyncio.timeout(GRACE):
                await self.drain(-1)  # what is settled only now
        except TimeoutError:
            await self.give_up()

    async def supervise(self, source: Source) -> None:
        """Run a source's `main` until it finishes; see `supervision.py`."""
        await supervise(self, source)

    # Facts

    def time(self) -> float:
        """Return the UNIX time in seconds, read from the loop's clock."""
        return float(self.App.time())

    def create_eps_counter(self) -> Any:
        """Return a new counter of events per second in asab's metrics, tagged with this pipeline; None without metrics."""
        service = self.App.get_service("asab.MetricsService")
        if service is None:
            return None
        names = ("eps.in", "eps.out", "eps.drop", "warning", "error")
        tags = {"pipeline": self.Id, "counter": str(id(object()))}
        return service.create_eps_counter("bspump.pipeline.eps", tags=tags, init_values=dict.fromkeys(names, 0))

    def rest_get(self) -> dict[str, Any]:
        """Return what the web API shows of this pipeline."""
        return {
            "Id": self.Id,
            "State": self.state(),
            "Ready": self._open,
            "Throttles": [str(getattr(who, "Id", who)) for who in self.get_throttles()],
            "Error": None if self._error is None else str(self._error[2]),
            "Metrics": self.counters.as_dict(),
            "Profile": self.profile.as_dict(),
            "Sources": [source.rest_get() for source in self.Sources],
            "Processors": [[processor.rest_get() for processor in depth] for depth in self.Processors],
            "Log": list(self.L.Deque),
        }

    def is_finite(self) -> bool:
        """Tell whether every source that is not fed by a pipeline ends by itself."""
        return all(source.is_finite() for source in self.Sources if not source.passive)

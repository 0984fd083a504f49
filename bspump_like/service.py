"""The pump service: the order in which a pump starts and stops."""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

import asab

from .abc import Backoff, Lookup, Source, TriggerSource
from .abc.state import SharedState
from .barrier import Committer, Stopping
from .claim import Claims
from .config import nearest
from .directory import Directory
from .errors import BSPumpError
from .leaving import GRACE, end_with_main_thread
from .metrics import PipelineMetrics
from .pipeline import Pipeline
from .readiness import Readiness
from .replay import replay_forever
from .secrecy import Secrets
from .settings import PumpSettings, StoreSettings
from .store import AsyncStore, Commit, Store, StoreError

if TYPE_CHECKING:
    from .application import BSPumpApplication

L = logging.getLogger(__name__)


class PumpService(Directory, asab.Service):
    """Starts and stops what stands in its directory; the service `bspump.PumpService` of the application."""

    def __init__(self, app: BSPumpApplication, service_name: str = "bspump.PumpService") -> None:
        """Register with the application; nothing runs before the application does."""
        asab.Service.__init__(self, app, service_name)
        Directory.__init__(self)
        self.secrets = Secrets()
        """What no log line and no answer may show."""
        self.store = AsyncStore()
        self._claims: Claims | None = None
        self.settings = PumpSettings("bspump")
        self.store_path = StoreSettings("store").options.path
        self.rerun = False
        """True: if the last run came to its end, start over instead of going on behind it."""
        self.from_start = False
        """True: forget all positions and snapshots at the start."""
        self.keeps_counts = False
        """True: each barrier stores the counters, so that they can be read when this process has been killed."""
        self._sharing: dict[SharedState, Pipeline] = {}
        """State that parts share -> the first pipeline that has a part in it."""
        self._background: set[asyncio.Task[Any]] = set()
        self._starting: asyncio.Task[None] | None = None
        self._running = self._started = self._ending = self._stopping = self._gave_up = False
        self._own_stops = 0
        self._force = asyncio.Event()
        app.PubSub.subscribe("Application.run!", self._on_run)
        app.PubSub.subscribe("Application.stop!", self._on_stop_signal)
        app.PubSub.subscribe("Application.tick/10!", self._on_tick)
        app.Loop.add_signal_handler(signal.SIGUSR1, self.clear_errors)

    # Start

    def _on_run(self, _message_type: str) -> None:
        if self._stopping:  # a signal came while the application was being made: asab has forgotten it
            self._own_stops += 1
            self.App.stop()
            return
        self._starting = self.App.Loop.create_task(self._start())

    async def _start(self) -> None:
        try:
            await self.store.open(self.store_path)
            self._claims = Claims(self.store_path)
            self._say_unused_sections()
            if self.settings.options.gc_threshold:
                gc.set_threshold(self.settings.options.gc_threshold, 20, 100)
            for connection in self.Connections.values():
                await connection.on_start()
            await self._load_lookups([lookup for lookup in self.Lookups.values() if not lookup.Lazy])
            for matrix in self.Matrixes.values():
                await matrix.on_start()
            self._running = True
            await self.start_pipelines(list(self.Pipelines.values()))
            for state in self._kept_states():
                if (stored := await self.store.call(Store.shared, state.Id)) is not None:
                    state.load(*stored)
            self.start_background(replay_forever(self), "replay of dead letters")
        except (BSPumpError, OSError) as error:
            L.error("cannot start: %s", error)
            self.App.stop(2)
        except Exception:
            L.exception("cannot start")
            self.App.stop(1)

    async def _load_lookups(self, lookups: list[Lookup]) -> None:
        """Load side by side: one whose master is away must not keep the others from being served to their slaves."""
        loading = [self.App.Loop.create_task(lookup.on_start()) for lookup in lookups]
        try:
            await asyncio.gather(*loading)
        except BaseException:
            for task in loading:
                task.cancel()
            await asyncio.wait(loading)
            raise

    def _say_unused_sections(self) -> None:
        """Warn of sections of the configuration file that no component has read: a typing error does nothing, silently."""
        parts = [part for p in self.Pipelines.values() for part in (p, *p.Sources, *p.iter_processors())]
        named = [*parts, *self.Connections.values(), *self.Lookups.values(), *self.Matrixes.values()]
        known = {getattr(part, "config_section", "") for part in named}
        for section in asab.Config.sections():
            if section.partition(":")[0] in ("pipeline", "connection", "lookup", "matrix") and section not in known:
                L.warning("nothing reads the section [%s] of the configuration (%s)", section, nearest(section, known))

    async def start_pipelines(self, pipelines: list[Pipeline]) -> None:
        """Start pipelines together: claim them, give them back what the store has, open their parts, let their sources send."""
        if self._claims is not None:
            await asyncio.to_thread(self._claims.take, [pipeline.Id for pipeline in pipelines])
        for pipeline in pipelines:
            pipeline.prepare()
        await self._forget_finished_run(pipelines)
        metrics: Any = self.App.get_service("asab.MetricsService")
        for pipeline in pipelines:
            if metrics is not None:
                pipeline.metrics = PipelineMetrics(pipeline, metrics)
            await self._restore(pipeline)
        await self._restore_shared(pipelines)
        for pipeline in pipelines:
            for processor in pipeline.iter_processors():
                await processor.on_start()
        await self._store_marks(pipelines)
        await self._note_running(pipelines)
        for pipeline in pipelines:
            pipeline.committer.on_ended = self._check_end
            pipeline.committer.start()
        self._started = True
        for pipeline in pipelines:
            pipeline.start()

    async def _forget_finished_run(self, pipelines: list[Pipeline]) -> None:
        ids = [pipeline.Id for pipeline in pipelines]
        finished = set(await self.store.call(Store.get_state, "run", "finished", []))
        if self.from_start:
            await self.store.call(Store.forget, ids)
        elif self.rerun:
            await self.store.call(Store.forget, [id for id in ids if id in finished])

    async def _note_running(self, pipelines: list[Pipeline]) -> None:
        """Note that pipelines are no longer at their end; only when they really start, so that a failed start changes nothing."""
        finished = set(await self.store.call(Store.get_state, "run", "finished", []))
        left = finished.difference(pipeline.Id for pipeline in pipelines)
        await self.store.call(Store.set_state, "run", {"finished": sorted(left)})

    async def _restore(self, pipeline: Pipeline) -> None:
        for source in pipeline.Sources:
            source.position = await self.store.call(Store.positions, pipeline.Id, source.Id)
        states = await self.store.call(Store.snapshots, pipeline.Id)
        for key, part in pipeline.parts():
            if key in states:
                part.restore(states.pop(key))
        for key in states:
            pipeline.L.warning(
                "the store has a snapshot of %s.%s, which is not in the pipeline any more", pipeline.Id, key
            )

    async def _restore_shared(self, pipelines: list[Pipeline]) -> None:
        """Find the states that pipelines share, put them back as they were, and give those that share one the same barriers."""
        for pipeline in pipelines:
            pipeline.find_states()
            for state in pipeline.states:
                first = self._sharing.get(state)
                if first is None and (stored := await self.store.call(Store.shared, state.Id)) is not None:
                    state.load(*stored)
                if first is None or self.Pipelines.get(first.Id) is not first:  # that one was removed
                    self._sharing[state] = pipeline
                elif first is not pipeline:
                    first.committer.absorb(pipeline.committer)
            for id in await self.store.call(Store.shared_by, pipeline.Id):
                if all(state.Id != id for state in pipeline.states):
                    pipeline.L.warning("the store has matrix %s, which no part of %s holds any more", id, pipeline.Id)

    def _kept_states(self) -> list[SharedState]:
        """Return the states that are stored though no part of a pipeline holds them."""
        return [matrix for matrix in self.Matrixes.values() if matrix.keeps and matrix not in self._sharing]

    async def _save_kept(self) -> None:
        saved = {state.Id: (list[str](), state.save()) for state in self._kept_states()}
        if saved:
            await self.store.call(Store.commit, Commit(shared=saved))
            for _, one in saved.values():
                one.done()

    async def _store_marks(self, pipelines: list[Pipeline]) -> None:
        """Store where the parts begin: what a crash before the first barrier leaves behind that is cut off, and no more.

        Without it such a start could not be told from one with another store. A mark goes before a snapshot, as at a barrier.
        """
        marks = {(p.Id, key): part.snapshot() for p in pipelines for key, part in p.stateful_parts()}
        marks |= {(p.Id, key): mark for p in pipelines for key, part in p.parts() if (mark := part.mark()) is not None}
        if marks:
            await self.store.call(Store.commit, Commit(snapshots=marks))

    # The end

    def on_pipeline_error(self, pipeline: Readiness) -> None:
        """Take note of a pipeline that has halted."""
        self.App.Loop.call_soon(self._check_end)

    def _check_end(self) -> None:
        """Stop the application when every input has come to its end, or can go no further."""
        active = [p for p in self.Pipelines.values() if any(not source.passive for source in p.Sources)]
        if not active or not self._running or self._ending:
            return
        # Where one has halted, no barrier passes through those that feed it, or that it feeds, either.
        halted = {id(p.committer) for p in self.Pipelines.values() if p.is_error()}
        once = [source for pipeline in active for source in pipeline.Sources if _runs_once(source)]
        if all(pipeline.ended for pipeline in active):
            self._ending = True  # each pipeline says when it has ended; a second stop would force the first
            self.start_background(self._finish_run(), "end of the run")
        elif once and all(source.finished for source in once) and all(p.ended for p in active if p.is_exhausted()):
            self._end()  # the contract: RunOnce ends the application, whatever else is running
        elif all(p.ended or (id(p.committer) in halted and p.is_finite()) for p in active):
            self._end(1)

    async def _finish_run(self) -> None:
        backoff = Backoff(0.5, 15.0)
        while True:
            try:
                finished = await self.store.call(Store.get_state, "run", "finished", [])
                await self.store.call(Store.set_state, "run", {"finished": sorted({*finished, *self.Pipelines})})
                break
            except StoreError as error:  # everything is delivered; only that the run is over is not noted yet
                L.log(logging.DEBUG if backoff.failures else logging.WARNING, "%s; trying again", error)
                await asyncio.sleep(backoff.next())
        self._end()

    def _end(self, code: int | None = None) -> None:
        """Stop the application, unless somebody has stopped it already: the second stop that people ask for forces the end."""
        self._ending = True
        if not self._stopping:
            self._own_stops = 1
            self.App.stop(code)

    def _on_stop_signal(self, _message_type: str, count: int = 1) -> None:
        self._ending = self._stopping = True  # an end of our own from now on would count as the second signal
        if count > 1 + self._own_stops:
            self._force.set()

    async def finalize(self, app: asab.Application) -> None:
        """Stop in order: sources, last barrier, parts, lookups, connections, store. Loses nothing, repeats nothing."""
        if self._starting is not None and not self._starting.done():
            self._starting.cancel()
            await asyncio.wait([self._starting])
        self._running = False
        pipelines = list(self.Pipelines.values())
        await self._cancel_background()
        for pipeline in pipelines:
            pipeline.committer.closing = True
        for pipeline in pipelines:
            for source in pipeline.Sources:
                if not source.passive:
                    await source.stop()
        if self._started:
            await asyncio.gather(*(self._finish(c) for c in {p.committer for p in pipelines}))
        for pipeline in pipelines:
            await pipeline.stop()
            await pipeline.close()
            for source in pipeline.Sources:
                await self._quietly(source.on_stop, source.locate_address())
            for processor in pipeline.iter_processors():
                await self._quietly(processor.on_stop, f"{pipeline.Id}.{processor.Id}")
        if self._started:
            await self._quietly(self._save_kept, "the store of states that no pipeline holds")
        for matrix in self.Matrixes.values():
            await self._quietly(matrix.on_stop, f"matrix {matrix.Id}")
        for lookup in self.Lookups.values():
            await self._quietly(lookup.on_stop, f"lookup {lookup.Id}")
        for connection in self.Connections.values():
            await self._quietly(connection.on_stop, f"connection {connection.Id}")
        await self.store.close()
        if self._claims is not None:
            self._claims.release()
        self.secrets.close()

    async def _finish(self, committer: Committer) -> None:
        names = ", ".join(pipeline.Id for pipeline in committer.pipelines)
        finish = asyncio.ensure_future(committer.finish())
        force = asyncio.ensure_future(self._force.wait())
        await asyncio.wait(
            {finish, force}, timeout=self.settings.options.stop_timeout, return_when=asyncio.FIRST_COMPLETED
        )
        force.cancel()
        reason = "a second signal came" if self._force.is_set() else "the time to stop is over"
        if finish.done():
            failure = finish.exception()
            if failure is None:
                return
            reason = str(failure)
            if not isinstance(failure, Stopping):
                L.error("%s: the last barrier failed", names, exc_info=failure)
        else:
            finish.cancel()
            await asyncio.wait([finish], timeout=GRACE)
            if not self._gave_up:
                self._gave_up = True
                end_with_main_thread(1)
        await committer.abort(GRACE)
        self.App.set_exit_code(1)
        blocked = f"; {committer.blocked_by}" if committer.blocked_by is not None else ""
        # A batch that has halted half way is not counted yet.
        taken = f"{committer.in_flight} events were taken since the last barrier and" if committer.in_flight else "what failed"
        L.warning("%s: %s%s; %s will be read again", names, reason, blocked, taken)

    async def _quietly(self, stop: Callable[[], Coroutine[Any, Any, None]], name: str) -> None:
        stopping = asyncio.ensure_future(stop())
        await asyncio.wait([stopping], timeout=GRACE if self._gave_up else None)
        if not stopping.done():
            L.warning("%s does not stop, it is left as it is", name)
            stopping.cancel()
            return
        try:
            await stopping
        except Exception:  # the others must be closed as well, and this one is said
            L.exception("%s failed to stop", name)

    # Beside the pipelines

    def begin(self, start: Callable[[], Coroutine[Any, Any, Any]], name: str) -> None:
        """Start what was added while the pump runs; otherwise it starts with all others."""
        if self._running:
            self.start_background(start(), name)

    def start_background(self, coro: Coroutine[Any, Any, Any], name: str) -> None:
        """Run a coroutine beside the pipelines; a failure is logged with `name`, a stop cancels it."""
        task = self.App.Loop.create_task(coro, name=name)
        self._background.add(task)

        def done(task: asyncio.Task[Any]) -> None:
            self._background.discard(task)
            error = None if task.cancelled() else task.exception()
            if error is not None:
                L.error("%s failed: %s", name, error, exc_info=None if isinstance(error, BSPumpError) else error)

        task.add_done_callback(done)

    async def _cancel_background(self) -> None:
        background = set(self._background)
        for task in background:
            task.cancel()
        if background:
            await asyncio.wait(background)

    def clear_errors(self) -> None:
        """Clear the errors of all pipelines: the halted events are tried again. SIGUSR1 does it too."""
        for pipeline in self.Pipelines.values():
            pipeline.set_error(None, None, None)

    def _on_tick(self, _message_type: str) -> None:
        for pipeline in self.Pipelines.values():
            pipeline.failures.log_repeats()


def _runs_once(source: Source) -> bool:
    return isinstance(source, TriggerSource) and bool(source.Triggers) and all(t.exhausted for t in source.Triggers)





BSPumpService = PumpService
"""The name of the contract's later release."""

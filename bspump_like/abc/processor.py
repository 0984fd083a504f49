"""Processors: the steps of a pipeline between its sources and its sink."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from ..config import Options, option
from .delivery import Context, Event, Snapshot
from .part import PipelinePart
from .state import SharedState

if TYPE_CHECKING:
    from ..application import BSPumpApplication
    from ..pipeline import Pipeline


class ProcessorOptions(Options):
    """Options of every processor, generator and sink."""

    on_error: Any = option(
        None,
        "what to do with an event that fails here: stop, drop, dead_letter, {route: ADDRESS} or {retry: {...}}; "
        "empty: the pipeline decides",
        example="dead_letter",
    )


class ProcessorBase(PipelinePart):
    """What processors, generators and sinks have in common.

    Every method but `process` has a default that does nothing: override what the part needs.
    """

    to_override: ClassVar[tuple[str, ...]] = ("process",)

    class Options(ProcessorOptions):
        """Only the common options."""

    threaded: ClassVar[bool] = False

    def __init__(
        self, app: BSPumpApplication, pipeline: Pipeline, id: str | None = None, config: Mapping[str, Any] | None = None
    ) -> None:
        """See `PipelinePart`."""
        super().__init__(app, pipeline, id, config)
        self.PipelineDepth = 0

    def process(self, context: Context, event: Event) -> Event:
        """Turn one event into the next; called for every event, in order, on the event loop.

        Return None to drop the event. May be `async def` in a `Processor`: then the next depth begins behind it.

        Args:
            context: The dict beside the event.
            event: What the part before returned.

        Raises:
            Drop: Drop the event, as returning None does.
            Reject: The event is bad input.
            Exception: Anything else; the `on_error` policy decides.
        """
        raise NotImplementedError(f"{type(self).__name__} defines no process(context, event)")

    event_function: ClassVar[Callable[[Any], Any] | None] = None
    """For a `process` that does no more than call a function with the event: that function. The chain calls it instead, which
    saves the call of a method for every event; what it raises goes through `explain`. A subclass with a `process` of its own
    need not care: this counts only beside the `process` of the class that says it."""

    def explain(self, event: Event, error: Exception) -> Exception:
        """Return the error for a person, for one that `event_function` has raised."""
        return error

    async def on_start(self) -> None:
        """Open what the part needs; called once before the pipeline's sources start, after `restore`."""

    async def on_stop(self) -> None:
        """Close it; called once after the last barrier."""

    async def on_end_of_input(self) -> None:
        """Send on what was held back: all sources have finished and everything before this part has passed it.

        Called once, in the order of the chain, before the last barrier. Not called when the pump is stopped midway.
        """

    async def flush(self) -> None:
        """Return when everything handed over before this call is durable downstream.

        Called once per barrier, never twice at a time; new events may arrive meanwhile and may be written too.

        Raises:
            DeliveryError: It is not durable. Keep the events: the barrier is tried again and nothing is committed.
        """

    def mark(self) -> Snapshot:
        """Return what `restore` needs to cut off what a crash left half written; called right after `flush`."""
        return None

    def snapshot(self) -> Snapshot:
        """Return the state that belongs to exactly the events of a barrier; called on the loop between two batches.

        The value must not change with later events: copy what is mutable.
        """
        return None

    def restore(self, state: Snapshot) -> None:
        """Take back what `snapshot` (or `mark`, for a part without a snapshot) returned; called before `on_start`."""

    def shared_states(self) -> Sequence[SharedState]:
        """Return state outside of this part that its events change: what of it stands in an attribute, a matrix for example.

        Asked once, before the pipeline starts. Override it to return nothing in a part that only reads.
        """
        return [value for value in vars(self).values() if isinstance(value, SharedState)]

    def locate_address(self) -> str:
        """Return the address of this part: `Pipeline.Id`."""
        return f"{self.Pipeline.Id}.{self.Id}"

    def rest_get(self) -> dict[str, Any]:
        """Return what the web API shows of this part."""
        return {"Id": self.Id, "Class": type(self).__name__, "PipelineDepth": self.PipelineDepth}


class ConcurrencyOptions(ProcessorOptions):
    """Options of processors that wait for something."""

    concurrency: int = option(100, "events in work at the same time when process() is async or threaded", ge=1)


class Processor(ProcessorBase):
    """A step that turns one event into one event, or drops it by returning None.

    `process` may be `async def`: up to `concurrency` events are then in work at once, and leave in the order in which
    they came.
    """

    to_override: ClassVar[tuple[str, ...]] = ("process",)

    class Options(ConcurrencyOptions):
        """The common options and `concurrency`."""

    process_at_once: Callable[[Context, Event], Event] | None = None
    """For an `async def process` that often has nothing to wait for, since a task costs many times what a call does.

    It is called first, on the event path, for every event; what it returns or raises counts as the result of `process`. It
    returns `NotImplemented` when something must be awaited: then `process` is called.
    """


class ThreadedProcessor(Processor):
    """A processor whose `process` blocks (a database driver, a large computation): it runs in threads.

    Up to `concurrency` events at a time; they leave in the order in which they came. `process` must be thread-safe and
    must not touch the pipeline.
    """

    to_override: ClassVar[tuple[str, ...]] = ("process",)

    threaded: ClassVar[bool] = True

    class Options(ConcurrencyOptions):
        """The common options with fewer events at once, since each takes a thread."""

        concurrency: int = option(4, "threads; so many events are in work at the same time", ge=1, le=64)

"""Settlement: how one event ended, told to the source that asked, exactly once.

A tracker travels in the context of an event and of everything made from it. Whoever keeps such an event for later (a task,
a queue, a retry) holds the tracker; when nobody holds it any more, the worst outcome that was noted is the event's end.
Sources that do not ask have no tracker, and nothing is allocated for them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from .abc.delivery import Context, Event, Outcome

if TYPE_CHECKING:
    from .abc import Source
    from .pipeline import Pipeline

KEY = "bspump.settlement"
"""Where the tracker stands in a context."""


class Tracker:
    """Follows one event of a source that asked.

    Args:
        context: The context that the source handed over.
        settled: Called once with this tracker, when nobody holds it any more.
    """

    __slots__ = ("_holds", "_settled", "context", "error", "outcome", "result")

    def __init__(self, context: Context, settled: Callable[[Tracker], None]) -> None:
        """Begin with one hold: the creator's."""
        self.context = context
        self.outcome = Outcome.DROPPED
        self.result: Event = None
        self.error: BaseException | None = None
        self._settled = settled
        self._holds = 1

    def note(self, outcome: Outcome, error: BaseException | None = None) -> None:
        """Take the end of one of the events made from the tracked one; the worst counts."""
        if outcome >= self.outcome:
            self.outcome = outcome
            self.error = error if error is not None else self.error

    def reached(self, result: Event) -> None:
        """Note that a sink took `result`."""
        if self.outcome <= Outcome.PROCESSED:
            self.outcome = Outcome.PROCESSED
        self.result = result

    def __deepcopy__(self, memo: object) -> Tracker:
        """Return itself: a copy of a context still belongs to the same event."""
        return self

    def hold(self) -> None:
        """Keep the settlement open: an event made from the tracked one is still on its way."""
        self._holds += 1

    def release(self) -> None:
        """Give a hold back; the last one settles."""
        self._holds -= 1
        if self._holds == 0:
            self._settled(self)


def tracker_of(context: Context | None) -> Tracker | None:
    """Return the tracker in `context`, None when nobody asked."""
    found: Tracker | None = context.get(KEY) if context else None
    return found


def note(context: Context, outcome: Outcome, error: BaseException | None = None) -> None:
    """Note an outcome if somebody asked for it."""
    tracker = tracker_of(context)
    if tracker is not None:
        tracker.note(outcome, error)


def hold(context: Context | None) -> None:
    """Hold the tracker in `context`, if there is one."""
    tracker = tracker_of(context)
    if tracker is not None:
        tracker.hold()


def release(context: Context | None) -> None:
    """Release the tracker in `context`, if there is one."""
    tracker = tracker_of(context)
    if tracker is not None:
        tracker.release()


class Settling:
    """Tells the sources of one pipeline how their events have ended.

    Args:
        pipeline: Its tasks do the telling, so that barriers wait for it.
    """

    def __init__(self, pipeline: Pipeline) -> None:
        """Begin with nothing to tell."""
        self._pipeline = pipeline
        self._settled: deque[tuple[Source, Tracker]] = deque()

    def track(self, source: Source, events: Sequence[Event], contexts: Sequence[Context] | None) -> Sequence[Context]:
        """Return the contexts of events, each with a tracker that is held once; new ones when there are none."""
        # A source may make contexts when they are asked for; from here on there is one of each.
        contexts = [{} for _ in events] if contexts is None else list(contexts)

        def settled(tracker: Tracker) -> None:
            del tracker.context[
                KEY
            ]  # the tracker knows its context: without this only the garbage collector frees them
            self._settled.append((source, tracker))
            if len(self._settled) == 1:
                self._pipeline.ensure_future(self._tell())

        for context in contexts:
            context[KEY] = Tracker(context, settled)
        return contexts

    async def _tell(self) -> None:
        """Tell of all that end meanwhile: one task for a burst of events."""
        while self._settled:
            source, tracker = self._settled[0]
            try:
                await source.settle(tracker.context, tracker.outcome, tracker.result, tracker.error)
            except Exception as error:  # a defect of the source: the pipeline halts, the others are told all the same
                self._pipeline.set_error(tracker.context, None, error)
            self._settled.popleft()

"""Settlement: how one event ended, told to the source that asked, exactly once.

A tracker travels in the context of an event and of everything made from it. Whoever keeps such an event for later (a task,
a queue, a retry) holds the tracker; when nobody holds it any more, the worst outcome that was noted is the event's end.
Sources that do not ask have no tracker, and nothing is allocated for them.
"""

from __future__ import annotations

from collections.abc import Callable

from .abc.delivery import Context, Event, Outcome

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

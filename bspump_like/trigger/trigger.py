"""The base of all triggers: which of its sources run, which wait, which missed a firing."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self, TypeAlias

from ..config import Option, Seconds, nearest
from ..errors import ConfigError, Problem

if TYPE_CHECKING:
    from ..abc import TriggerSource
    from ..application import BSPumpApplication

Overlap: TypeAlias = Literal["skip", "queue"]
"""What becomes of a firing while the source is still in its cycle."""


class Trigger:
    """Starts a cycle of each of its sources whenever it fires; subclasses say when.

    A source gets its trigger in `build`: `FileLineSource(app, self).on(PeriodicTrigger(app, 60))`. All of it runs on the event
    loop; nothing here may be called from a thread.
    """

    to_override: ClassVar[tuple[str, ...]] = ()

    def __init__(
        self, app: BSPumpApplication, max_triggered: int | None = None, id: str | None = None, *, overlap: Overlap = "skip"
    ) -> None:
        """Have no sources yet.

        Args:
            app: The application.
            max_triggered: How many of the sources may be in a cycle at once; the others wait for their turn. None: all.
            id: Name of the trigger; the class name when empty.
            overlap: What becomes of a firing while the source is still in its cycle. `skip`: nothing. `queue`: one more
                cycle follows at once, however many firings were missed.

        Raises:
            ConfigError: A value that does not fit.
        """
        self.Id = id or type(self).__name__
        self.App = app
        self.Loop = app.Loop
        self.Sources: set[TriggerSource] = set()
        self.Paused = False
        self.LastFireAt = 0.0
        """The loop's time of the last firing, in seconds; 0 before the first."""
        self.overlap: Overlap = self._argument("overlap", overlap, Overlap, "skip or queue")
        self.max_triggered: int | None = self._argument("max_triggered", max_triggered, int | None, "a number of sources", ge=1)
        self._running: set[TriggerSource] = set()
        # Insertion order is the order of waiting; a dict is the ordered set of the standard library.
        self._waiting: dict[TriggerSource, None] = {}

    @classmethod
    def construct(cls, app: BSPumpApplication, definition: Mapping[str, Any]) -> Self:
        """Return the trigger that a definition describes: its `id` and `args`.

        Raises:
            ConfigError: An argument that the trigger does not have, that is missing, or whose value does not fit.
        """
        args = {**definition.get("args", {})}
        known = inspect.signature(cls).parameters
        problems = [
            Problem(f"unknown argument '{name}'", ("args", name), hint=nearest(name, set(known) - {"app", "id"}))
            for name in args
            if name not in known or name in ("app", "id")
        ]
        problems += [
            Problem(f"argument '{name}' must be set", ("args", name))
            for name, parameter in known.items()
            if parameter.default is parameter.empty and name != "app" and name not in args
        ]
        if problems:
            raise ConfigError(problems)
        return cls(app, id=definition.get("id"), **args)

    @property
    def exhausted(self) -> bool:
        """Tell whether the trigger will never fire again; its sources finish with the cycle they are in."""
        return False

    def add(self, source: TriggerSource) -> None:
        """Fire for `source` too from now on; `source.on(trigger)` calls it."""
        self.Sources.add(source)

    def remove(self, source: TriggerSource) -> None:
        """Fire for `source` no more; a cycle under way goes on. KeyError when it was never added."""
        self.Sources.remove(source)
        self._waiting.pop(source, None)
        self._running.discard(source)
        self._start_waiting()

    def fire(self) -> None:
        """Start a cycle of every source, as `overlap` and `max_triggered` allow; does nothing while paused."""
        if self.Paused:
            return
        self.LastFireAt = self.Loop.time()
        for source in self.Sources:
            self._fire_for(source)

    def done(self, trigger_source: TriggerSource) -> None:
        """Take note that a source has completed a cycle; the source calls it, for each of its triggers.

        The cycle may be one that another trigger of the source started.
        """
        self._running.discard(trigger_source)
        self._start_waiting()

    def pause(self, pause: bool = True) -> None:
        """Stop firing, or go on with `pause(False)`; cycles under way are completed, firings meanwhile are lost.

        Publishes `bspump.trigger.pause!` with `pause=` to the pipelines of the sources.
        """
        self.Paused = pause
        for source in self.Sources:
            source.Pipeline.PubSub.publish("bspump.trigger.pause!", pause=pause, asynchronously=True)
        self._start_waiting()

    def rest_get(self) -> dict[str, Any]:
        """Return what the web API shows of this trigger."""
        return {"Id": self.Id, "Class": type(self).__name__, "Paused": self.Paused, "Exhausted": self.exhausted}

    def _fire_for(self, source: TriggerSource) -> None:
        if source in self._waiting:
            return
        # The event stays set until the cycle has ended, whichever trigger has set it.
        busy = source.TriggerEvent.is_set()
        if busy and self.overlap == "skip":
            return
        if busy or self._full():
            self._waiting[source] = None
        else:
            self._start(source)

    def _start(self, source: TriggerSource) -> None:
        self._running.add(source)
        source.TriggerEvent.set()

    def _full(self) -> bool:
        return self.max_triggered is not None and len(self._running) >= self.max_triggered

    def _start_waiting(self) -> None:
        if self.Paused:
            return
        for source in list(self._waiting):
            if self._full():
                return
            if not source.TriggerEvent.is_set():
                del self._waiting[source]
                self._start(source)

    def _argument(self, name: str, value: Any, type: Any, help: str, **bounds: Any) -> Any:
        """Return an argument as the type it should have; a definition may spell it as text."""
        try:
            return Option(name, type, None, help, **bounds).convert(value)
        except (ValueError, TypeError) as error:
            problem = Problem(f"argument '{name}' has {value!r}: {error}", ("args", name), f"trigger {self.Id}", hint=help)
            raise ConfigError([problem]) from None

    def _seconds(self, name: str, value: Any) -> float:
        seconds: float = self._argument(name, value, Seconds, "seconds, or text with a unit such as 5m", gt=0)
        return seconds

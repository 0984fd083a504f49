"""What there is in a pump under test, and everything that happened in it."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

from ..abc import Context, Event, Generator, Outcome, ProcessorBase, Sink
from ..application import BSPumpApplication
from ..config import nearest
from ..errors import Drop
from ..pipeline import Pipeline
from ..store import DeadLetter, open_store
from .doubles import Call, Recorder
from .feed import Fed, FeedSource
from .running import Running
from .stores import MemoryStore


@dataclasses.dataclass(frozen=True)
class Failure:
    """An error that a part raised for an event.

    Attributes:
        address: Of the part, `Pipeline.Part`.
        event: What the part was given.
        error: What it raised.
    """

    address: str
    event: Event
    error: BaseException


class Findings:
    """The part of a trial that looks; it changes nothing."""

    app: BSPumpApplication
    store: MemoryStore
    _path: str
    _recorders: dict[ProcessorBase, Recorder]
    _feeds: dict[str, FeedSource]
    _running: Running

    # What there is

    @property
    def pipelines(self) -> dict[str, Pipeline]:
        """The pipelines by their ids."""
        return self.app.pump_service.Pipelines

    def __getitem__(self, address: str) -> Any:
        """Return what is at an address.

        Raises:
            KeyError: Nothing is there; the message names the nearest.
        """
        service = self.app.pump_service
        kind, _, id = address.partition(":")
        named: Mapping[str, Any] | None = {
            "lookup": service.Lookups, "connection": service.Connections, "matrix": service.Matrixes
        }.get(kind)  # fmt: skip
        found = named.get(id) if id and named is not None else service.locate(address)
        if found is None:
            raise KeyError(f"there is nothing at '{address}' ({nearest(address, self.addresses())})")
        return found

    def addresses(self) -> list[str]:
        """Return the addresses of all there is."""
        service, pipelines = self.app.pump_service, self.pipelines.values()
        return [
            *(pipeline.Id for pipeline in pipelines),
            *(source.locate_address() for pipeline in pipelines for source in pipeline.Sources),
            *(part.locate_address() for part in self._parts()),
            *(f"lookup:{id}" for id in service.Lookups), *(f"connection:{id}" for id in service.Connections),
            *(f"matrix:{id}" for id in service.Matrixes),
        ]  # fmt: skip

    def _parts(self) -> Iterable[ProcessorBase]:
        return (part for pipeline in self.pipelines.values() for part in pipeline.iter_processors())

    # What happened

    def recorder(self, address: str) -> Recorder:
        """Return what the part at an address was called with; of a pipeline, its last part.

        Raises:
            KeyError: There is no processor or sink.
        """
        found = self[address]
        if isinstance(found, Pipeline):
            found = list(found.iter_processors())[-1]
        if found not in self._recorders:
            raise KeyError(f"'{address}' is called with no events")
        return self._recorders[found]

    def calls(self, address: str) -> list[Call]:
        """Return the calls of a part: event, context, result, error of each."""
        return self.recorder(address).calls

    def outputs(self, address: str) -> list[Event]:
        """Return what came out: the events that a sink (or a pipeline's sink) was given, or that a processor returned."""
        recorder = self.recorder(address)
        return recorder.events if isinstance(recorder.part, Sink | Generator) else recorder.results

    def contexts(self, address: str) -> list[Context]:
        """Return the contexts that a part was given, or a pipeline's sink."""
        return [call.context for call in self.calls(address)]

    def last_input(self, address: str) -> Event:
        """Return the last event that a part was given; None when it was given none."""
        return self.recorder(address).last_input

    @property
    def fed(self) -> list[Fed]:
        """Every event that was fed, and how it ended."""
        return [fed for feed in self._feeds.values() for fed in feed.fed]

    @property
    def outcomes(self) -> list[Outcome | None]:
        """How each event that was fed ended; None where it is under way or halted."""
        return [fed.outcome for fed in self.fed]

    @property
    def errors(self) -> list[Failure]:
        """Every error that a part raised, each try of it, by pipeline and part."""
        return [
            Failure(recorder.part.locate_address(), call.event, call.error)
            for recorder in self._recorders.values() for call in recorder.calls
            if call.error is not None and not isinstance(call.error, Drop)
        ]  # fmt: skip

    @property
    def halted(self) -> dict[str, str]:
        """Pipelines that halted -> why."""
        return {id: pipeline.state() for id, pipeline in self.pipelines.items() if pipeline.is_error()}

    @property
    def dead_letters(self) -> list[DeadLetter]:
        """What the store keeps of events that failed, oldest first; events that halted a pipeline are not among them."""
        if self._path == ":memory:":
            return self.store.dead_letters()
        with contextlib.closing(open_store(self._path)) as store:
            return store.dead_letters()

    @property
    def exit_code(self) -> int | None:
        """The exit code of `pump run`, None while it runs."""
        return self._running.exit_code

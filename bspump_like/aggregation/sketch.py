"""SketchAggregator: figures by group in little memory."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..abc import Context, Event, Generator, Outcome, ProcessorOptions
from ..abc.state import SharedState
from ..codec import decode, encode
from ..config import Seconds, option
from ..errors import ConfigError, ProcessingError
from ..settlement import KEY, note
from .figures import Figure, parse_figures

if TYPE_CHECKING:
    from ..application import BSPumpApplication
    from ..pipeline import Pipeline

_CHUNK = 100  # groups sent on in one step of the loop
_NUMBERS = 12
"""Digits of a group's number as the name of a stream: names of streams are sorted as text."""


def _checked(declared: Any) -> Any:
    parse_figures(declared)
    return declared


class Groups(SharedState):
    """The sketches of each group; a barrier writes the groups that have changed.

    Args:
        id: Name in the store.
        figures: What is kept of each group.
    """

    def __init__(self, id: str, figures: Sequence[Figure]) -> None:
        """Begin without groups."""
        self.Id = id
        self._figures = figures
        self.sketches: dict[Any, list[Any]] = {}
        self.changed: set[Any] = set()
        """Groups with events since the last barrier; whoever adds to a sketch of another one calls `change` before."""
        self._unstored: set[Any] = set()  # those that a barrier has taken and not stored yet
        self._numbers: dict[Any, int] = {}  # of the streams
        self._generation = 0  # how often all was forgotten
        self._known = False

    @property
    def layout(self) -> list[Any]:
        """What must be the same for a stored state to be ours."""
        return [[figure.name, figure.field] for figure in self._figures]

    def open(self, group: Any, sketches: list[Any] | None = None) -> list[Any]:
        """Begin a group; return its sketches."""
        made = [figure.new() for figure in self._figures] if sketches is None else sketches
        self.sketches[group] = made
        self.changed.add(group)
        self._numbers[group] = len(self._numbers)
        return made

    def change(self, group: Any) -> list[Any]:
        """Return the sketches of a group, which may change from now on until the next barrier."""
        self.changed.add(group)
        if group in self._unstored:  # a barrier is storing these: let it have them as they are
            self.sketches[group] = [
                figure.load(figure.dump(one)) for figure, one in zip(self._figures, self.sketches[group], strict=True)
            ]
        return self.sketches[group]

    def clear(self) -> None:
        """Forget all groups."""
        for kept in (self.sketches, self.changed, self._unstored, self._numbers):
            kept.clear()
        self._known = False
        self._generation += 1

    def save(self) -> SavedGroups:
        """See `SharedState`."""
        self._unstored |= self.changed
        self.changed.clear()
        if not self._known:
            self._unstored.update(self.sketches)
        taken = {f"{self._numbers[group]:0{_NUMBERS}}": (group, self.sketches[group]) for group in self._unstored}
        return SavedGroups(self, self._figures, taken, self._generation, not self._known)

    def stored(self, generation: int) -> None:
        """Take note that the groups that a barrier has taken are stored."""
        if generation == self._generation:
            self._known = True
            self._unstored.clear()

    def load(self, header: Mapping[str, Any], streams: Mapping[str, Sequence[bytes]]) -> None:
        """See `SharedState`."""
        if header["layout"] != self.layout:
            raise ConfigError(
                f"{self.Id} is declared differently from what the store holds: {header['layout']}, now {self.layout}",
                hint="give it another id, or start from the beginning",
            )
        for number in sorted(streams):
            group, dumped = decode(streams[number][0])
            self.open(group, [figure.load(one) for figure, one in zip(self._figures, dumped, strict=True)])
        self.changed.clear()
        self._known = True


class SavedGroups:
    """Groups at one barrier; see `Saved`."""

    durable = False

    def __init__(
        self, owner: Groups, figures: Sequence[Figure], taken: Mapping[str, tuple[Any, list[Any]]], generation: int, whole: bool
    ) -> None:  # fmt: skip
        """Take the groups; nobody changes their sketches until `done`, see `Groups.change`."""
        self.header: Mapping[str, Any] = {"layout": owner.layout}
        self.whole = whole
        self._owner, self._figures, self._taken, self._generation = owner, figures, taken, generation

    def changes(self) -> Iterator[tuple[str, int, bytes | None]]:
        """Yield the groups, as bytes: here, in a thread, since that takes long."""
        for stream, (group, sketches) in self._taken.items():
            dumped = [figure.dump(one) for figure, one in zip(self._figures, sketches, strict=True)]
            yield stream, 0, encode([group, dumped])

    def done(self) -> None:
        """Note that they are stored."""
        self._owner.stored(self._generation)


class SketchAggregator(Generator):
    """Estimate figures by group in memory that does not grow with the events; send one event a group at the end of the input.

        by: [path]
        figures:
          visitors: {distinct: client}
          micros: {quantiles: [micros, [0.5, 0.99]]}
          agents: {top: [agent, 5]}
          errors: {frequency: [status, ["500", "503"]]}

    With `period` the figures so far are also sent every so many seconds of the clock, and with `reset` they begin anew then.
    Sketches are those of Apache DataSketches. Values that are None or missing are left out.

    In: dict. Out: a dict with the fields of `by` and the figures. Raises: ProcessingError, if a value suits no figure.

    The sketches are stored with each barrier, those of groups that have changed, so a crash counts nothing twice. They are
    over all partitions of the sources: run such a pipeline with one worker.

    Example:
        pipelines:
          - id: Example
            sources:
              - class: IteratorSource
                args:
                  iterator:
                    - {path: /, client: a, micros: 10}
                    - {path: /, client: b, micros: 30}
                    - {path: /, client: a, micros: 20}
            processors:
              - class: SketchAggregator
                config:
                  by: path
                  figures: {visitors: {distinct: client}, micros: {quantiles: [micros, [0.5, 0.9]]}, clients: {top: [client, 1]}}
            sink: {class: PPrintSink}
    """

    class Options(ProcessorOptions):
        """Groups, figures, and when they are sent."""

        by: list[str] = option([], "fields that make a group; empty: one group of everything", example=["path"])
        figures: dict[str, Any] = option(
            help="name -> {distinct: field}, {quantiles: [field, [...]]}, {top: [field, n]} or {frequency: [field, [...]]}",
            parse=_checked,
            example={"visitors": {"distinct": "client"}},
        )
        period: Seconds | None = option(
            None, "seconds after which figures are sent; empty: at the end of the input", gt=0
        )
        reset: bool = option(False, "begin anew after each `period`")

    def __init__(
        self, app: BSPumpApplication, pipeline: Pipeline, id: str | None = None, config: Mapping[str, Any] | None = None
    ) -> None:
        """See `Generator`."""
        super().__init__(app, pipeline, id, config)
        self._by: list[str] = self.options.by
        self._figures: dict[str, Figure] = parse_figures(self.options.figures) if self.options.figures else {}
        self._preparing = [(figure.field, figure.prepare) for figure in self._figures.values()]
        self._groups = Groups(self.locate_address(), list(self._figures.values()))
        self._ticking: asyncio.Task[None] | None = None

    async def on_start(self) -> None:
        """Begin to send now and then."""
        if self.options.period is not None:
            self._ticking = self.Pipeline.start_service(self._tick(self.options.period), self)

    async def _tick(self, period: float) -> None:
        while True:
            await asyncio.sleep(period)
            await self._send(self.options.reset)

    def process(self, context: Context, event: Event) -> None:
        """Count the event in."""
        try:
            get = event.get
        except AttributeError:
            raise ProcessingError(f"expected a dict to count, got {type(event).__name__}") from None
        group = tuple([get(field) for field in self._by])
        groups = self._groups
        try:
            # All or nothing: what raises has counted nowhere.
            values = [None if (value := get(field)) is None else prepare(value) for field, prepare in self._preparing]
            sketches = groups.sketches.get(group) if group in groups.changed else None
            if sketches is None:
                sketches = groups.change(group) if group in groups.sketches else groups.open(group)
        except (TypeError, ValueError) as error:
            values = [get(field) for field in dict.fromkeys([*self._by, *(field for field, _ in self._preparing)])]
            raise ProcessingError("the event cannot be counted", detail=f"{error}, with {values}") from error
        for sketch, value in zip(sketches, values, strict=True):
            if value is not None:
                sketch.update(value)
        if KEY in context:
            note(context, Outcome.PROCESSED)  # it has arrived: the next barrier holds it

    def generate(self, context: Context, event: Event, depth: int) -> None:
        """Count the event in; the replay of a dead letter comes here."""
        self.process(context, event)

    def rows(self) -> list[dict[str, Any]]:
        """Return the figures as they are now, one dict a group."""
        rows = []
        for group, sketches in self._groups.sketches.items():
            results = [figure.result(one) for figure, one in zip(self._figures.values(), sketches, strict=True)]
            rows.append({**dict(zip(self._by, group, strict=True)), **dict(zip(self._figures, results, strict=True))})
        return rows

    async def _send(self, reset: bool) -> None:
        rows = self.rows()
        if reset:
            self._groups.clear()
        for number, row in enumerate(rows, 1):
            self.Pipeline.inject({}, row, self.PipelineDepth + 1)
            if number % _CHUNK == 0:
                await asyncio.sleep(0)  # a turn for the others; nothing is waited for

    async def on_end_of_input(self) -> None:
        """Send the figures on and begin anew."""
        await self._send(True)

    async def on_stop(self) -> None:
        """Send no more."""
        if self._ticking is not None:
            self._ticking.cancel()
            await asyncio.wait([self._ticking])

    def rest_get(self) -> dict[str, Any]:
        """Return what the web API shows of this part, with the number of groups."""
        return {**super().rest_get(), "Groups": len(self._groups.sketches)}

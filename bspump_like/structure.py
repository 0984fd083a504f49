"""What a pipeline consists of: sources, and processors in depths; and how its parts are found."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from .abc import Generator, ProcessorBase, Sink, Source
from .abc.state import SharedState
from .errors import ConfigError
from .inflight import is_asynchronous


class Structure:
    """The parts of one pipeline; the base of `Pipeline` that knows nothing of events.

    A generator and an asynchronous processor end a depth: what leaves them enters the next one, later.
    """

    Id: str

    def __init__(self) -> None:
        """Begin with no parts."""
        self.Sources: list[Source] = []
        self.Processors: list[list[ProcessorBase]] = [[]]
        self.states: list[SharedState] = []
        """States outside of the parts that the parts change; found when the pipeline starts."""

    def build(self, source: Source | Sequence[Source], *processors: ProcessorBase) -> None:
        """Set the sources and append the processors; the last is a sink.

        Raises:
            ConfigError: Something stands behind a sink.
        """
        self.set_source(source)
        for processor in processors:
            self.append_processor(processor)

    def set_source(self, source: Source | Sequence[Source]) -> None:
        """Set the source or the sources of the pipeline, in place of those it had."""
        self.Sources = list(source) if isinstance(source, Sequence) else [source]
        for one in self.Sources:
            self._check_instance(one, Source, "a source")

    def append_processor(self, processor: ProcessorBase) -> None:
        """Append a processor, generator or sink.

        Raises:
            ConfigError: The pipeline ends with a sink already.
        """
        self._arrange([*self.iter_processors(), processor])

    def remove_processor(self, processor_id: str) -> None:
        """Remove the processor with this id.

        Raises:
            KeyError: There is none.
        """
        kept = [processor for processor in self.iter_processors() if processor.Id != processor_id]
        if len(kept) == sum(map(len, self.Processors)):
            raise KeyError(f"Cannot find processor '{processor_id}' in pipeline '{self.Id}'")
        self._arrange(kept)

    def insert_before(self, id: str, processor: ProcessorBase) -> bool:
        """Insert `processor` before the one called `id`; return False if there is none."""
        return self._insert(id, processor, 0)

    def insert_after(self, id: str, processor: ProcessorBase) -> bool:
        """Insert `processor` after the one called `id`; return False if there is none."""
        return self._insert(id, processor, 1)

    def _insert(self, id: str, processor: ProcessorBase, offset: int) -> bool:
        processors = list(self.iter_processors())
        for index, existing in enumerate(processors):
            if existing.Id == id:
                self._arrange([*processors[: index + offset], processor, *processors[index + offset :]])
                return True
        return False

    def _arrange(self, processors: list[ProcessorBase]) -> None:
        """Split processors into depths: a generator and an asynchronous processor end theirs."""
        depths: list[list[ProcessorBase]] = [[]]
        for index, processor in enumerate(processors):
            self._check_instance(processor, ProcessorBase, "a processor or a sink")
            if index and isinstance(processors[index - 1], Sink):
                raise ConfigError(
                    f"pipeline {self.Id}: {processor.Id} stands behind the sink {processors[index - 1].Id}",
                    hint="a sink is the last part; use a TeeProcessor to send events to several places",
                )
            processor.PipelineDepth = len(depths) - 1
            if isinstance(processor, Generator):
                processor.set_depth(len(depths) - 1)
            depths[-1].append(processor)
            if (isinstance(processor, Generator) or is_asynchronous(processor)) and index < len(processors) - 1:
                depths.append([])
        self.Processors = depths
        self.on_rearranged()

    def _check_instance(self, part: object, kind: type, wanted: str) -> None:
        if isinstance(part, kind):
            return
        if isinstance(part, type):
            raise ConfigError(
                f"pipeline {self.Id}: build() got the class {part.__name__}",
                hint=f"make one: {part.__name__}(app, self)",
            )
        raise ConfigError(f"pipeline {self.Id}: build() got {part!r} where {wanted} belongs")

    def on_rearranged(self) -> None:
        """Take note that the processors have changed; called after every change."""

    def iter_processors(self) -> Iterator[ProcessorBase]:
        """Iterate over processors, generators and the sink, in order."""
        for processors in self.Processors:
            yield from processors

    def locate_source(self, address: str) -> Source | None:
        """Return the source with this id, None when there is none."""
        return next((source for source in self.Sources if source.Id == address), None)

    def locate_processor(self, processor_id: str) -> ProcessorBase | None:
        """Return the processor, generator or sink with this id, None when there is none."""
        return next((processor for processor in self.iter_processors() if processor.Id == processor_id), None)

    # Places and names of the parts

    def depth_count(self) -> int:
        """Return the number of depths."""
        return len(self.Processors)

    def processors_at(self, depth: int) -> list[ProcessorBase]:
        """Return the processors of a depth."""
        return self.Processors[depth]

    def processor_at(self, depth: int, index: int) -> ProcessorBase:
        """Return one processor by its place."""
        return self.Processors[depth][index]

    def index_at(self, depth: int, processor: ProcessorBase) -> int:
        """Return the place of a processor within its depth."""
        return self.Processors[depth].index(processor)

    def part_key(self, depth: int, index: int) -> str:
        """Return the name of a processor in the store: its id, with a number where an id comes several times."""
        wanted, seen = self.processor_at(depth, index), 0
        for processor in self.iter_processors():
            if processor.Id == wanted.Id:
                seen += 1
            if processor is wanted:
                break
        return wanted.Id if seen < 2 else f"{wanted.Id}#{seen}"

    def place_of(self, key: str) -> tuple[int, int] | None:
        """Return depth and index of the part that `part_key` named, None when there is none."""
        for depth, processors in enumerate(self.Processors):
            for index in range(len(processors)):
                if self.part_key(depth, index) == key:
                    return depth, index
        return None

    def parts(self) -> Iterator[tuple[str, ProcessorBase]]:
        """Iterate over the processors with their names in the store."""
        for depth, processors in enumerate(self.Processors):
            for index, processor in enumerate(processors):
                yield self.part_key(depth, index), processor

    def stateful_parts(self) -> Iterator[tuple[str, ProcessorBase]]:
        """Iterate over the processors that take snapshots."""
        return ((key, part) for key, part in self.parts() if type(part).snapshot is not ProcessorBase.snapshot)

    def flushed_parts(self, depth: int) -> Iterator[tuple[str, ProcessorBase]]:
        """Iterate over the processors of a depth that hold events back."""
        for index, part in enumerate(self.Processors[depth]):
            if type(part).flush is not ProcessorBase.flush:
                yield self.part_key(depth, index), part

    def find_states(self) -> None:
        """Ask the parts which states outside of them they change."""
        self.states = list(dict.fromkeys(state for part in self.iter_processors() for state in part.shared_states()))

    def has_state(self) -> bool:
        """Tell whether a processor takes snapshots, or changes a shared state."""
        return bool(self.states) or next(self.stateful_parts(), None) is not None

    def has_state_behind_tasks(self) -> bool:
        """Tell whether a stateful part gets its events later than its input is accepted."""
        if any(part.PipelineDepth > 0 for _, part in self.stateful_parts()):
            return True
        sharing = [part for part in self.iter_processors() if part.shared_states()] if self.states else []
        # What a part in tasks changes, it changes later, even in the first depth.
        return any(part.PipelineDepth > 0 or isinstance(part, Generator) or is_asynchronous(part) for part in sharing)

"""What one barrier is about: positions, snapshots and dead letters that belong together."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from .abc import Source
from .abc.state import Saved, SharedState
from .store import Commit, DeadLetter

if TYPE_CHECKING:
    from .pipeline import Pipeline


@dataclasses.dataclass
class Cut:
    """What one barrier is about, taken in one step of the loop.

    Args:
        positions: Source -> partition -> where to resume.
        count: Events of the input that the barrier covers.
        discards: Dead letters that have been handed over again.
        snapshots: (Pipeline, part) -> its state; marks are added when the part has been flushed.
        counts: The counters, where the store keeps them.
        shared: Id of a state -> the pipelines that share it, and what is to be stored.
    """

    positions: dict[Source, dict[str, Any]]
    count: int
    discards: list[int]
    snapshots: dict[tuple[str, str], Any]
    counts: dict[tuple[str, str], Any]
    shared: dict[str, tuple[list[str], Saved]]

    @classmethod
    def of(
        cls, pipelines: Sequence[Pipeline], positions: dict[Source, dict[str, Any]], count: int, discards: list[int]
    ) -> Cut:
        """Return what belongs to these positions; between two batches only."""
        snapshots = {
            (pipeline.Id, key): part.snapshot() for pipeline in pipelines for key, part in pipeline.stateful_parts()
        }
        return cls(positions, count, discards, snapshots, _counts(pipelines), _save_shared(pipelines))

    def commit(self, letters: Iterable[DeadLetter]) -> Commit:
        """Return it as the store takes it, with the dead letters that wait."""
        return Commit(
            {(source.Pipeline.Id, source.Id): position for source, position in self.positions.items()},
            self.snapshots,
            list(letters),
            self.discards,
            self.counts,
            self.shared,
        )


def _save_shared(pipelines: Sequence[Pipeline]) -> dict[str, tuple[list[str], Saved]]:
    sharing: dict[SharedState, list[str]] = {}
    for pipeline in pipelines:
        for state in pipeline.states:
            sharing.setdefault(state, []).append(pipeline.Id)
    return {state.Id: (ids, state.save()) for state, ids in sharing.items()}


def _counts(pipelines: Sequence[Pipeline]) -> dict[tuple[str, str], Any]:
    """Return the counters as the store keeps them, if somebody is to read there what a killed process has done."""
    if not pipelines[0].App.pump_service.keeps_counts:
        return {}
    return {("counts", p.Id): {"process": os.getpid(), **p.counters.as_dict()} for p in pipelines}


def state_lags(pipelines: Sequence[Pipeline]) -> bool:
    """Tell whether a stateful part may get its events later than their position is queued."""
    if not any(p.has_state() for p in pipelines):
        return False
    behind = any(p.has_state_behind_tasks() or (p.upstream and p.has_state()) for p in pipelines)
    return behind or any(p.is_retrying() for p in pipelines)

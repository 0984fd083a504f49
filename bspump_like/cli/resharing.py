"""What becomes of the stores when the number of workers changes: what can follow its input moves, the rest is refused.

Each worker's store knows how far that worker came with its share, so another number of workers needs other stores:

- A source whose server knows where to resume (a Kafka group) needs nothing of the old ones.
- A source whose partitions any worker can take over (files, partitions of a topic) tells which worker each is for, by
  `belongs_to(partition, worker)`: the positions go to the store of that worker.
- Any other source, and a part that keeps state, cannot be divided anew: that is refused, with the reason.

Dead letters of workers that are no more go to the first of the new ones, which sends them again when it is asked to. What a
file sink notes about its file stays with the worker's number, since that is in the name of the file.

All is written to the new stores before anything is forgotten in the old ones: after a crash in between it is done again.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..claim import Claims
from ..errors import ConfigError, Problem
from ..store import Commit, Store
from .stores import StoreFile, begin_anew, finished, store_files, store_path

if TYPE_CHECKING:
    from ..abc import Source
    from ..pipeline import Pipeline

_BATCH = 1000


def prepare(path: str, count: int, pipelines: Mapping[str, Pipeline], *, from_start: bool, rerun: bool) -> None:
    """Make the stores ready for a run, before any of its processes starts.

    Args:
        path: Store path as configured.
        count: Number of workers now.
        pipelines: The pipelines that are to run, built and not started.
        from_start: Begin anew in any case.
        rerun: Begin anew if the last run came to its end.

    Raises:
        ConfigError: Another number of workers has left something that cannot be divided anew.
        StoreError: One of the stores is in use, or cannot be used.
    """
    if path == ":memory:":
        return
    with contextlib.ExitStack() as held:
        own = [store_path(path, index, count) for index in range(count)]
        others = [file for file in store_files(path) if file.count != count]
        for file in (*filter(_exists, own), *(other.path for other in others)):
            claims = Claims(file)
            held.callback(claims.release)
            claims.take(pipelines)
        opened = {file: held.enter_context(contextlib.closing(Store(file.path))) for file in others}
        relevant = {file: known for file, store in opened.items() if (known := _known(store, pipelines))}
        if relevant:
            # Made when missing: what moves needs a place.
            targets = [held.enter_context(contextlib.closing(Store(file))) for file in own]
            sources = {file: opened[file] for file in relevant}
            _Move(count, pipelines, sources, targets, from_start=from_start, rerun=rerun).run()
        if count > 1:
            begin_anew(path, count, pipelines, from_start=from_start, rerun=rerun)


def _exists(path: str) -> bool:
    return Path(path).exists()


def _known(store: Store, pipelines: Iterable[str]) -> set[str]:
    """Return the pipelines of which a store knows anything."""
    return {
        id for id in pipelines if store.sources(id) or store.snapshots(id) or store.dead_letters(pipeline=id, limit=1)
    }


class _Move:
    """One change of the number of workers.

    Args:
        count: Number of workers now.
        pipelines: The pipelines that are to run.
        old: Stores of other numbers of workers.
        new: Stores of this one, by index.
        from_start: Forget in any case how far the old ones came.
        rerun: Forget it if they came to their end.
    """

    def __init__(
        self, count: int, pipelines: Mapping[str, Pipeline], old: Mapping[StoreFile, Store], new: list[Store],
        *, from_start: bool, rerun: bool,
    ) -> None:  # fmt: skip
        """Look; change nothing yet."""
        self._count, self._pipelines, self._old, self._new = count, pipelines, old, new
        over = all(store.pipelines() & pipelines.keys() <= finished(store) for store in old.values())
        self._anew = from_start or (rerun and over)

    def run(self) -> None:
        """Move what can move, or refuse before anything is changed."""
        positions: dict[tuple[str, str], dict[str, Any]] = {}
        if not self._anew:
            positions = self._positions()
            self._refuse_state()
            for index, store in enumerate(self._new):
                store.commit(Commit(positions=self._share_of(index, positions)))
                self._note_finished(store)
        for file, store in self._old.items():
            if file.index < self._count and not self._anew:
                self._move_marks(store, self._new[file.index])
            if file.index < self._count or self._anew:
                store.forget(self._pipelines)
            else:
                # The marks stay: a file that nobody writes now is to be continued when there are as many workers again.
                _forget_positions(store, self._pipelines)
            store.set_state("run", {"finished": sorted(finished(store) - self._pipelines.keys())})
            for pipeline in self._pipelines:
                adopt(store, Path(file.path).name, pipeline, self._new[0])

    def _positions(self) -> dict[tuple[str, str], dict[str, Any]]:
        """Return the positions of all old stores as one.

        Raises:
            ConfigError: Some of them mean nothing to another number of workers.
        """
        found: dict[tuple[str, str], dict[str, Any]] = {}
        for file, store in self._old.items():
            for id, pipeline in self._pipelines.items():
                for name, places in store.sources(id).items():
                    source = pipeline.locate_source(name)
                    if source is not None and not getattr(source, "keeps_positions", True):
                        continue  # its server knows
                    if source is None or not hasattr(source, "belongs_to"):
                        raise self._refused(file, store, id, _why_not(source, name))
                    one = found.setdefault((id, name), {})
                    for partition, value in places.items():
                        if one.setdefault(partition, value) != value:
                            reason = f"two stores differ in how far {name} has come in {partition}"
                            raise self._refused(file, store, id, reason)
        return found

    def _share_of(
        self, index: int, positions: Mapping[tuple[str, str], Mapping[str, Any]]
    ) -> dict[tuple[str, str], dict[str, Any]]:
        shares = {}
        for (id, name), places in positions.items():
            source: Any = self._pipelines[id].locate_source(name)
            worker = (index, self._count)
            shares[id, name] = {part: place for part, place in places.items() if source.belongs_to(part, worker)}
        return shares

    def _refuse_state(self) -> None:
        for file, store in self._old.items():
            for id, pipeline in self._pipelines.items():
                stateful = {key for key, _ in pipeline.stateful_parts()}
                for key in store.snapshots(id).keys() & stateful:
                    raise self._refused(file, store, id, f"the state of {id}.{key} belongs to what each worker has read")
                for shared in store.shared_by(id):
                    raise self._refused(file, store, id, f"the matrix {shared} belongs to what each worker has read")

    def _refused(self, file: StoreFile, store: Store, pipeline: str, reason: str) -> ConfigError:
        then, now = _plural(file.count), _plural(self._count)
        if pipeline in finished(store):
            return ConfigError([Problem(
                f"{file.path}: {pipeline} came to the end of the input with {then}; "
                f"with {now} all of it would be read again, since {reason}",
                hint="--rerun, if that is meant",
            )])  # fmt: skip
        option = f"--workers {file.count}" if file.count > 1 else "without --workers"
        return ConfigError([Problem(
            f"{file.path} holds positions of {pipeline} from a run with {then} that has not come to its end; "
            f"with {now} they would be lost, since {reason}",
            hint=f"run it {option} to its end, or begin anew with --from-start",
        )])  # fmt: skip

    def _note_finished(self, store: Store) -> None:
        over = {id for old in self._old.values() for id in old.pipelines() & finished(old)} & self._pipelines.keys()
        over -= {id for old in self._old.values() for id in old.pipelines() - finished(old)}
        if over:
            store.set_state("run", {"finished": sorted(finished(store) | over)})

    def _move_marks(self, old: Store, new: Store) -> None:
        marks = {(id, key): mark for id in self._pipelines for key, mark in old.snapshots(id).items()}
        new.commit(Commit(snapshots=marks))


def _why_not(source: Source | None, name: str) -> str:
    if source is None:
        return f"the definition has no source {name} any more"
    return f"{name} cannot divide its input anew"


def _forget_positions(store: Store, pipelines: Iterable[str]) -> None:
    positions = {
        (id, name): dict.fromkeys(places) for id in pipelines for name, places in store.sources(id).items()
    }
    store.commit(Commit(positions=positions))


def adopt(old: Store, name: str, pipeline: str, new: Store) -> None:
    """Bring the dead letters of a pipeline from one store to another, each once, whatever happens in between.

    The new store notes in the same transaction up to which id it has them; ids are never used twice by a store.
    """
    note = ("adopted", f"{name} {pipeline}")
    have = new.get_state(*note, 0)
    while letters := old.dead_letters(pipeline, limit=_BATCH):
        if fresh := [letter for letter in letters if letter.id > have]:
            have = fresh[-1].id
            new.commit(Commit(dead_letters=fresh, state={note: have}))
        old.discard(letter.id for letter in letters)
    if have:
        new.commit(Commit(state={note: None}))


def _plural(count: int) -> str:
    return "one process" if count == 1 else f"{count} workers"

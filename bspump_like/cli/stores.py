"""Which store file belongs to whom, and whether the last run came to its end."""

from __future__ import annotations

import contextlib
import dataclasses
import re
from collections.abc import Iterable
from pathlib import Path

from ..store import Store


@dataclasses.dataclass(frozen=True)
class StoreFile:
    """The store of one process: `index` from 0, of `count` that share the input."""

    path: str
    index: int = 0
    count: int = 1

    @property
    def label(self) -> str:
        """Return `1/4` for the second of four workers, nothing for a process that was alone."""
        return f"{self.index}/{self.count}" if self.count > 1 else ""


def store_path(path: str, index: int = 0, count: int = 1) -> str:
    """Return the store file of one worker: `bspump.db` alone, `bspump.worker-0-of-4.db` for the first of four."""
    if count == 1 or path == ":memory:":
        return path
    base = Path(path)
    return str(base.with_name(f"{base.stem}.worker-{index}-of-{count}{base.suffix}"))


def store_files(path: str) -> list[StoreFile]:
    """Return the store files that exist: that of a process alone, then those of workers, by their numbers.

    Args:
        path: Store path as configured.
    """
    if path == ":memory:":
        return []
    base = Path(path)
    name = re.compile(rf"{re.escape(base.stem)}\.worker-(\d+)-of-(\d+){re.escape(base.suffix)}")
    found = [StoreFile(path)] if base.is_file() else []
    workers = []
    for one in base.parent.iterdir() if base.parent.is_dir() else ():
        match = name.fullmatch(one.name)
        if match is not None and one.is_file():
            workers.append(StoreFile(str(one), int(match[1]), int(match[2])))
    return found + sorted(workers, key=lambda file: (file.count, file.index))


def begin_anew(path: str, count: int, pipelines: Iterable[str], *, from_start: bool, rerun: bool) -> None:
    """Forget the positions in the stores of all workers, if it was asked for.

    The parent does this once: a worker that dies and comes again must go on, and `--rerun` is for all workers or for none.
    """
    wanted = set(pipelines)
    with contextlib.ExitStack() as opened:
        files = [store_path(path, index, count) for index in range(count)]
        stores = [opened.enter_context(contextlib.closing(Store(file))) for file in files if Path(file).exists()]
        over = all(store.pipelines() & wanted <= finished(store) for store in stores)
        for store in stores if from_start or (rerun and over) else ():
            store.forget(wanted)


def finished(store: Store) -> set[str]:
    """Return the pipelines that came to the end of their input in their last run, as the service notes it."""
    return set(store.get_state("run", "finished", []))


def finished_before(path: str, pipelines: Iterable[str]) -> list[str]:
    """Return those of the pipelines that came to their end in the last run: they will find nothing to do."""
    if path == ":memory:" or not Path(path).exists():
        return []
    with contextlib.closing(Store(path)) as store:
        return sorted(finished(store) & set(pipelines) & store.pipelines())

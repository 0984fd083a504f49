"""Which store file belongs to whom, and whether the last run came to its end."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from pathlib import Path

from ..errors import ConfigError, Problem
from ..store import Store


def store_path(path: str, index: int = 0, count: int = 1) -> str:
    """Return the store file of one worker: `bspump.db` alone, `bspump.worker-0-of-4.db` for the first of four."""
    if count == 1 or path == ":memory:":
        return path
    base = Path(path)
    return str(base.with_name(f"{base.stem}.worker-{index}-of-{count}{base.suffix}"))


def files_of_other_counts(path: str, count: int) -> list[str]:
    """Return the existing store files of runs with another number of workers."""
    if path == ":memory:":
        return []
    base = Path(path)
    found = [one for one in sorted(base.parent.glob(f"{base.stem}.worker-*-of-*{base.suffix}")) if one.is_file()]
    others = [str(one) for one in found if not one.stem.endswith(f"-of-{count}")]
    if count != 1 and base.is_file():
        others.append(str(base))
    return others


def refuse_other_counts(path: str, count: int, pipelines: Iterable[str], *, from_start: bool, rerun: bool) -> None:
    """Refuse to go on with another number of workers than the last run had.

    Each worker's store knows how far that worker came with its share. Shared out anew, some input would be read twice and
    some never.

    Args:
        path: Store path as configured.
        count: Number of workers now.
        pipelines: Ids of the pipelines that are to run.
        from_start: Begin anew in any case: what the other files know of these pipelines is forgotten.
        rerun: Begin anew if they came to their end.

    Raises:
        ConfigError: Another number of workers has left off in the middle, or came to the end and nobody asked to begin anew.
    """
    for file in files_of_other_counts(path, count):
        with contextlib.closing(Store(file)) as store:
            known = store.pipelines() & set(pipelines)
            unfinished = known - _finished(store)
            if from_start or (rerun and not unfinished):
                store.forget(known)
            elif known:
                raise ConfigError([_other_count(file, count, known, unfinished)])


def _other_count(file: str, count: int, known: set[str], unfinished: set[str]) -> Problem:
    then, now = _plural(_count(file)), _plural(count)
    if not unfinished:
        return Problem(
            f"{file}: {', '.join(sorted(known))} came to the end of the input with {then}; "
            f"with {now} all of it would be read again",
            hint="--rerun, if that is meant",
        )
    option = f"--workers {_count(file)}" if _count(file) > 1 else "without --workers"
    return Problem(
        f"{file} holds positions of {', '.join(sorted(unfinished))} from a run with {then} that has not come to its end; "
        f"with {now} they would be lost",
        hint=f"run it {option} to its end, or begin anew with --from-start",
    )


def begin_anew(path: str, count: int, pipelines: Iterable[str], *, from_start: bool, rerun: bool) -> None:
    """Forget the positions in the stores of all workers, if it was asked for.

    The parent does this once: a worker that dies and comes again must go on, and `--rerun` is for all workers or for none.
    """
    wanted = set(pipelines)
    with contextlib.ExitStack() as opened:
        files = [store_path(path, index, count) for index in range(count)]
        stores = [opened.enter_context(contextlib.closing(Store(file))) for file in files if Path(file).exists()]
        over = all(store.pipelines() & wanted <= _finished(store) for store in stores)
        for store in stores if from_start or (rerun and over) else ():
            store.forget(wanted)


def _count(file: str) -> int:
    number = Path(file).stem.rpartition("-of-")[2]
    return int(number) if ".worker-" in Path(file).stem and number.isdecimal() else 1


def _plural(count: int) -> str:
    return "one process" if count == 1 else f"{count} workers"


def _finished(store: Store) -> set[str]:
    """Return the pipelines that came to the end of their input in their last run, as the service notes it."""
    return set(store.get_state("run", "finished", []))


def finished_before(path: str, pipelines: Iterable[str]) -> list[str]:
    """Return those of the pipelines that came to their end in the last run: they will find nothing to do."""
    if path == ":memory:" or not Path(path).exists():
        return []
    with contextlib.closing(Store(path)) as store:
        return sorted(_finished(store) & set(pipelines) & store.pipelines())

"""The store: one SQLite file with positions, snapshots, state and dead letters.

Written once per barrier, in one transaction, so that positions and snapshots always belong together. It runs in WAL mode with
`synchronous=NORMAL`: a killed process loses nothing, a machine that loses power may lose the last transactions as a
whole, which means that input is read again, never that it is missed.
"""

from __future__ import annotations

import asyncio
import dataclasses
import pathlib
import sqlite3
import time
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from . import sharing
from .abc.state import Saved
from .codec import Unencodable, decode, encode
from .errors import BSPumpError

_T = TypeVar("_T")

_SCHEMA = """
CREATE TABLE IF NOT EXISTS positions (
    pipeline TEXT, source TEXT, partition TEXT, value BLOB, PRIMARY KEY (pipeline, source, partition)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS snapshots (pipeline TEXT, part TEXT, state BLOB, PRIMARY KEY (pipeline, part));
CREATE TABLE IF NOT EXISTS state (namespace TEXT, key TEXT, value BLOB, PRIMARY KEY (namespace, key));
CREATE TABLE IF NOT EXISTS dead_letters (
    id INTEGER PRIMARY KEY AUTOINCREMENT, time REAL, pipeline TEXT, processor TEXT, error_type TEXT, error TEXT,
    traceback TEXT, event BLOB, encoding TEXT, context BLOB, attempts INTEGER, state TEXT, due REAL);
CREATE INDEX IF NOT EXISTS dead_letters_due ON dead_letters (state, due);
"""


@dataclasses.dataclass
class DeadLetter:
    """An event that could not be processed, with all that is needed to try again.

    Attributes:
        pipeline: Id of the pipeline.
        processor: Id of the processor that refused it; a replay enters there.
        error: The message of what was raised; `error_type` is its class, `traceback` its origin.
        event: What that processor was given.
        context: The entries of the context that can be kept.
        attempts: How often it has been tried.
        state: `dead`, `replay` (asked for), `deferred` (tried again at `due`), or `unreplayable` (`event` is only a picture).
        time: When it failed, UNIX seconds.
        due: When a deferred one is to be tried again, UNIX seconds.
        id: Number in the store; 0 before it is there.
    """

    pipeline: str
    processor: str
    error: str
    event: Any
    error_type: str = ""
    traceback: str = ""
    context: dict[str, Any] = dataclasses.field(default_factory=dict)
    attempts: int = 1
    state: str = "dead"
    time: float = 0.0
    due: float = 0.0
    id: int = 0

    @classmethod
    def of(
        cls, pipeline: str, processor: str, error: BaseException, event: Any, context: Mapping[str, Any]
    ) -> DeadLetter:
        """Return the dead letter of an event that failed with `error`."""
        return cls(
            pipeline, processor, str(error), event, type(error).__name__,
            "".join(traceback.format_exception(error, limit=-8)), dict(context), time=time.time(),
        )  # fmt: skip

    def encoded(self) -> tuple[bytes, str, bytes]:
        """Return event, its encoding and context as the store keeps them."""
        kept = {}
        for key, value in self.context.items():
            try:
                kept[key] = encode(value)
            except Unencodable:
                continue  # a connection, a request: nothing that could be replayed
        try:
            return encode(self.event), "msgpack", encode(kept)
        except Unencodable:
            return repr(self.event).encode(), "repr", encode(kept)


@dataclasses.dataclass
class Commit:
    """All that one barrier stores, in one transaction.

    Attributes:
        positions: (pipeline, source) -> partition -> value; None as value forgets the partition.
        snapshots: (pipeline, part) -> state.
        dead_letters: New ones.
        discards: Ids of dead letters that were replayed.
        state: (namespace, key) -> value of the key-value state; None as value forgets the key.
        shared: Id of a shared state -> the pipelines that share it, and how it was at the barrier.
    """

    positions: dict[tuple[str, str], dict[str, Any]] = dataclasses.field(default_factory=dict)
    snapshots: dict[tuple[str, str], Any] = dataclasses.field(default_factory=dict)
    dead_letters: list[DeadLetter] = dataclasses.field(default_factory=list)
    discards: list[int] = dataclasses.field(default_factory=list)
    state: dict[tuple[str, str], Any] = dataclasses.field(default_factory=dict)
    shared: dict[str, tuple[list[str], Saved]] = dataclasses.field(default_factory=dict)


class StoreError(BSPumpError):
    """The store cannot be opened, read or written."""


class Store:
    """The store, as blocking calls; see `AsyncStore` for the event loop.

    Args:
        path: The file, made with its folder when missing; `:memory:` for tests.

    Raises:
        StoreError: The file cannot be used.
    """

    def __init__(self, path: str) -> None:
        """Open the file and make its tables."""
        self.path = path
        try:
            if path != ":memory:":
                pathlib.Path(path).parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=10)
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=NORMAL")
            self._db.executescript(_SCHEMA + sharing.SCHEMA)
        except (sqlite3.Error, OSError) as error:
            raise StoreError(f"cannot open the store {path}", detail=str(error), hint="set [store] path") from error

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def commit(self, commit: Commit) -> None:
        """Store what one barrier covers, all or nothing.

        Raises:
            StoreError: The file cannot be written (disk full, locked); nothing of it is stored.
        """
        moved = [(p, s, k, v) for (p, s), parts in commit.positions.items() for k, v in parts.items()]
        durable = any(saved.durable for _, saved in commit.shared.values())
        try:
            if durable:
                self._db.execute("PRAGMA synchronous=FULL")
            with self._db:
                self._db.execute("BEGIN IMMEDIATE")
                self._db.executemany(
                    "INSERT OR REPLACE INTO positions VALUES (?, ?, ?, ?)",
                    [(p, s, k, encode(v)) for p, s, k, v in moved if v is not None],
                )
                self._db.executemany(
                    "DELETE FROM positions WHERE pipeline = ? AND source = ? AND partition = ?",
                    [(p, s, k) for p, s, k, v in moved if v is None],
                )
                self._db.executemany(
                    "INSERT OR REPLACE INTO snapshots VALUES (?, ?, ?)",
                    [(pipeline, part, encode(state)) for (pipeline, part), state in commit.snapshots.items()],
                )
                self._insert_dead_letters(commit.dead_letters)
                self._delete_dead_letters(commit.discards)
                self._set_state(commit.state)
                for id, (pipelines, saved) in commit.shared.items():
                    sharing.write(self._db, id, pipelines, saved)
        except (sqlite3.Error, OSError) as error:
            raise StoreError(f"cannot write the store {self.path}", detail=str(error), hint="free space") from error
        finally:
            if durable:
                self._db.execute("PRAGMA synchronous=NORMAL")

    def positions(self, pipeline: str, source: str) -> dict[str, Any]:
        """Return partition -> where to resume, of one source."""
        rows = self._db.execute(
            "SELECT partition, value FROM positions WHERE pipeline = ? AND source = ?", (pipeline, source)
        )
        return {partition: decode(value) for partition, value in rows}

    def sources(self, pipeline: str) -> dict[str, dict[str, Any]]:
        """Return source id -> partition -> where to resume, of all sources of a pipeline that have such a place."""
        rows = self._db.execute("SELECT DISTINCT source FROM positions WHERE pipeline = ?", (pipeline,)).fetchall()
        return {source: self.positions(pipeline, source) for (source,) in rows}

    def snapshots(self, pipeline: str) -> dict[str, Any]:
        """Return part id -> state, of one pipeline."""
        rows = self._db.execute("SELECT part, state FROM snapshots WHERE pipeline = ?", (pipeline,))
        return {part: decode(state) for part, state in rows}

    def shared(self, id: str) -> tuple[dict[str, Any], dict[str, list[bytes]]] | None:
        """Return header and streams of a shared state, None when there is none."""
        return sharing.read(self._db, id)

    def shared_by(self, pipeline: str) -> list[str]:
        """Return the ids of the shared states that a pipeline had a part in."""
        return sharing.of_pipeline(self._db, pipeline)

    def forget(self, pipelines: Iterable[str]) -> None:
        """Forget positions and snapshots of pipelines, so that they start from the beginning.

        A state that they share with others goes with the last of its pipelines.
        """
        forgotten = set(pipelines)
        with self._db:
            self._db.execute("BEGIN IMMEDIATE")
            for pipeline in forgotten:
                self._db.execute("DELETE FROM positions WHERE pipeline = ?", (pipeline,))
                self._db.execute("DELETE FROM snapshots WHERE pipeline = ?", (pipeline,))
            sharing.forget(self._db, forgotten)

    def pipelines(self) -> set[str]:
        """Return the ids of the pipelines that have a place to resume from."""
        return {row[0] for row in self._db.execute("SELECT DISTINCT pipeline FROM positions")}

    def get_state(self, namespace: str, key: str, default: Any = None) -> Any:
        """Return a value of the key-value state."""
        row = self._db.execute("SELECT value FROM state WHERE namespace = ? AND key = ?", (namespace, key)).fetchone()
        return default if row is None else decode(row[0])

    def get_states(self, namespace: str) -> dict[str, Any]:
        """Return key -> value of one namespace of the key-value state."""
        rows = self._db.execute("SELECT key, value FROM state WHERE namespace = ?", (namespace,))
        return {key: decode(value) for key, value in rows}

    def set_state(self, namespace: str, values: Mapping[str, Any]) -> None:
        """Set values of the key-value state.

        Raises:
            StoreError: The file cannot be written; nothing of it is stored.
        """
        try:
            with self._db:
                self._db.execute("BEGIN IMMEDIATE")
                self._set_state({(namespace, key): value for key, value in values.items()})
        except sqlite3.Error as error:
            raise StoreError(f"cannot write the store {self.path}", detail=str(error), hint="free space") from error

    def _set_state(self, values: Mapping[tuple[str, str], Any]) -> None:
        self._db.executemany(
            "INSERT OR REPLACE INTO state VALUES (?, ?, ?)",
            [(space, key, encode(value)) for (space, key), value in values.items() if value is not None],
        )
        self._db.executemany(
            "DELETE FROM state WHERE namespace = ? AND key = ?", [key for key, value in values.items() if value is None]
        )

    def dead_letters(
        self, pipeline: str | None = None, state: str | None = None, limit: int = 1000
    ) -> list[DeadLetter]:
        """Return dead letters, oldest first.

        Args:
            pipeline: Only of this pipeline.
            state: Only in this state; see `DeadLetter`.
            limit: At most so many.
        """
        rows = self._db.execute(
            "SELECT * FROM dead_letters WHERE (?1 IS NULL OR pipeline = ?1) AND (?2 IS NULL OR state = ?2)"
            " ORDER BY id LIMIT ?3",
            (pipeline, state, limit),
        )
        return [_dead_letter(row) for row in rows]

    def dead_letter(self, id: int) -> DeadLetter | None:
        """Return one dead letter, None when there is none with this id."""
        row = self._db.execute("SELECT * FROM dead_letters WHERE id = ?", (id,)).fetchone()
        return None if row is None else _dead_letter(row)

    def due_dead_letters(self, now: float, limit: int = 1000) -> list[DeadLetter]:
        """Return what is to be tried now: replays that were asked for, and deferred events whose time has come."""
        rows = self._db.execute(
            "SELECT * FROM dead_letters WHERE state = 'replay' OR (state = 'deferred' AND due <= ?) ORDER BY id LIMIT ?",
            (now, limit),
        )
        return [_dead_letter(row) for row in rows]

    def request_replay(self, ids: Iterable[int]) -> int:
        """Ask for a replay of dead letters; return of how many. The pump that owns the store does it, now or when it runs."""
        return self._each(
            "UPDATE dead_letters SET state = 'replay' WHERE id = ? AND state IN ('dead', 'deferred')", ids
        )

    def discard(self, ids: Iterable[int]) -> int:
        """Remove dead letters for good; return how many there were."""
        return self._each("DELETE FROM dead_letters WHERE id = ?", ids)

    def _each(self, statement: str, ids: Iterable[int]) -> int:
        with self._db:
            self._db.execute("BEGIN IMMEDIATE")
            return sum(self._db.execute(statement, (id,)).rowcount for id in ids)

    def _insert_dead_letters(self, letters: Sequence[DeadLetter]) -> None:
        for letter in letters:
            event, encoding, context = letter.encoded()
            state = letter.state if encoding == "msgpack" else "unreplayable"
            self._db.execute(
                "INSERT INTO dead_letters (time, pipeline, processor, error_type, error, traceback, event, encoding, context,"
                " attempts, state, due) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (letter.time, letter.pipeline, letter.processor, letter.error_type, letter.error, letter.traceback, event,
                 encoding, context, letter.attempts, state, letter.due),
            )  # fmt: skip

    def _delete_dead_letters(self, ids: Sequence[int]) -> None:
        self._db.executemany("DELETE FROM dead_letters WHERE id = ?", [(id,) for id in ids])


def _dead_letter(row: Sequence[Any]) -> DeadLetter:
    id, when, pipeline, processor, error_type, error, trace, event, encoding, context, attempts, state, due = row
    value = decode(event) if encoding == "msgpack" else event.decode()
    kept = {key: decode(entry) for key, entry in decode(context).items()}
    return DeadLetter(pipeline, processor, error, value, error_type, trace, kept, attempts, state, when, due, id)


class AsyncStore:
    """A `Store` on a thread of its own: calls are made one after the other, off the event loop."""

    def __init__(self) -> None:
        """Open nothing yet."""
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="store")
        self._store: Store | None = None

    async def open(self, path: str) -> None:
        """Open the file; see `Store`."""
        self._store = await self._run(lambda: Store(path))

    async def call(self, method: Callable[..., _T], *args: Any) -> _T:
        """Return what a method of `Store` returns: `await store.call(Store.positions, "P", "S")`.

        Raises:
            StoreError: The file cannot be read or written.
        """
        store = self._store
        assert store is not None
        try:
            return await self._run(lambda: method(store, *args))
        except sqlite3.Error as error:
            hint = "is it whole, is there space?"
            raise StoreError(f"cannot use the store {store.path}", detail=str(error), hint=hint) from error

    async def close(self) -> None:
        """Close the file, after what was begun has ended."""
        if self._store is not None:
            await self._run(self._store.close)
        self._thread.shutdown()

    async def _run(self, function: Callable[[], _T]) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, function)


def open_store(path: str) -> Store:
    """Open an existing store, for tools that look into it.

    Raises:
        StoreError: There is none at `path`.
    """
    if not pathlib.Path(path).exists():
        raise StoreError(f"there is no store at {path}", hint="name it with --store, or [store] path")
    return Store(path)

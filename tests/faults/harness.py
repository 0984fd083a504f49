"""Pumps as subprocesses that are killed, and the counting of what they leave behind.

A pump runs in a folder of its own with `pump.json`, `pump.conf`, the store and its log. Progress is what the store says. After
each death `Stored.of` reads a copy of the store, so that the pump that comes next finds exactly what the dead one left.
"""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing, suppress
from typing import Any

import orjson

from bspump_like.codec import decode

ROOT = pathlib.Path(__file__).resolve().parents[2]
PATIENCE = 60.0
_POLL = 0.002


def write_events(path: pathlib.Path, count: int, *, start: int = 0) -> pathlib.Path:
    """Write lines `{"id": n, "group": "g3", "text": "..."}` and return the path."""
    with path.open("wb") as file:
        for first in range(start, start + count, 10_000):
            ids = range(first, min(first + 10_000, start + count))
            file.write(b"".join(b'{"id":%d,"group":"g%d","text":"the event number %d"}\n' % (n, n % 7, n) for n in ids))
    return path


class Pump:
    """One definition in a folder; `start` runs it, any number of times.

    Args:
        folder: Made when missing.
        definition: The tree of the definition.
        config: Sections of the asab configuration file.
    """

    def __init__(
        self, folder: pathlib.Path, definition: Mapping[str, Any], config: Mapping[str, Mapping[str, Any]] | None = None
    ) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "pump.json").write_text(json.dumps(definition))
        sections = [f"[{name}]\n" + "".join(f"{k}={v}\n" for k, v in s.items()) for name, s in (config or {}).items()]
        (folder / "pump.conf").write_text("\n".join(sections))
        self.store = folder / "store.db"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Start the pump, with more arguments of `pump run`, and hand it back as a process."""
        command = [
            sys.executable, "-m", "bspump_like.cli", "run", "pump.json", "-c", "pump.conf", "--store", str(self.store),
            "--allow", "tests.faults.parts", "--plain", *arguments,
        ]  # fmt: skip
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                command, cwd=self.folder, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        return self.process

    def brake(self, line: int) -> None:
        """Let the pump stand still at this line of its input, counted from 0, until `release`; before its first start.

        What a test does to a pump that is on its way then finds it on its way, also on a machine where the test is slow.
        """
        tree = json.loads((self.folder / "pump.json").read_text())
        brake = {"id": "Brake", "module": "tests.faults.parts", "class": "Brake"}
        tree["pipelines"][0]["processors"].insert(0, brake)
        (self.folder / "pump.json").write_text(json.dumps(tree))
        (self.folder / "brake").write_text(str(line))

    def release(self) -> None:
        """Let it go on to its end."""
        (self.folder / "brake").unlink()

    def kill(self) -> None:
        """Send SIGKILL and wait."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(PATIENCE)

    def terminate(self, patience: float = PATIENCE) -> int:
        """Send SIGTERM and return the exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(patience)

    def run(self) -> int:
        """Run to the end of the input and return the exit code."""
        return self.start().wait(PATIENCE * 5)

    def log(self) -> str:
        """Return what the pump has said so far."""
        return (self.folder / "log").read_text(errors="replace")

    def wait_for(self, what: str, condition: Callable[[], Any], patience: float = PATIENCE) -> None:
        """Return when `condition()` is true; the pump must be alive until then.

        Raises:
            AssertionError: The pump has ended, or nothing happened for so many seconds.
        """
        assert self.process is not None
        deadline = time.monotonic() + patience
        while not condition():
            assert self.process.poll() is None, (
                f"ended with {self.process.returncode} before {what}:\n{self.log()[-4000:]}"
            )
            assert time.monotonic() < deadline, f"not within {patience} s: {what}:\n{self.log()[-4000:]}"
            time.sleep(_POLL)

    def resident(self) -> int:
        """Return the bytes of memory that the pump takes."""
        assert self.process is not None
        return int(pathlib.Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def open_files(self) -> dict[str, int]:
        """Return the descriptor of each file that the pump has open, by the file's name without its folder."""
        assert self.process is not None
        descriptors = f"/proc/{self.process.pid}/fd"
        found = {}
        for descriptor in os.listdir(descriptors):
            with suppress(FileNotFoundError):  # closed since it was listed
                found[os.path.basename(os.readlink(f"{descriptors}/{descriptor}"))] = int(descriptor)
        return found

    def close(self) -> None:
        """Kill the pump if it still runs."""
        if self.process is not None and self.process.poll() is None:
            self.kill()


class Progress:
    """Looks into the store of a living pump; closed before a kill, so that the store is left as a lone pump leaves it."""

    def __init__(self, store: pathlib.Path) -> None:
        self._store = store
        self._db: sqlite3.Connection | None = None

    def line(self) -> int:
        """Return how many lines of the input are committed; 0 while there is no store."""
        try:
            if self._db is None:
                self._db = sqlite3.connect(f"file:{self._store}?mode=ro", uri=True, isolation_level=None)
            return max((decode(row[0])["line"] for row in self._db.execute("SELECT value FROM positions")), default=0)
        except sqlite3.OperationalError:  # not there yet, or without its tables
            self.close()
            return 0

    def close(self) -> None:
        if self._db is not None:
            self._db.close()
            self._db = None


@dataclasses.dataclass
class Stored:
    """What the store says after a death: lines of the input that are done, and how much of each output file counts."""

    line: int
    sizes: dict[str, int]

    @classmethod
    def of(cls, pump: Pump) -> Stored:
        """Read a copy of the store."""
        if not pump.store.exists():
            return cls(0, {})
        copy = pump.folder / "store-copy"
        shutil.rmtree(copy, ignore_errors=True)
        copy.mkdir()
        for ending in ("", "-wal"):
            if pathlib.Path(f"{pump.store}{ending}").exists():
                shutil.copy(f"{pump.store}{ending}", copy / f"store.db{ending}")
        with closing(sqlite3.connect(copy / "store.db")) as db:
            assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            if db.execute("SELECT 1 FROM sqlite_master WHERE name = 'snapshots'").fetchone() is None:
                return cls(0, {})
            positions = [decode(row[0]) for row in db.execute("SELECT value FROM positions")]
            marks = [decode(row[0]) for row in db.execute("SELECT state FROM snapshots WHERE part = 'FileLineSink'")]
        assert len(positions) <= 1
        sizes = {path: mark["size"] for part in marks for path, mark in part.items()}
        return cls(positions[0]["line"] if positions else 0, sizes)


class Ledger:
    """Counts the events in one output file, piece by piece, after each death of the pump.

    The rules, for the part of the file that counts (up to the durable size in the store):
    1. every event of a committed line is in it: nothing is lost;
    2. an event comes again only if it stood behind the stored position at the last death, and then once;
    3. so many stand behind it as were in flight at most: one barrier's worth.

    Args:
        path: The file.
        name: Its name in the store.
        count: Lines of the input.
        parts: Events that are made of one line.
        most: Most lines of the input that may be ahead of the stored position.
        unpack: Turns a piece of the file into lines.
    """

    def __init__(
        self, path: pathlib.Path, count: int, *, most: int, name: str = "", parts: int = 1,
        unpack: Callable[[bytes], bytes] = bytes,
    ) -> None:  # fmt: skip
        self.path, self.name, self.count, self.parts, self.most = path, name or path.name, count, parts, most
        self._unpack = unpack
        self._seen = bytearray(count * parts)
        self._size = self._complete = 0
        self._ahead: set[int] = set()
        self.tails = 0
        """How often there was something behind the durable size, for the next start to cut off."""
        self.repeated_at: list[int] = []
        """How many events came again after each death."""

    def check(self, stored: Stored) -> None:
        """Count what was written since the last check, and hold the rules against it."""
        size = stored.sizes.get(self.name, 0)
        on_disk = self.on_disk()
        assert self._size <= size <= on_disk, f"{self.name}: durable {self._size}, then {size}; {on_disk} on disk"
        self.tails += on_disk > size
        keys = list(self._keys(self._piece(size)))
        again = {key for key in keys if self._seen[key]}
        assert len(keys) == len(set(keys)), f"{self.name}: an event stands twice in what one run has written"
        assert again <= self._ahead, (
            f"{self.name}: {sorted(again - self._ahead)[:10]} came again, long after their barrier"
        )
        for key in keys:
            self._seen[key] = 1
        self.repeated_at.append(len(again))
        done = stored.line * self.parts
        lost = self._seen.find(0, self._complete, done)
        assert lost < 0, f"{self.name}: {lost} is lost: {done} are committed"
        self._size, self._complete = size, done
        self._ahead = {key for key in (self._ahead | set(keys)) if key >= done}
        assert len(self._ahead) <= self.most * self.parts, f"{self.name}: {len(self._ahead)} ahead of the position"

    def on_disk(self) -> int:
        """Return the size of the file, 0 when there is none."""
        return self.path.stat().st_size if self.path.exists() else 0

    def _piece(self, size: int) -> bytes:
        if size == self._size:
            return b""
        with self.path.open("rb") as file:
            file.seek(self._size)
            return self._unpack(file.read(size - self._size))

    def _keys(self, piece: bytes) -> Iterable[int]:
        assert not piece or piece.endswith(b"\n"), f"{self.name}: the last line is torn"
        for line in piece.splitlines():
            event = orjson.loads(line)
            yield event["id"] * self.parts + event.get("part", 0)

    def finish(self, path: pathlib.Path | None = None) -> None:
        """Check that the whole file, under its final name, holds every event and nothing that was not counted."""
        data = self._unpack((path or self.path).read_bytes())
        keys = list(self._keys(data))
        assert set(keys) == set(range(self.count * self.parts)), "lost"
        assert len(keys) == len(set(keys)) + sum(self.repeated_at), "repeated without a death"

    @property
    def ahead(self) -> int:
        """Return how many events of the file stand behind the stored position: a new start brings them again."""
        return len(self._ahead)

    @property
    def repeated(self) -> int:
        """Return how many events came again, over all deaths."""
        return sum(self.repeated_at)


@dataclasses.dataclass
class Deaths:
    """Kills one pump again and again at random moments, until its input is done.

    Args:
        pump: The pump.
        count: Lines of its input.
        kills: How often.
        seed: Of the moments; printed, so that a failure can be repeated roughly.
        check: Called with what the store says after each death.
    """

    pump: Pump
    count: int
    kills: int
    seed: int
    check: Callable[[Stored], None]
    early: int = 0
    """Kills before the pump had committed anything in that run."""

    def run(self) -> None:
        """Kill, start again, and at last let the pump run to its end."""
        print(f"seed {self.seed}")
        moments = random.Random(self.seed)
        line = 0
        early = set(moments.sample(range(self.kills), self.kills // 5))
        # A run that was killed at the brake comes one batch further: room for all of them.
        brake = self.count - 200 * self.kills
        assert brake > self.count // 2, "too few lines for so many kills"
        self.pump.brake(brake)
        for number in range(self.kills):
            self._kill_once(moments, line, self.kills - number, brake, early=number in early)
            stored = Stored.of(self.pump)
            assert stored.line >= line, "the position went back"
            self.early += stored.line == line
            line = stored.line
            self.check(stored)
        self.pump.release()
        assert self.pump.run() == 0, self.pump.log()[-4000:]
        self.check(Stored.of(self.pump))
        assert "Traceback" not in self.pump.log(), self.pump.log()[-4000:]

    def _kill_once(self, moments: random.Random, line: int, left: int, brake: int, *, early: bool) -> None:
        process = self.pump.start()
        if early:  # anywhere between the first import and the first barriers
            try:
                process.wait(moments.uniform(0.0, 0.3))
            except subprocess.TimeoutExpired:
                pass
        else:
            # Runs of a random length, of such a mean that the input lasts for all of them.
            target = line + moments.uniform(0.0, 1.0) * (self.count - line) / (left + 1)
            target = max(line, min(target, brake))
            progress = Progress(self.pump.store)
            try:
                self.pump.wait_for(f"{target:.0f} lines are committed", lambda: progress.line() > target)
            finally:
                progress.close()
            time.sleep(moments.uniform(0.0, 0.01))
        assert process.poll() is None, (
            f"ended by itself with {process.returncode}, {left} kills early: {self.pump.log()[-3000:]}"
        )
        self.pump.kill()

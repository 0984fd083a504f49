"""One worker of `pump run --workers N`, as its parent sees it: started again when it dies, with its counts."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
import os
import signal
import socket
import sqlite3
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from ..abc import Backoff
from ..store import Store, StoreError
from . import USAGE, link
from .gateway import free_port
from .rows import COUNTS, Row, carried_on
from .stores import StoreFile

_SILENCE = 10 * link.LinkView.period
"""Seconds without a report after which a worker is shown as silent: it is frozen, or something blocks its event loop."""

_LONG_LIFE = 60.0
"""Seconds after which a worker counts as sound again, and its next restart is quick."""


class Worker:
    """One place among the workers; the process in it may change.

    A worker that dies (a signal, an exit without a last report) is started again: after 1 s, then 2, 4, at most every 30 s.
    A worker that ends on purpose has ended; when it was with an error of the definition, all are stopped.

    The counts of a worker go on over its deaths: what the dead process had made durable stands in its store, written by the
    same barriers as the positions, so an event that is read again is counted once.

    Args:
        command: Arguments of `pump run` for all workers.
        store: Its store, which says its number, too.
        stopping: Set when all workers are to stop.
        stop: Stops all workers.
        serves: It has a web API of its own.
    """

    def __init__(
        self, command: Sequence[str], store: StoreFile, stopping: asyncio.Event, stop: Callable[[], None], *, serves: bool
    ) -> None:
        """Start no process yet."""
        self._stopping, self._stop_all = stopping, stop
        self._command = [sys.executable, "-m", __package__, *command, "--worker", f"{store.index}/{store.count}"]
        self.index = store.index
        self._store = store
        self._rows: list[Row] = []
        self._heard = 0.0
        self._serves = serves
        self.port = 0
        """Of its own web API."""
        self.carried: dict[str, Row] = {}
        """What dead processes in this place have made durable."""
        self._first: float | None = None
        self._before = 0.0  # seconds between the start of the first process here and that of this one
        self._process: asyncio.subprocess.Process | None = None
        self._code: int | None = None

    def rows(self) -> list[Row]:
        """Return what all processes in this place have done."""
        rows = carried_on(self._rows, self.carried, self._before)
        silent = asyncio.get_running_loop().time() - self._heard
        if self._rows and self.running and silent > _SILENCE:
            rows = [dataclasses.replace(row, state=f"worker {self.index} silent for {silent:.0f} s") for row in rows]
        return rows

    @property
    def running(self) -> bool:
        """Tell whether there is a process."""
        return self._process is not None and self._process.returncode is None

    def signal(self, number: int) -> None:
        """Send a signal to the process, if there is one."""
        if self._process is not None and self.running:
            with contextlib.suppress(ProcessLookupError):  # it ended just now
                self._process.send_signal(number)

    async def keep(self) -> int:
        """Run processes in this place until one ends on purpose; return its exit code."""
        stopping, loop = self._stopping, asyncio.get_running_loop()
        backoff = Backoff(1.0, 30.0)
        while True:
            began = loop.time()
            self._first = began if self._first is None else self._first
            self._before = began - self._first
            status = await self._live()
            if status == USAGE:
                self._code = USAGE  # it did not come so far as to report
            if self._code is not None:
                if self._code == USAGE:  # the others have the same mistake
                    self._stop_all()
                return self._code
            assert self._process is not None
            await self._carry(self._process.pid)
            if stopping.is_set():
                # A worker that runs takes SIGTERM as a request: this one had not begun.
                return 0 if status == -signal.SIGTERM else 1
            if loop.time() - began > _LONG_LIFE:
                backoff.reset()
            wait = backoff.next()
            say(f"worker {self.index} {_death(status)}; it starts again in {wait:.1f} s")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stopping.wait(), wait)
                return 1

    async def _carry(self, process: int) -> None:
        """Add up what a dead process has done: what it stored with its barriers, or what it said last if it has no store."""
        said, self._rows = {row.id: row for row in self._rows}, []
        try:
            durable = await asyncio.to_thread(_durable_counts, self._store.path, process)
        except StoreError as error:
            say(f"worker {self.index}: its counts are those of its last report: {error}")
            durable = None
        for id in said.keys() | (durable or {}).keys():
            row = said.get(id, Row(id))
            counts = dataclasses.asdict(row) if durable is None else durable.get(id, {})
            before = self.carried.get(id, Row(id))
            added = {field: getattr(before, field) + counts.get(field, 0) for field in COUNTS}
            self.carried[id] = dataclasses.replace(row, state="restarting", seconds=row.seconds + self._before, **added)

    async def _live(self) -> int:
        """Start one process, follow it to its end and return its status."""
        ours, theirs = socket.socketpair()
        self.port = free_port() if self._serves else 0
        # A session of its own: Ctrl-C reaches the parent alone, which then asks the workers once.
        try:
            self._process = await asyncio.create_subprocess_exec(
                *self._command, "--link", str(theirs.fileno()), "--port", str(self.port), pass_fds=[theirs.fileno()],
                stdin=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE, start_new_session=True,
                env=environment(), limit=link.LIMIT,
            )  # fmt: skip
        finally:
            theirs.close()
        self._code = None
        if self._stopping.is_set():
            self.signal(signal.SIGTERM)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._reports(ours))
            group.create_task(self._relay(self._process.stderr))
            status = await self._process.wait()
        return status

    async def _reports(self, end: socket.socket) -> None:
        reader, writer = await link.receive(end)
        try:
            while line := await reader.readline():
                if not line.endswith(b"\n"):
                    return  # it died while it wrote
                report = json.loads(line)
                self._rows = [Row(**row) for row in report["rows"]]
                self._heard = asyncio.get_running_loop().time()
                self._code = report.get("code")
        except ConnectionResetError:
            return
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    async def _relay(self, stream: asyncio.StreamReader | None) -> None:
        """Pass on what a worker says, line by line, with its number in front."""
        assert stream is not None
        rest = b""
        while chunk := await stream.read(65536):
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                say(f"[{self.index}] {line.decode(errors='replace')}")
        if rest:
            say(f"[{self.index}] {rest.decode(errors='replace')}")


def say(line: str) -> None:
    """Print a line for the person who watches."""
    print(line, file=sys.stderr, flush=True)


def _durable_counts(path: str, process: int) -> dict[str, dict[str, int]] | None:
    """Return pipeline -> counts that a process has stored; None when it has no store. Blocks."""
    if not Path(path).exists():
        return None
    try:
        with contextlib.closing(Store(path)) as store:
            counts = store.get_states("counts")
    except sqlite3.Error as error:
        raise StoreError(f"cannot read the store {path}", detail=str(error)) from error
    return {id: one for id, one in counts.items() if one["process"] == process}


def _death(status: int) -> str:
    if status == -signal.SIGKILL:
        return "was killed by SIGKILL (by somebody, or by the system for want of memory)"
    if status < 0:
        return f"was killed by {signal.Signals(-status).name}"
    return f"died with status {status}"


def environment() -> dict[str, str]:
    """Return the environment of a worker: it finds what its parent found."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path or os.getcwd() for path in sys.path)}

"""One run of one system: start it, watch how far it comes and what that costs, stop it, look at what it made."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import pathlib
import shutil
import signal
import tempfile
import time
import uuid
from collections.abc import Callable

from .cluster import Cluster, wrong
from .systems import ROOT, TO_NULL, System
from .tree import Tree
from .work import Job

PLACE = ROOT / "var" / "bench"
POLL = 0.05  # seconds
START_PATIENCE = 60.0  # seconds to the first event
STOP_PATIENCE = 20.0
PARTITIONS = 4
_SEEN = 0.3  # of the events must come through under our eyes, for a rate
_CHECKED = 25  # events of each partition, or index


class Failed(Exception):
    """A run that is worth nothing; the message says why."""


@dataclasses.dataclass(frozen=True)
class Taken:
    """One run.

    Attributes:
        events: How many have come through.
        cpu: CPU seconds of the process tree, from its start on.
        rate: Events per second of the clock, from the first that came through to the last; 0 when too few were seen to come.
        peak: Most resident bytes of the process tree.
    """

    events: int
    cpu: float
    rate: float
    peak: int


@dataclasses.dataclass
class Run:
    """A system at work on one path. Use it as a context: what it made and where it worked is gone afterwards.

    Args:
        cluster: The servers.
        system: The system.
        path: `null`, `cpu`, `kafka` or `elasticsearch`.
        topic: Where events come from.
        search: URL of the node for the system, if it is another way than ours.
    """

    cluster: Cluster
    system: System
    path: str
    topic: str
    search: str = ""

    async def __aenter__(self) -> Run:
        """Make the place for its results and start it."""
        name = f"bench-{uuid.uuid4().hex[:10]}"
        PLACE.mkdir(parents=True, exist_ok=True)
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix=f"{self.system.key}-", dir=PLACE))
        self.job = Job(
            path=self.path,
            kafka=self.cluster.kafka,
            search=self.search or self.cluster.search,
            topic=self.topic,
            partitions=PARTITIONS,
            group=name,
            output="" if self.path in TO_NULL else name,
            folder=str(self.folder),
            workers=self.system.workers,
        )
        if self.path == "kafka":
            await self.cluster.create(name, PARTITIONS)
        elif self.path == "elasticsearch":
            await self.cluster.create_index(name)
        command = self.system.command(self.job)
        self.log = self.folder / "log.txt"
        path = os.pathsep.join([*self.system.python_path, str(ROOT)])
        environment = {**os.environ, "PYTHONPATH": path}
        with self.log.open("wb") as log:
            self.process = await asyncio.create_subprocess_exec(
                *command, cwd=[*self.system.python_path, str(ROOT)][0], env=environment,
                stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip
        self.tree = Tree(self.process.pid)
        self.began = time.monotonic()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Stop it and remove everything."""
        await self.stop()
        if self.path == "kafka":
            await self.cluster.remove(self.job.output)
        elif self.path == "elasticsearch":
            await self.cluster.remove_index(self.job.output)
        if kind is None:
            shutil.rmtree(self.folder)

    async def stop(self) -> None:
        """Let it end in good order; kill it if it does not."""
        pids = self.tree.pids()
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(STOP_PATIENCE):
                await self.process.wait()
        except TimeoutError:
            for pid in pids:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            await self.process.wait()

    async def progress(self) -> int:
        """Return how many events have come through: offsets committed, messages produced, documents indexed."""
        if self.path in TO_NULL and self.system.counter is not None:
            return self.system.counter(self.job)
        if self.path in TO_NULL:
            return await self.cluster.committed(self.job.group, self.topic)
        if self.path == "kafka":
            return sum((await self.cluster.ends(self.job.output, PARTITIONS)).values())
        return await self.cluster.indexed(self.job.output)

    def fail(self, why: str) -> Failed:
        """Return an error with the last thing that the system has said."""
        said = [line for line in self.log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
        return Failed(f"{self.system.key} on {self.path}: {why}; it said last: {said[-1][:300] if said else 'nothing'}")

    async def through(self, count: int, limit: float) -> Taken:
        """Wait until `count` events have come through, or `limit` seconds have gone by since the first.

        Raises:
            Failed: It ended, nothing comes through, or more came through than there are.
        """
        first: tuple[float, int] | None = None
        while self.job.workers > 1 and await self.cluster.members(self.job.group) < self.job.workers:
            if self.process.returncode is not None or time.monotonic() - self.began > START_PATIENCE:
                raise self.fail(f"it has not come to {self.job.workers} workers")
            await asyncio.sleep(POLL)
        while True:
            ended = self.process.returncode is not None
            done = await self.progress()
            now, cpu = time.monotonic(), self.tree.sample()
            if done > count:
                raise self.fail(f"{done} of {count} events came through")
            if done and first is None:
                first = now, done
            if done == count:
                break
            if first is not None and now - first[0] > limit:
                break
            if ended:
                raise self.fail(f"it ended after {done} of {count} events")
            if first is None and now - self.began > START_PATIENCE:
                raise self.fail(f"nothing came through within {START_PATIENCE:.0f} s")
            await asyncio.sleep(POLL)
        assert first is not None
        seen = done - first[1]
        rate = seen / (now - first[0]) if seen > done * _SEEN else 0.0
        return Taken(done, cpu, rate, self.tree.peak)

    async def check(self, count: int) -> None:
        """Compare what it made with what it should have made of `count` events.

        Raises:
            Failed: It is something else.
        """
        if self.path == "kafka":
            found = await self.cluster.last(self.job.output, PARTITIONS, _CHECKED)
        elif self.path == "elasticsearch":
            total, found = await self.cluster.documents(self.job.output, _CHECKED)
            if total != count:
                raise self.fail(f"{total} documents of {count} events")
        else:
            return
        reason = wrong(found, count)
        if reason:
            raise self.fail(reason)


async def throughput(cluster: Cluster, system: System, path: str, topic: str, count: int, limit: float) -> Taken:
    """Run a system on a full topic.

    Raises:
        Failed: It does not work.
    """
    async with Run(cluster, system, path, topic) as run:
        taken = await run.through(count, limit)
        if taken.events == count:
            if path not in TO_NULL and system.commits:
                await _until(lambda: cluster.committed(run.job.group, topic), count, run)
            await run.check(count)
        return taken


async def _until(progress: Callable[[], object], count: int, run: Run) -> None:
    async with asyncio.timeout(START_PATIENCE):
        while await progress() != count:  # type: ignore[misc]
            if run.process.returncode is not None:
                raise run.fail("it ended before it had committed")
            await asyncio.sleep(POLL)

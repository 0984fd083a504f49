"""kill -9 at any moment: every event is in the table exactly once."""

from __future__ import annotations

import pathlib
import random
import signal
import sqlite3
import subprocess
import sys
import time

import pytest

PUMP = """
import asyncio, os, sys
from bspump_like import Pipeline
from bspump_like.common import IteratorGenerator
from bspump_like.sqlite import SQLiteSink
from bspump_like.testing import ListSource, run_pump

store, out, count, behind_tasks = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4] == "tasks"


class Later(IteratorGenerator):
    async def generate(self, context, event, depth):
        for item in event:
            self.Pipeline.inject(context, item, depth)


class Held(ListSource):
    # Does not come to its end while the test goes on killing, however slow that is.
    async def read(self):
        while self._next >= count / 2 and os.path.exists(out + ".hold"):
            await asyncio.sleep(0.01)
        return await super().read()


def build(app):
    pipeline = Pipeline(app, "P", config={"commit_interval": "5ms", "max_in_flight": 100})
    events, parts = [{"id": number} for number in range(count)], []
    if behind_tasks:
        events, parts = [[event] for event in events], [Later(app, pipeline)]
    source = Held(app, pipeline, events, config={"batch_size": 5})
    pipeline.build(source, *parts, SQLiteSink(app, pipeline, config={"path": out, "table": "t"}))
    app.pump_service.add_pipeline(pipeline)


run_pump(build, store=store, timeout=120)
"""


def rows(path, statement="SELECT id FROM t"):
    try:
        db = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    except sqlite3.OperationalError:
        return []
    try:
        return [number for (number,) in db.execute(statement)]
    except sqlite3.OperationalError:
        return []
    finally:
        db.close()


def count_rows(path):
    return sum(rows(path, "SELECT count(*) FROM t"))


@pytest.mark.slow
@pytest.mark.parametrize("where", ["chain", "tasks"])
def test_kills_at_random_moments_leave_every_event_exactly_once(tmp_path, where):
    count = 20_000
    store, out = str(tmp_path / "store.db"), str(tmp_path / "out.db")
    command = [sys.executable, "-c", PUMP, store, out, str(count), where]
    chance = random.Random(7)
    hold = pathlib.Path(f"{out}.hold")
    hold.touch()
    for attempt in range(10):
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            # The first kill falls into the first barrier: as soon as the table is there.
            wanted = min(count_rows(out) + (0 if attempt == 0 else chance.randrange(1, 500)), count // 2 - 1)
            deadline = time.monotonic() + 60
            while count_rows(out) <= wanted:
                assert process.poll() is None, "it ended by itself"
                assert time.monotonic() < deadline, "it stands still"
                time.sleep(0.001)
            process.send_signal(signal.SIGKILL)
    hold.unlink()
    assert subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=120).returncode == 0
    assert sorted(rows(out)) == list(range(count))

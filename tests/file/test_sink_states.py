"""Sinks of rotating files against a model: rows, barriers that are stored or not, and crashes, in any order.

A crash forgets the sink and everything since the last barrier that was stored; the rows behind it come again. Whatever was on
disk by then, at the end each row stands in the files once, in order, and all files but the last one are full.
"""

from __future__ import annotations

import pathlib
import tempfile
from collections.abc import Callable
from typing import Any

import fastavro
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bspump_like import Pipeline
from bspump_like.avro import AvroSink
from bspump_like.file import FileJSONSink
from bspump_like.parquet import ParquetSink
from bspump_like.testing import fresh_application

ROWS_PER_FILE = 5


def read_avro(path: pathlib.Path) -> list[int]:
    with path.open("rb") as file:
        return [row["id"] for row in fastavro.reader(file)]


def read_lines(path: pathlib.Path) -> list[int]:
    return [int(line[6:-1]) for line in path.read_text().splitlines()]


AVRO = {"type": "record", "name": "R", "fields": [{"name": "id", "type": "long"}]}
KINDS: dict[str, tuple[Any, dict[str, Any], Callable[[pathlib.Path], list[int]]]] = {
    "lines": (FileJSONSink, {"rotate_lines": ROWS_PER_FILE}, read_lines),
    "lines, atomic": (FileJSONSink, {"rotate_lines": ROWS_PER_FILE, "atomic": True}, read_lines),
    "avro": (AvroSink, {"rotate_lines": ROWS_PER_FILE, "schema": AVRO, "events_per_chunk": 2}, read_avro),
    "avro, atomic": (AvroSink, {"rotate_lines": ROWS_PER_FILE, "schema": AVRO, "atomic": True}, read_avro),
    "parquet": (
        ParquetSink, {"rows_per_file": ROWS_PER_FILE, "rows_in_chunk": 2},
        lambda path: pq.ParquetFile(path).read().column("id").to_pylist(),
    ),
}  # fmt: skip

steps = st.lists(
    st.one_of(
        st.tuples(st.just("rows"), st.integers(1, 12)),
        st.sampled_from([("stored", 0), ("not stored", 0), ("crash", 0)]),
    ),
    max_size=14,
)


class Machine:
    """A sink that crashes, and what has been stored of it."""

    def __init__(self, app: Any, folder: str, kind: str) -> None:
        self.make, options, self.read = KINDS[kind]
        self.folder = pathlib.Path(folder)
        self.config = {"path": f"{folder}/out-{{index}}", "fsync": False, **options}
        self.pipeline = Pipeline(app, "P")
        self.mark: Any = None
        self.committed = self.next = 0

    async def start(self) -> None:
        self.sink = self.make(self.pipeline.App, self.pipeline, config=self.config)
        if self.mark is not None:
            self.sink.restore(self.mark)
        self.next = self.committed
        await self.sink.on_start()
        self.mark = self.sink.mark()  # the service stores it before the first event

    async def step(self, what: str, count: int) -> None:
        if what == "rows":
            for _ in range(count):
                self.sink.process({}, {"id": self.next})
                self.next += 1
        elif what == "crash":
            await self.sink.on_stop()  # closes what a dead process has open; nothing waiting is written by it
            await self.start()
        else:
            await self.sink.flush()
            if what == "stored":
                self.mark, self.committed = self.sink.mark(), self.next

    async def finish(self) -> None:
        await self.sink.on_end_of_input()
        await self.sink.flush()
        await self.sink.on_stop()

    def check(self) -> None:
        files = sorted(self.folder.iterdir())
        rows = [self.read(file) for file in files]
        assert [row for one in rows for row in one] == list(range(self.next)), files
        assert all(len(one) == ROWS_PER_FILE for one in rows[:-1]), files


@pytest.mark.parametrize("kind", KINDS)
def test_each_row_stands_once_in_the_files_whatever_happened(kind: str) -> None:
    with fresh_application() as app:

        @settings(max_examples=25, deadline=None)
        @given(steps)
        def run(plan: list[tuple[str, int]]) -> None:
            with tempfile.TemporaryDirectory() as folder:
                machine = Machine(app, folder, kind)

                async def go() -> None:
                    await machine.start()
                    for what, count in plan:
                        await machine.step(what, count)
                    await machine.finish()

                app.Loop.run_until_complete(go())
                machine.check()

        run()

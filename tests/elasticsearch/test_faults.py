"""A node that is killed while a pump writes, or is not there at all: nothing lost, nothing doubled, little memory."""

from __future__ import annotations

import asyncio
import collections
import os
import pathlib
import subprocess
import sys

import pytest

from bspump_like.testing import ListSource
from tests.elasticsearch.conftest import connect, index_all, sink
from tests.proxy import Proxy, answer
from tests.pumping import Patient, events, run, until

pytestmark = pytest.mark.service

COUNT = 20_000


@pytest.mark.parametrize(
    "ids", [pytest.param("", marks=pytest.mark.soak), "field:n"], ids=["without_ids", "with_ids"]
)
@pytest.mark.slow
def test_a_node_killed_and_started_again_loses_nothing(cluster, ids):
    cluster.make(cluster.name, shards=2)
    killed = asyncio.Event()

    class NotAllBefore(Patient):
        """Keeps the second half until the node is dead, so that it dies midway on a slow machine, too."""

        async def read(self):
            if self._next >= COUNT / 2:
                await killed.wait()
            return await super().read()

    async def during(app):
        pipeline = app.pump_service.Pipelines["P"]
        await until(lambda: pipeline.counters.events_in > COUNT / 10)
        await asyncio.to_thread(cluster.server.kill)
        killed.set()
        await asyncio.to_thread(cluster.server.start)

    made = events([{"n": n, "text": "x" * 100} for n in range(COUNT)], cls=NotAllBefore)
    parts = sink(index=cluster.name, document_id=ids)
    connection = {"bulk_out_max_size": "10k"}
    try:
        run(
            ("P", made, parts, {"max_in_flight": 500}), prepare=connect(cluster.url, **connection), during=during, timeout=120,
        )  # fmt: skip
    finally:
        cluster.server.start()
    found = collections.Counter(document["n"] for document in cluster.documents())

    assert set(found) == set(range(COUNT))
    if ids:
        assert found == dict.fromkeys(range(COUNT), 1)


def test_a_pump_that_starts_before_the_cluster_delivers_when_it_comes(one):
    """The port is taken by a server that is not ready yet, as a node that starts."""
    ready = []
    with Proxy(one.url, lambda call: None if ready else answer(503, "starting")) as proxy:

        async def during(app):
            pipeline = app.pump_service.Pipelines["P"]
            await until(lambda: pipeline.state().startswith("unavailable"))
            ready.append(True)

        pipeline = index_all(proxy.url, [{"n": n} for n in range(100)], during=during, index=one.name)

    assert sorted(document["n"] for document in one.documents()) == list(range(100))
    assert pipeline.state() == "finished"


def test_a_stop_in_the_middle_and_a_new_start_lose_nothing(one, tmp_path):
    store = str(tmp_path / "store")
    items = [{"n": n} for n in range(5000)]

    async def during(app):
        pipeline = app.pump_service.Pipelines["P"]
        await until(lambda: pipeline.counters.events_in > 500)
        app.stop()

    made = lambda app, pipeline: ListSource(app, pipeline, items)  # noqa: E731
    for beside in (during, None):
        run(("P", made, sink(index=one.name)), prepare=connect(one.url), store=store, during=beside, timeout=120)

    assert collections.Counter(document["n"] for document in one.documents()) == dict.fromkeys(range(5000), 1)


PUMP = """
import sys
from bspump_like import Pipeline
from bspump_like.elasticsearch import ElasticSearchConnection, ElasticSearchSink
from bspump_like.testing import fresh_application
from bspump_like.abc import Batch, ReaderSource

class Endless(ReaderSource):
    async def connect(self):
        self.n = 0

    async def read(self):
        begin, self.n = self.n, self.n + 1000
        fields = {f"field{i}": f"value {i} of the document" for i in range(10)}
        return Batch([{**fields, "n": n, "host": f"host{n}"} for n in range(begin, self.n)], {"p": self.n})

with fresh_application(None, ":memory:") as app:
    app.pump_service.add_connection(ElasticSearchConnection(app, "ES", {"url": sys.argv[1]}))
    pipeline = Pipeline(app, "P")
    pipeline.build(Endless(app, pipeline), ElasticSearchSink(app, pipeline, "ES"))
    app.pump_service.add_pipeline(pipeline)
    # Says when nothing more is taken: often, in many turns of the loop, there was nothing new.
    def look(seen=[0, 0]):
        now = pipeline.counters.events_in
        seen[:] = [now, seen[1] + 1 if now and now == seen[0] else 0]
        if seen[1] == 100:
            print(now, flush=True)
        app.Loop.call_later(0.02, look)
    app.Loop.call_later(0, look)
    app.run()
"""


@pytest.mark.slow
def test_memory_is_bounded_while_the_cluster_is_down():
    environment = {**os.environ, "PYTHONPATH": os.getcwd()}
    pump = subprocess.Popen(
        [sys.executable, "-c", PUMP, "http://127.0.0.1:9/"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        env=environment,
    )  # fmt: skip
    with pump:
        try:
            taken = int(pump.stdout.readline())  # it says so when it takes no more
            status = pathlib.Path(f"/proc/{pump.pid}/status").read_text()
        finally:
            pump.kill()
    peak = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) * 1024
    print(f"{taken} events, {peak / 2**20:.0f} MB")

    assert taken > 5_000
    assert peak < 300e6


@pytest.mark.slow
def test_a_frozen_node_is_waited_for(one):
    async def during(app):
        pipeline = app.pump_service.Pipelines["P"]
        await until(lambda: pipeline.counters.events_in > 500)
        one.server.pause()
        try:
            await until(lambda: pipeline.state().startswith("unavailable"))
            assert pipeline.counters.events_in < 10_000
        finally:
            one.server.resume()

    made = events([{"n": n} for n in range(10_000)])
    run(
        ("P", made, sink(index=one.name), {"max_in_flight": 500}),
        prepare=connect(one.url, timeout=1), during=during, timeout=120,
    )  # fmt: skip

    assert {document["n"] for document in one.documents()} == set(range(10_000))

"""What happens to Elasticsearch: it is away, busy, slow, refuses some documents; the network to it is cut."""

from __future__ import annotations

import gc
import itertools
import json
import os
from pathlib import Path

import pytest

from bspump_like.elasticsearch import ElasticSearchConnection
from bspump_like.errors import ConnectionLost
from bspump_like.testing.pump import fresh_application
from tests.end_to_end.harness import for_seconds, moving, stored, wait_for
from tests.end_to_end.servers import Cut
from tests.proxy import Proxy, answer

pytestmark = pytest.mark.service

MEGABYTE = 2**20


def test_the_node_is_away_and_memory_stays_bounded(route, node, make, scale):
    """Away by `kill -9`, so what it has acknowledged must be in its log; with the limits that pumps have by themselves."""
    defaults = {"commit_interval": 0.1, "max_in_flight": 100_000}
    pump = make(route.definition(pipeline=defaults, event_block_size=1000))
    route.count = scale.pick(24_000, 200_000)
    route.fill(route.count // 20, fields=20)
    pump.start()
    moving(pump, 1000)
    node.kill()
    route.fill(fields=20)
    seconds = scale.pick(4, 600)
    most = for_seconds(seconds, pump)
    before = stored(pump)
    node.start()
    away = f"the node was away for {seconds} s and more, {route.count - before} messages waited"
    route.finish(f"{away}, at most {most / MEGABYTE:.0f} MB", pump)
    assert before < route.count // 2, "enough of them must wait"
    assert most < 300 * MEGABYTE
    assert pump.log().count("trying again") <= 5, pump.log()


def test_a_try_that_fails_keeps_nothing_of_its_bulk():
    """Not even until the garbage collector comes, which is rarely while a full pump waits."""
    grown = []

    async def fail(app):
        connection = ElasticSearchConnection(app, "Search", {"url": "http://127.0.0.1:9"})
        for number in range(44):
            if number == 4:
                before = _resident()
            with pytest.raises(ConnectionLost):
                await connection.request("POST", "/_bulk", b"x" * MEGABYTE, content_type="application/x-ndjson")
        grown.append(_resident() - before)
        await connection.on_stop()

    gc.disable()
    try:
        with fresh_application() as app:
            app.Loop.run_until_complete(fail(app))
    finally:
        gc.enable()
    assert grown[0] < 20 * MEGABYTE  # it were 80


def _resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def test_the_node_answers_429_for_a_while(route, node, make, scale):
    busy = []
    with Proxy(node.url, before=lambda call: answer(429, BUSY) if busy else None) as proxy:
        pump = make(route.definition(search=proxy.url))
        route.fill(route.count // 2)
        pump.start()
        moving(pump, route.count // 50)
        busy.append(True)
        for_seconds(scale.pick(2, 60), pump)
        busy.clear()
        route.fill()
        route.finish("429 for every request for a while", pump)
    assert pump.log().count("trying again") < 5, pump.log()


BUSY = {"error": {"type": "es_rejected_execution_exception", "reason": "rejected execution of 1234"}, "status": 429}


class Failing(Proxy):
    """Passes on all of a bulk but every thousandth document, for which it answers with a status of its own; once for each."""

    status = 429

    def __init__(self, target, **options):
        super().__init__(target, **options)
        self.failed: set[int] = set()
        self.numbers = itertools.count()
        self.ever = False

    async def _pass_on(self, call):
        self.calls.clear()
        lines = call.body.splitlines(keepends=True)
        pairs = list(zip(lines[::2], lines[1::2], strict=True))
        fail = [self._fails(json.loads(document)["n"]) for _, document in pairs]
        call.body = b"".join(action + document for (action, document), no in zip(pairs, fail, strict=True) if not no)
        if not any(fail):
            return await super()._pass_on(call)
        outcomes: list = []
        if call.body:
            call.path = "/_bulk"
            outcomes = json.loads((await super()._pass_on(call)).text)["items"]
        no = {"index": {"status": self.status, "error": {"type": "made_up", "reason": "by the test"}}}
        rest = iter(outcomes)
        return answer(200, {"errors": True, "items": [no if one else next(rest) for one in fail]})

    def _fails(self, n):
        if n % 1000 != 7 or (n in self.failed and not self.ever):
            return False
        self.failed.add(n)
        return True


def test_one_document_in_a_thousand_fails_and_succeeds_later(route, node, make):
    with Failing(node.url) as proxy:
        pump = make(route.definition(search=proxy.url))
        route.fill()
        pump.start()
        route.finish("one document in a thousand failed once", pump)
    assert len(proxy.failed) == route.count // 1000


def test_one_document_in_a_thousand_is_refused_for_good(route, node, make):
    refused = route.topics.create("refused")
    with Failing(node.url) as proxy:
        proxy.status, proxy.ever = 400, True
        pump = make(route.definition(search=proxy.url, refused=refused))
        route.fill()
        pump.start()
        apart = range(7, route.count, 1000)
        route.arrive(pump, apart=len(apart))
        wait_for("what is refused is aside", lambda: len(route.topics.values(refused)) >= len(apart), pump)
        route.finish("one document in a thousand was refused", pump, apart=apart)
    assert sorted(json.loads(value)["n"] for value in route.topics.values(refused)) == list(apart)


def test_the_node_is_ten_times_slower(route, node, make):
    with Proxy(node.url, delay=0.3) as proxy:
        pump = make(route.definition(search=proxy.url, pipeline={"max_in_flight": 20_000}))
        route.fill()
        pump.start()
        route.finish("0.3 s more for every answer", pump)


def test_the_network_to_the_node_is_cut(route, node, make, scale):
    with Cut(node.port) as network:
        pump = make(
            route.definition(search=f"http://127.0.0.1:{network.port}", connection={"timeout": scale.pick(2, 30)})
        )
        route.fill(route.count // 2)
        pump.start()
        moving(pump, route.count // 50)
        network.cut()
        route.fill(route.count // 4)
        for_seconds(scale.pick(3, 90), pump)
        network.mend()
        moving(pump, route.count // 50)
        network.reset()
        route.fill()
        route.finish("the network to Elasticsearch was cut", pump)

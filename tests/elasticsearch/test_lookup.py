"""Documents as a lookup: the cache, what is not there, and one request for many keys."""

from __future__ import annotations

import asyncio

import pytest

from bspump_like.common import AsyncLookupEnricher
from bspump_like.elasticsearch import ElasticSearchLookup
from bspump_like.errors import ConnectionLost, ProcessingError
from tests.elasticsearch.conftest import connect
from tests.proxy import Proxy, answer
from tests.pumping import Endless, collect, events, run, until

pytestmark = pytest.mark.service

AIRPORTS = {
    "LKPR": {"code": "PRG", "city": "Prague"},
    "LOWW": {"code": "VIE", "city": "Vienna"},
    "LKTB": {"code": "BRQ", "city": "Brno"},
}


@pytest.fixture
def airports(cluster):
    cluster.make(cluster.name, {"code": {"type": "keyword"}})
    cluster.put(cluster.name, AIRPORTS)
    return cluster


def ask(url, questions, lookup=ElasticSearchLookup, **config):
    """Run `questions(lookup)` beside a pump; return its result and the lookup."""
    said = []

    def prepare(app):
        connect(url)(app)
        app.pump_service.add_lookup(
            lookup(app, "ES", "L", {"reconnect_delay": "20ms", "reconnect_delay_max": "100ms", **config})
        )

    async def during(app):
        await until(app.pump_service.Pipelines["P"].is_ready)
        said.append(await questions(app.pump_service.Lookups["L"]))
        said.append(app.pump_service.Lookups["L"])
        app.stop()

    run(("P", events([], cls=Endless), collect()), prepare=prepare, during=during)
    return said


def test_answers_by_id_and_by_a_field(airports):
    async def questions(lookup):
        return [await lookup.get("LKPR"), await lookup.get("PRG"), await lookup.get("?", "nothing")]

    [by_id, _] = ask(airports.url, questions, index=airports.name)
    [by_code, _] = ask(airports.url, questions, index=airports.name, key="code")

    assert by_id == [AIRPORTS["LKPR"], None, "nothing"]
    assert by_code == [None, AIRPORTS["LKPR"], "nothing"]


@pytest.mark.parametrize("key", ["", "code"])
def test_many_keys_are_one_request_and_answers_are_remembered(airports, key):
    keys = ["LKPR", "LOWW", "nowhere", "LKPR"] if not key else ["PRG", "VIE", "nowhere", "PRG"]

    async def questions(lookup):
        first = await lookup.get_many(keys)
        return first, await lookup.get_many(keys), await lookup.get(keys[0])

    with Proxy(airports.url) as proxy:
        [(first, second, third), lookup] = ask(proxy.url, questions, index=airports.name, key=key)

    assert first == second == [AIRPORTS["LKPR"], AIRPORTS["LOWW"], None, AIRPORTS["LKPR"]]
    assert third == AIRPORTS["LKPR"]
    assert len(proxy.calls) == 1
    assert (lookup.hits, lookup.misses) == (5, 4)
    assert len(lookup) == 3
    assert lookup[keys[0]] == AIRPORTS["LKPR"]
    assert "nowhere" not in lookup


def test_keys_that_are_asked_for_together_share_requests(airports):
    async def questions(lookup):
        async def one(number):
            return await lookup.get(list(AIRPORTS)[number % 3])

        return await asyncio.gather(*(one(number) for number in range(100)))

    with Proxy(airports.url) as proxy:
        [found, _] = ask(proxy.url, questions, index=airports.name, batch_size=2)

    assert found == [list(AIRPORTS.values())[number % 3] for number in range(100)]
    assert len(proxy.calls) == 2


def test_an_answer_is_asked_for_again_when_it_is_too_old(airports):
    async def questions(lookup):
        before = await lookup.get("LKPR")
        await asyncio.to_thread(airports.put, airports.name, {"LKPR": {"city": "Praha"}})
        return before, await lookup.get("LKPR")

    [stale, _] = ask(airports.url, questions, index=airports.name)
    assert stale[0] == stale[1] == AIRPORTS["LKPR"]

    [fresh, _] = ask(airports.url, questions, index=airports.name, cache_ttl=1e-9)
    assert fresh[1] == {"city": "Praha"}


def test_a_small_cache_still_answers_everything(airports):
    async def questions(lookup):
        return await lookup.get_many(AIRPORTS)

    [found, lookup] = ask(airports.url, questions, index=airports.name, cache_size=1)

    assert found == list(AIRPORTS.values())
    assert len(lookup) == 1


@pytest.mark.parametrize("key", ["", "code"])
def test_the_whole_index_may_be_loaded_at_the_start(airports, key):
    async def questions(lookup):
        return sorted(lookup), await lookup.get("LKPR" if not key else "PRG")

    [(keys, found), lookup] = ask(airports.url, questions, index=airports.name, key=key, preload=True)

    assert keys == (["LKPR", "LKTB", "LOWW"] if not key else ["BRQ", "PRG", "VIE"])
    assert found == AIRPORTS["LKPR"]
    assert lookup.misses == 0


@pytest.mark.parametrize("key", ["", "code"])
def test_an_index_that_is_not_there_is_an_error_of_the_event(one, key):
    async def questions(lookup):
        with pytest.raises(ProcessingError, match="is refused: Elasticsearch answers 404: index_not_found_exception"):
            await lookup.get("x")

    ask(one.url, questions, index=one.name, key=key)


def test_asks_again_while_the_cluster_does_not_answer(one, caplog):
    one.put(one.name, AIRPORTS)
    troubles = iter([answer(503), answer(429, {"error": "busy"}), answer(429, {"error": "busy"})])

    async def questions(lookup):
        return await lookup.get("LKPR")

    with Proxy(one.url, lambda call: next(troubles, None)) as proxy:
        [found, _] = ask(proxy.url, questions, index=one.name)

    assert found == AIRPORTS["LKPR"]
    assert len([r for r in caplog.records if "asking again" in r.getMessage()]) == 2
    assert "lookup L works again" in caplog.text


def test_patience_has_an_end_if_asked_for():
    async def questions(lookup):
        with pytest.raises(ConnectionLost, match="lookup L: cannot reach Elasticsearch at http://127.0.0.1:9"):
            await lookup.get("x")
        return True

    assert ask("http://127.0.0.1:9", questions, index="x", patience=0.2)[0]


def test_a_query_of_ones_own(airports):
    class ByCity(ElasticSearchLookup):
        def build_find_one_query(self, key):
            return {"match": {"city": key}}

    async def questions(lookup):
        return await lookup.get("vienna")

    assert ask(airports.url, questions, ByCity, index=airports.name, key="city")[0] == AIRPORTS["LOWW"]


def test_enriches_events_in_order_with_few_requests(airports):
    def prepare(app):
        connect(proxy.url)(app)
        app.pump_service.add_lookup(ElasticSearchLookup(app, "ES", "Airports", {"index": airports.name}))

    kept = []
    items = [{"n": n, "dest": [*AIRPORTS, "nowhere"][n % 4]} for n in range(1000)]
    config = {"lookup": "Airports", "key": "dest", "fields": {"city": "dest_city"}}
    with Proxy(airports.url) as proxy:
        made = lambda app, pipeline: AsyncLookupEnricher(app, pipeline, config=config)  # noqa: E731
        run(("P", events(items, 100), made, collect(kept)), prepare=prepare)

    assert [event["n"] for event in kept] == list(range(1000))
    cities = [row["city"] for row in AIRPORTS.values()]
    assert [event.get("dest_city") for event in kept] == [*cities, None] * 250
    assert len(proxy.calls) <= 2


@pytest.mark.parametrize("status", [404, 503])
def test_what_was_found_stands_when_the_scroll_cannot_be_closed(airports, status):
    def refuse(call):
        return answer(status, {"error": {"type": "x", "reason": "y"}}) if call.method == "DELETE" else None

    async def questions(lookup):
        return await lookup.find_all()

    with Proxy(airports.url, refuse) as proxy:
        [found, _] = ask(proxy.url, questions, index=airports.name)

    assert found == AIRPORTS
    assert [call.path for call in proxy.calls if call.method == "DELETE"][-1:] == ["/_search/scroll"]

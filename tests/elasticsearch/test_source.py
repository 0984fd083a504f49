"""Hits by scroll and by search_after, where a search goes on, and the buckets of aggregations."""

from __future__ import annotations

import asyncio

import pytest

from bspump_like.elasticsearch import ElasticSearchAggsSource, ElasticSearchSource
from bspump_like.errors import ConfigError
from bspump_like.trigger import PubSubTrigger
from tests.elasticsearch.conftest import connect
from tests.proxy import Proxy, answer
from tests.pumping import collect, run, until

pytestmark = pytest.mark.service


def search(url, store=":memory:", body=None, cls=ElasticSearchSource, during=None, trigger=None, **config):
    """Run a pump from a search into a list; return the sink."""
    kept = []

    def source(app, pipeline):
        made = cls(app, pipeline, "ES", body, id="Source", config=config)
        return made.on(PubSubTrigger(app, trigger, overlap="queue")) if trigger else made

    def keep(app, pipeline):
        kept.append(collect()(app, pipeline))
        return kept[0]

    run(("P", source, keep), prepare=connect(url), store=store, during=during, timeout=120)
    return kept[0]


def numbers(events):
    return sorted(event["n"] for event in events)


@pytest.fixture(params=["scroll", "search_after"])
def paging(request):
    return request.param


def test_finds_every_document_page_by_page(cluster, paging):
    for index in ("a", "b"):
        cluster.make(f"{cluster.name}-{index}", shards=2)
    cluster.put(f"{cluster.name}-a", {str(n): {"n": n} for n in range(150)})
    cluster.put(f"{cluster.name}-b", {str(n): {"n": n} for n in range(150, 300)})

    sink = search(cluster.url, index=f"{cluster.name}-*", paging=paging, page_size=7)

    assert numbers(sink.events) == list(range(300))
    assert sink.contexts[0]["es_index"].startswith(cluster.name)
    assert sink.contexts[0]["es_id"] == str(sink.events[0]["n"])


def test_finds_every_document_of_equal_sort_values(cluster, paging):
    cluster.make(cluster.name, shards=3)
    cluster.put(cluster.name, {str(n): {"n": n, "v": n // 50} for n in range(200)})

    sink = search(cluster.url, index=cluster.name, paging=paging, page_size=7, sort_by="v")

    assert numbers(sink.events) == list(range(200))
    assert [event["v"] for event in sink.events] == sorted(event["v"] for event in sink.events)


def test_nothing_is_found_where_there_is_no_index(cluster, paging):
    assert (
        search(
            cluster.url, index=f"{cluster.name}-*", paging=paging, sort_by="v" if paging != "scroll" else "_doc"
        ).events
        == []
    )


def test_the_search_may_be_given_and_begin_at_a_time(cluster, paging):
    cluster.make(cluster.name, {"@timestamp": {"type": "date"}})
    documents = {str(n): {"n": n, "@timestamp": f"2024-01-{1 + n:02}T00:00:00Z", "odd": n % 2} for n in range(20)}
    cluster.put(cluster.name, documents)

    sink = search(
        cluster.url, index=cluster.name, paging=paging, request_body='{"query": {"term": {"odd": 1}}}', start_from="2024-01-11",
    )  # fmt: skip

    assert numbers(sink.events) == [11, 13, 15, 17, 19]


def test_the_whole_hit_may_be_the_event(one):
    one.put(one.name, {"1": {"n": 1}})

    [event] = search(one.url, index=one.name, source="").events

    assert (event["_id"], event["_source"]) == ("1", {"n": 1})


def test_only_the_first_page_is_read_if_asked_for(one):
    one.put(one.name, {str(n): {"n": n} for n in range(20)})

    class FirstPage(ElasticSearchSource):
        def __init__(self, app, pipeline, connection, body, id, config):
            super().__init__(app, pipeline, connection, body, False, id, config)

    assert len(search(one.url, cls=FirstPage, index=one.name, page_size=5).events) == 5


@pytest.mark.parametrize("kind", ["long", "date", "date_nanos", "keyword", "epoch"])
def test_a_later_search_goes_on_behind_the_last_hit(cluster, tmp_path, kind):
    """New documents with the last value are found too, and old ones are not found again."""
    store = str(tmp_path / "store")
    mapping = {"type": "date", "format": "epoch_second"} if kind == "epoch" else {"type": kind}
    cluster.make(cluster.name, {"runtime": mapping}, shards=2)

    def value(n):
        return {
            "long": n // 10,
            "date": f"2024-01-{1 + n // 10:02}T00:00:00.123Z",
            "date_nanos": f"2024-01-01T00:00:00.123456{n // 10:03}Z",
            "keyword": f"k{n // 10:03}",
            "epoch": 1700000000 + n // 10,
        }[kind]

    options = {"index": cluster.name, "paging": "search_after", "sort_by": "runtime", "page_size": 7, "store": store}
    cluster.put(cluster.name, {str(n): {"n": n, "runtime": value(n)} for n in range(95)})
    assert numbers(search(cluster.url, **options).events) == list(range(95))
    cluster.put(cluster.name, {str(n): {"n": n, "runtime": value(n)} for n in range(95, 120)})

    assert numbers(search(cluster.url, **options).events) == list(range(95, 120))
    assert search(cluster.url, **options).events == []


def test_documents_without_the_field_do_not_spoil_the_place(one, tmp_path):
    store = str(tmp_path / "store")
    options = {"index": one.name, "paging": "search_after", "sort_by": "v", "store": store}
    one.put(one.name, {"1": {"n": 1, "v": 1}, "2": {"n": 2}})
    assert numbers(search(one.url, **options).events) == [1]
    one.put(one.name, {"3": {"n": 3, "v": 2}})

    assert numbers(search(one.url, **options).events) == [3]


def test_a_search_that_breaks_midway_goes_on_where_it_broke(one, tmp_path):
    one.make(one.name, {"v": {"type": "long"}}, shards=2)
    one.put(one.name, {str(n): {"n": n, "v": n // 30} for n in range(100)})
    searches = []

    def before(call):
        if call.path == "/_search":
            searches.append(call)
            if len(searches) in (4, 8):
                return answer(404, {"error": {"type": "search_context_missing_exception", "reason": "gone"}})
        return None

    with Proxy(one.url, before) as proxy:
        sink = search(
            proxy.url, index=one.name, paging="search_after", sort_by="v", page_size=7, reconnect_delay=0.01,
        )  # fmt: skip

    assert numbers(sink.events) == list(range(100))


def test_a_part_of_the_shards_is_not_taken_for_all(one, caplog, paging):
    one.put(one.name, {str(n): {"n": n} for n in range(10)})
    broken = iter(range(1))

    def after(call, status, body):
        if "/_search" in call.path and "hits" in body and next(broken, None) is not None:
            body["_shards"] = {"total": 2, "successful": 1, "failed": 1, "failures": [{"reason": "lost"}]}
            body["hits"]["hits"] = []
        return status, body

    with Proxy(one.url, after=after) as proxy:
        sink = search(proxy.url, index=one.name, paging=paging, reconnect_delay=0.01)

    assert numbers(sink.events) == list(range(10))
    assert "1 of 2 shards failed" in caplog.text


def test_every_firing_of_the_trigger_is_a_search(one):
    one.make(one.name, {"v": {"type": "long"}})
    rounds = []

    async def during(app):
        pipeline = app.pump_service.Pipelines["P"]
        await pipeline.ready()
        sink = list(pipeline.iter_processors())[-1]
        for begin in (0, 10):
            documents = {str(n): {"n": n, "v": n} for n in range(begin, begin + 10)}
            await asyncio.to_thread(one.put, one.name, documents)
            app.PubSub.publish("go!")
            await until(lambda expected=begin + 10: len(sink.events) == expected)
            rounds.append(numbers(sink.events))
        app.stop()

    search(one.url, index=one.name, paging="search_after", sort_by="v", trigger="go!", during=during)

    assert rounds == [list(range(10)), list(range(20))]


def test_a_search_that_is_refused_is_said_once_and_tried_again(one, caplog):
    one.put(one.name, {"1": {"n": 1}})

    async def during(app):
        await until(lambda: "starting again" in caplog.text)
        app.stop()

    search(one.url, index=one.name, request_body={"query": {"no_such_query": {}}}, during=during)

    assert f"the search in '{one.name}' is refused: parsing_exception: unknown query [no_such_query]" in caplog.text
    assert "Traceback" not in caplog.text


AIRPORTS = {
    str(n): {"country": "cz" if n % 3 else "at", "size": "small" if n % 2 else "large", "flights": n} for n in range(12)
}


def aggregate(cluster, aggs):
    keyword = {"type": "keyword"}
    cluster.make(cluster.name, {"country": keyword, "size": keyword, "flights": {"type": "integer"}})
    cluster.put(cluster.name, AIRPORTS)
    return search(cluster.url, body={"aggs": aggs}, cls=ElasticSearchAggsSource, index=cluster.name).events


def test_buckets_become_events_with_the_keys_around_them(cluster):
    found = aggregate(
        cluster,
        {
            "country": {
                "terms": {"field": "country"},
                "aggs": {"size": {"terms": {"field": "size"}, "aggs": {"total": {"sum": {"field": "flights"}}}}},
            }
        },
    )

    assert sorted(found, key=str) == sorted(
        [
            {"country": "cz", "size": "small", "doc_count": 4, "total": 1 + 5 + 7 + 11},
            {"country": "cz", "size": "large", "doc_count": 4, "total": 2 + 4 + 8 + 10},
            {"country": "at", "size": "small", "doc_count": 2, "total": 3 + 9},
            {"country": "at", "size": "large", "doc_count": 2, "total": 0 + 6},
        ],
        key=str,
    )


def test_a_composite_aggregation_gives_all_its_pages(cluster):
    sources = [{"country": {"terms": {"field": "country"}}}, {"flights": {"terms": {"field": "flights"}}}]

    found = aggregate(cluster, {"every": {"composite": {"size": 5, "sources": sources}}})

    expected = [{"country": a["country"], "flights": a["flights"], "doc_count": 1} for a in AIRPORTS.values()]
    assert sorted(found, key=str) == sorted(expected, key=str)


def test_metrics_without_buckets_are_one_event(cluster):
    assert aggregate(cluster, {"most": {"max": {"field": "flights"}}}) == [{"most": 11}]


def test_filters_and_single_buckets_are_events_too(cluster):
    found = aggregate(
        cluster, {"big": {"filter": {"term": {"size": "large"}}, "aggs": {"most": {"max": {"field": "flights"}}}}}
    )

    assert found == [{"big": "big", "doc_count": 6, "most": 10}]


def test_a_search_without_aggregations_is_a_mistake():
    with pytest.raises(ConfigError, match="has no 'aggs'"):
        search("http://127.0.0.1:9", cls=ElasticSearchAggsSource)

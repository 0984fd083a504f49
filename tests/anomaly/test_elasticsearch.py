"""Anomalies in a real Elasticsearch: written as they change, read back where the store has none."""

from __future__ import annotations

import asyncio
import json
import time
import urllib.error
import urllib.request
import uuid

import pytest

from bspump_like import Pipeline
from bspump_like.anomaly import AnomalyManager
from bspump_like.common import InternalSource, NullSink
from bspump_like.elasticsearch import ElasticSearchConnection, ElasticSearchSink
from bspump_like.testing import ListSource, run_pump
from tests.proxy import Proxy, answer

pytestmark = pytest.mark.service

QUIET = 100


class Index:
    """An index for one test."""

    def __init__(self, url):
        self.url, self.name = url, f"bs_anomaly_{uuid.uuid4().hex[:12]}"

    def call(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, {"Content-Type": "application/json"}, method=method)
        with urllib.request.urlopen(request, timeout=60) as response:
            return json.load(response)

    def documents(self):
        self.call("POST", f"/{self.name}*/_refresh")
        hits = self.call("POST", f"/{self.name}*/_search", {"size": 1000})["hits"]["hits"]
        assert all(hit["_id"] == hit["_source"]["id"] for hit in hits)
        return sorted((hit["_source"] for hit in hits), key=lambda one: one["started"])


@pytest.fixture
def index(any_search):
    index = Index(any_search.url)
    yield index
    for name in index.call("GET", f"/{index.name}*"):
        try:
            index.call("DELETE", f"/{name}")
        except urllib.error.HTTPError as error:
            error.close()
            raise


def occurrence(time, who="a"):
    return {"type": "slow", "key_dimensions": {"who": who}, "timestamp": time}


def manage(index, events, store=":memory:", url=None, pattern=None, during=None):
    """Run a pump that keeps its anomalies in the index; return its storage."""
    made = {}

    def build(app):
        service = app.pump_service
        service.add_connection(
            ElasticSearchConnection(app, "ES", {"url": url or index.url, "reconnect_delay": 0.05, "timeout": 10})
        )
        pipeline, storing = Pipeline(app, "P"), Pipeline(app, "AnomalyStoragePipeline")
        options = {"quiet": QUIET, "connection": "ES", "index": pattern or f"{index.name}*"}
        made["manager"] = AnomalyManager(app, pipeline, config=options)
        pipeline.build(ListSource(app, pipeline, events), made["manager"], NullSink(app, pipeline))
        sink = ElasticSearchSink(app, storing, "ES", config={"index": index.name})
        storing.build(InternalSource(app, storing), sink)
        service.add_pipelines(pipeline, storing)

    run_pump(build, store=store, timeout=120, during=during)
    index.call("POST", f"/{index.name}*/_refresh")
    return made["manager"].AnomalyStorage


def facts(anomaly):
    return (
        anomaly["key_dimensions"]["who"],
        anomaly["started"],
        anomaly["updated"],
        anomaly["occurrences"],
        anomaly["status"],
    )


def test_each_anomaly_is_one_document_as_it_is_now(index):
    now = time.time()
    storage = manage(index, [occurrence(now), occurrence(now + 50), occurrence(now + 200, "b"), occurrence(now + 210)])
    assert index.documents() == sorted(
        ({"@timestamp": one["@timestamp"], **storage[one["id"]]} for one in index.documents()),
        key=lambda one: one["started"],
    )
    assert [facts(one)[3:] for one in index.documents()] == [(2, "closed"), (1, "open"), (1, "open")]


def test_a_new_store_goes_on_with_what_the_index_has(index, tmp_path):
    now = time.time()
    manage(index, [occurrence(now), occurrence(now + 300, "b"), occurrence(now + 310, "b")], str(tmp_path / "old.db"))
    storage = manage(index, [occurrence(now + 350, "b"), occurrence(now + 360)], str(tmp_path / "new.db"))
    expected = [
        ("a", now, now, 1, "closed"),
        ("b", now + 300, now + 350, 3, "open"),
        ("a", now + 360, now + 360, 1, "open"),
    ]
    assert [facts(one) for one in storage.values()] == expected
    assert [facts(one) for one in index.documents()] == expected
    again = manage(index, [occurrence(now + 350, "b"), occurrence(now + 360)], str(tmp_path / "new.db"))
    assert [facts(one) for one in again.values()] == expected, (
        "where the store has anomalies it is asked, not the index"
    )


def test_closed_ones_that_are_too_old_are_not_loaded_and_pages_are_gone_through(index):
    now = time.time()
    manage(index, [occurrence(now - 10 * 86_400, "old"), *(occurrence(now, f"u{n}") for n in range(1500))])
    storage = manage(index, [])
    assert len(storage) == 1500
    assert {one["status"] for one in storage.values()} == {"open"}


def test_what_is_no_anomaly_is_passed_over(index, caplog):
    manage(index, [occurrence(time.time())])
    index.call("POST", f"/{index.name}/_doc?refresh=true", {"status": "open", "note": "by hand"})
    assert len(manage(index, [])) == 1
    assert f"1 documents in '{index.name}*' are no anomalies" in caplog.text


def test_no_index_means_no_anomalies(index):
    assert not manage(index, [])
    assert not manage(index, [], pattern="bs_anomaly_nowhere")


def test_a_cluster_that_cannot_answer_is_asked_again_before_any_input(index):
    now = time.time()
    manage(index, [occurrence(now)])
    searches = []

    def busy(call):
        if "_search?" in call.path:
            searches.append(call)
            busy = {"error": {"type": "busy", "reason": "later"}}
            return answer((503, 401)[len(searches) - 1], busy) if len(searches) < 3 else None
        return None

    with Proxy(index.url, busy) as proxy:
        storage = manage(index, [occurrence(now + 5)], url=proxy.url)
    assert [facts(one) for one in storage.values()] == [("a", now, now + 5, 2, "open")]


def test_a_stop_before_the_index_could_be_read_does_not_stand_for_having_read_it(index, tmp_path):
    now, store = time.time(), str(tmp_path / "store.db")
    manage(index, [occurrence(now)])

    async def stop_when_asked(app, calls):
        while not calls:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.005)
        pipeline = app.pump_service.Pipelines["P"]
        assert not pipeline.is_ready()
        await pipeline.committer.commit()
        app.stop()

    with Proxy(index.url, lambda call: answer(401) if "_search" in call.path else None) as proxy:
        manage(index, [occurrence(now + 5)], store, proxy.url, during=lambda app: stop_when_asked(app, proxy.calls))
    storage = manage(index, [occurrence(now + 5)], store)
    assert [facts(one) for one in storage.values()] == [("a", now, now + 5, 2, "open")]

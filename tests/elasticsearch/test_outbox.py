"""Documents that a sink of one's own hands to the connection, as the contract's sinks do; and what is counted."""

from __future__ import annotations

import asyncio

import pytest

from bspump_like import Sink
from bspump_like.elasticsearch import ElasticSearchBulk, ElasticSearchLookup, data_feeder_create_or_index
from tests.elasticsearch.conftest import connect
from tests.proxy import Proxy, answer
from tests.pumping import Endless, collect, events, run, until

pytestmark = pytest.mark.service


class OwnSink(Sink):
    """Hands documents to the connection; durable after `flush`."""

    def __init__(self, app, pipeline, index, **parts):
        super().__init__(app, pipeline)
        self.connection = pipeline.locate_connection(app, "ES")
        self.index, self.parts = index, parts

    def process(self, context, event):
        document = dict(event)
        self.connection.consume(
            self.index, data_feeder_create_or_index(document, document.pop("_id", None)), **self.parts
        )

    async def flush(self):
        await self.connection.drained()


def own_sink(index, **parts):
    return lambda app, pipeline: OwnSink(app, pipeline, index, **parts)


def metrics(app):
    """Return name -> fields of all metrics, after asab has collected them."""
    app.PubSub.publish("Metrics.flush!")
    found = {}
    for metric in app.get_service("asab.MetricsService").Metrics:
        fields = metric.Storage["fieldset"][0]
        found[metric.Storage["name"]] = dict(fields.get("actuals") or fields.get("values") or {})
    return found


def test_documents_are_stored_when_they_are_drained(one):
    said = {}

    async def during(app):
        pipeline = app.pump_service.Pipelines["P"]
        await until(lambda: pipeline.committer.in_flight == 0 and pipeline.counters.events_in == 500)
        said.update(metrics(app))
        assert len(one.documents()) == 500
        app.stop()

    items = [{"n": number, **({"_id": str(number)} if number % 2 else {})} for number in range(500)]
    small = {"bulk_out_max_size": 2000, "output_queue_max_size": 3}
    run(("P", events(items, cls=Endless), own_sink(one.name)), prepare=connect(one.url, **small), during=during)

    assert sorted(document["n"] for document in one.documents()) == list(range(500))
    assert {hit["_id"] for hit in one.hits() if hit["_source"]["n"] % 2} == {str(number) for number in range(1, 500, 2)}
    assert said["elasticsearch.insert"] == {"ok": 500, "fail": 0}
    assert said["elasticsearch.outputqueue"] == {"size": 0}


def test_what_is_busy_is_tried_again_and_what_is_refused_is_told(one, caplog):
    one.make(one.name, {"n": {"type": "long"}})
    busy = {"error": {"type": "es_rejected_execution_exception", "reason": "busy"}, "status": 429}
    tries, told, paused, counted = [], [], [], {}

    class Bulk(ElasticSearchBulk):
        def partial_error_callback(self, response_items):
            told.extend(response_items)

    def before(call):
        if call.path.startswith("/_bulk") and len(tries) < 3:
            tries.append(call)
            return answer(429, busy)
        return None

    def note(message_type, connection):
        paused.append(message_type)

    async def during(app):
        app.PubSub.subscribe("ElasticSearchConnection.pause!", note)
        app.PubSub.subscribe("ElasticSearchConnection.unpause!", note)
        pipeline = app.pump_service.Pipelines["P"]
        await until(lambda: pipeline.committer.in_flight == 0 and pipeline.counters.events_in == 4)
        counted.update(metrics(app)["elasticsearch.insert"])
        app.stop()

    with Proxy(one.url, before=before) as proxy:
        items = [{"n": 1}, {"n": "no number"}, {"n": 2}, {"n": 3}]
        sink = own_sink(one.name, bulk_class=Bulk)
        options = {"output_queue_max_size": 1}
        run(("P", events(items, cls=Endless), sink), prepare=connect(proxy.url, **options), during=during)

    assert sorted(document["n"] for document in one.documents()) == [1, 2, 3]
    assert [item["status"] for item in told] == [400]
    assert counted == {"ok": 3, "fail": 1}
    assert paused[:2] == ["ElasticSearchConnection.pause!", "ElasticSearchConnection.unpause!"]
    assert caplog.text.count("trying again, nothing is lost") == 1
    assert "a document is refused with 400" in caplog.text


def test_what_nobody_waits_for_is_sent_when_it_is_old_and_at_the_end(one):
    async def during(app):
        connection = app.pump_service.locate_connection("ES")
        connection.consume(one.name, data_feeder_create_or_index({"n": 1}, "1"))
        connection.flush()
        assert connection._outbox.waiting == 0, "it is not yet old"
        connection.options.max_bulk_age = 0
        connection.flush()
        assert connection._outbox.waiting == 1
        bulk = ElasticSearchBulk(connection, one.name, 1000)
        bulk.consume([b'{"index":{"_index":"%s","_id":"2"}}' % one.name.encode(), b'{"n":2}'], {}, None)
        connection.enqueue(bulk)
        app.stop()

    run(("P", events([], cls=Endless), collect()), prepare=connect(one.url), during=during)
    assert sorted(document["n"] for document in one.documents()) == [1, 2]


def test_a_session_has_the_credentials_of_the_connection(one):
    async def during(app):
        session = app.pump_service.locate_connection("ES").get_session()
        async with session.get(f"{proxy.url}/_cluster/health") as response:
            assert response.status == 200
        app.stop()

    with Proxy(one.url) as proxy:
        prepare = connect(proxy.url, username="u", password="p")
        run(("P", events([], cls=Endless), collect()), prepare=prepare, during=during)
        assert proxy.calls[-1].headers["Authorization"] == "Basic dTpw"


def test_a_lookup_counts_its_answers(one):
    one.make(one.name)
    one.put(one.name, {"LKPR": {"city": "Prague"}})
    said = {}

    def prepare(app):
        connect(one.url)(app)
        app.pump_service.add_lookup(ElasticSearchLookup(app, "ES", "L", {"index": one.name}))

    async def during(app):
        lookup = app.pump_service.Lookups["L"]
        await asyncio.gather(lookup.get("LKPR"), lookup.get("?"))
        await lookup.get("LKPR")
        said.update(metrics(app))
        app.stop()

    run(("P", events([], cls=Endless), collect()), prepare=prepare, during=during)
    assert said["es.lookup.cache"] == {"hit": 1, "miss": 2}
    assert said["es.lookup.success"] == {"hit": 1, "miss": 1}


def test_documents_that_cannot_be_stored_before_the_end_are_said(caplog):
    async def during(app):
        connection = app.pump_service.locate_connection("ES")
        for number in range(3):
            connection.consume("x", data_feeder_create_or_index({"n": number}, None))
        connection.flush(forced=True)
        await until(lambda: "cannot reach Elasticsearch" in caplog.text)
        app.pump_service.settings.options.stop_timeout = 0.2
        app.stop()

    run(("P", events([], cls=Endless), collect()), prepare=connect("http://127.0.0.1:9"), during=during)
    assert "connection ES: 3 documents could not be stored before the end" in caplog.text
    assert caplog.text.count("cannot reach Elasticsearch") == 1

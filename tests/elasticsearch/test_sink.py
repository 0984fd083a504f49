"""Documents into real clusters: what is stored, where, under which id, and what is refused."""

from __future__ import annotations

import asyncio
import datetime
import json

import pytest

from bspump_like import Pipeline
from bspump_like.elasticsearch import ElasticSearchBulk, ElasticSearchSink
from bspump_like.errors import ConfigError, EndOfInput, ProcessingError
from bspump_like.testing import ListSource, fresh_application
from tests.elasticsearch.conftest import connect, index_all, letters, sink
from tests.proxy import Proxy
from tests.pumping import Patient, events, run

pytestmark = pytest.mark.service


def numbers(documents):
    return sorted(document["n"] for document in documents)


def test_stores_dicts_and_ready_bytes_alike(cluster):
    items = [{"n": n} for n in range(250)] + [b'{"n": %d}' % n for n in range(250, 500)]

    pipeline = index_all(cluster.url, items, index=cluster.name)

    assert numbers(cluster.documents()) == list(range(500))
    assert pipeline.counters.events_out == 500


def test_bodies_may_be_laid_out_over_lines(cluster):
    index_all(cluster.url, [b'{\n  "n": 1\n}\r\n', b'{"n": 2}\n'], index=cluster.name)

    assert numbers(cluster.documents()) == [1, 2]


def test_an_id_in_the_event_becomes_the_id_of_the_document(cluster):
    items = [{"_id": f"a{n % 3}", "n": n} for n in range(30)]

    index_all(cluster.url, items, index=cluster.name)

    assert {hit["_id"]: hit["_source"]["n"] for hit in cluster.hits()} == {"a0": 27, "a1": 28, "a2": 29}
    assert items[0] == {"_id": "a0", "n": 0}


def test_a_field_becomes_the_id(cluster):
    index_all(cluster.url, [{"key": 'q"', "n": 1}, {"key": 'q"', "n": 2}], index=cluster.name, document_id="field:key")

    assert [(hit["_id"], hit["_source"]["n"]) for hit in cluster.hits()] == [('q"', 2)]


class Positions(ListSource):
    """A source whose events know their position, as Kafka's do."""

    async def read(self):
        batch = await super().read()
        first = batch.position["list"] - len(batch.events)
        contexts = [
            {"_kafka_topic": "t", "_kafka_partition": 0, "_kafka_offset": first + n} for n in range(len(batch.events))
        ]
        return batch._replace(contexts=contexts)


def test_a_position_becomes_the_id_so_that_a_repetition_stores_nothing_twice(cluster):
    items = [{"n": n} for n in range(100)]
    for _ in range(2):
        source = lambda app, pipeline: Positions(app, pipeline, items)  # noqa: E731
        run(("P", source, sink(index=cluster.name, document_id="position")), prepare=connect(cluster.url))

    assert sorted(hit["_id"] for hit in cluster.hits()) == sorted(f"t:0:{n}" for n in range(100))


def test_the_context_may_choose_the_index(cluster):
    class Contexts(ListSource):
        async def read(self):
            batch = await super().read()
            return batch._replace(contexts=[{"es_index": f"{cluster.name}-{event['n'] % 2}"} for event in batch.events])

    source = lambda app, pipeline: Contexts(app, pipeline, [{"n": n} for n in range(10)])  # noqa: E731
    run(("P", source, sink(index=f"{cluster.name}-no")), prepare=connect(cluster.url))

    assert numbers(cluster.documents(f"{cluster.name}-0")) == [0, 2, 4, 6, 8]
    assert numbers(cluster.documents(f"{cluster.name}-1")) == [1, 3, 5, 7, 9]


def test_bulks_are_sent_when_full_by_several_loaders_at_once(cluster):
    items = [{"n": n, "text": "x" * 200} for n in range(2000)]
    with Proxy(cluster.url, delay=0.05) as proxy:
        index_all(proxy.url, items, connection={"bulk_out_max_size": 20000}, index=cluster.name, batch_size=1000)

    assert numbers(cluster.documents()) == list(range(2000))
    assert all(len(call.body) < 20500 for call in proxy.bulks)
    assert 1 < proxy.most_at_once <= 4


def test_a_bulk_of_several_megabytes_is_sent_whole(cluster):
    items = [{"n": n, "text": "x" * 300_000} for n in range(10)]
    cluster.make(cluster.name, {"text": {"type": "text", "index": False}})

    index_all(cluster.url, items, connection={"bulk_out_max_size": "3M", "compress": True}, index=cluster.name)

    assert numbers(cluster.documents()) == list(range(10))


@pytest.mark.parametrize(
    ("period", "names"),
    [
        ("h", ["2024.12.30-23", "2024.12.31-00"]),
        ("d", ["2024.12.30", "2024.12.31"]),
        ("w", ["2025.w01"]),
        ("m", ["2024.12"]),
    ],
)
def test_the_time_of_an_event_chooses_the_index(one, period, names):
    items = [{"t": "2024-12-30T23:59:59Z"}, {"t": "2024-12-31T00:10:00"}, {"t": "2024-12-31T01:10:00+02:00"}]
    items += [{"t": 1735603200}, {"t": 1735603200.5}, {"t": "2024-12-31T01:30:00+01:00"}]
    index_all(one.url, items, index_prefix=f"{one.name}-", time_field="t", time_period=period)

    found = sorted({hit["_index"].removeprefix(f"{one.name}-") for hit in one.hits()})
    assert found == names
    if period == "d":
        assert len(one.hits(f"{one.name}-2024.12.30")) == 2


def test_without_a_time_field_the_clock_chooses_the_index(cluster):
    before = datetime.datetime.now(datetime.UTC)
    index_all(cluster.url, [{"n": 1}], index_prefix=f"{cluster.name}-")
    after = datetime.datetime.now(datetime.UTC)

    [hit] = cluster.hits()
    assert hit["_index"] in {f"{cluster.name}-{moment:%Y.%m.%d}" for moment in (before, after)}


def test_an_event_without_the_time_goes_to_the_dead_letters(one, tmp_path):
    path = str(tmp_path / "store")
    items = [{"t": "soon"}, {"n": 1}, b"{}", {"t": 1e18}, {"t": float("nan")}, {"t": 0}]
    source = events(items)
    made = sink(index_prefix=f"{one.name}-", time_field="t", on_error="dead_letter")
    run(("P", source, made), prepare=connect(one.url), store=path)

    assert len(letters(path)) == 5
    assert [hit["_index"] for hit in one.hits()] == [f"{one.name}-1970.01.01"]


def test_a_new_index_begins_when_the_newest_is_large_enough(cluster):
    prompt = {"store.stats_refresh_interval": "0s", "refresh_interval": "5ms"}
    cluster.make(f"{cluster.name}-000001", **prompt)
    size = {"rollover_mechanism": "size", "max_index_size": "2k", "size_check_interval": 0}
    next_one, items = f"{cluster.name}-000002", [{"n": n} for n in range(10_000)]

    class UntilItBegins(Patient):
        """Ends when there is the next index."""

        async def read(self):
            if next_one in await asyncio.to_thread(cluster.call, "GET", f"/{cluster.name}-*/_alias"):
                raise EndOfInput
            return await super().read()

    made = sink(index_prefix=f"{cluster.name}-", **size)
    pipelines = run(
        ("P", events(items, cls=UntilItBegins), made, {"max_in_flight": 10}), prepare=connect(cluster.url), timeout=120
    ).pump_service.Pipelines

    assert next_one in cluster.call("GET", f"/{cluster.name}-*/_alias")
    assert numbers(cluster.documents()) == list(range(pipelines["P"].counters.events_in))


def test_a_newest_index_that_is_too_large_at_the_start_gets_nothing_more(cluster):
    cluster.make(f"{cluster.name}-000001", **{"store.stats_refresh_interval": "0s"})
    cluster.put(f"{cluster.name}-000001", {str(n): {"n": n} for n in range(500)})
    cluster.call("POST", f"/{cluster.name}-*/_flush")

    size = {"rollover_mechanism": "size", "max_index_size": "2k"}
    index_all(cluster.url, [{"n": 500}], index_prefix=f"{cluster.name}-", **size)

    assert numbers(cluster.documents(f"{cluster.name}-000002")) == [500]


def test_a_rollover_by_size_goes_on_with_the_newest_index(cluster):
    cluster.make(f"{cluster.name}-000007")

    index_all(cluster.url, [{"n": 1}], index_prefix=f"{cluster.name}-", rollover_mechanism="size")

    assert [hit["_index"] for hit in cluster.hits()] == [f"{cluster.name}-000007"]


def test_the_index_template_is_there_before_the_first_document(cluster, tmp_path):
    template = {
        "index_patterns": [f"{cluster.name}-*"],
        "template": {"mappings": {"properties": {"code": {"type": "keyword"}}}},
    }
    file = tmp_path / "template.json"
    file.write_text(json.dumps(template))

    index_all(
        cluster.url, [{"code": "a b"}], index_prefix=f"{cluster.name}-", template=str(file), template_name=cluster.name
    )

    [mapping] = cluster.call("GET", f"/{cluster.name}-*/_mapping").values()
    assert mapping["mappings"]["properties"]["code"] == {"type": "keyword"}


def test_documents_go_into_a_data_stream(cluster, tmp_path):
    # One name for all runs: without the modules of a distribution nobody can delete a data stream.
    name, template = "bspump-tests-stream", tmp_path / "template.json"
    template.write_text(json.dumps({"index_patterns": [f"{name}*"], "data_stream": {}, "priority": 500}))
    items = [
        {"@timestamp": "2024-01-01T00:00:00Z", "run": cluster.name, "_id": f"{cluster.name}{n}"} for n in range(10)
    ]

    for _ in range(2):  # the second stores nothing twice
        index_all(
            cluster.url, items, index=name, data_stream=True, template=str(template), template_name=name,
        )  # fmt: skip

    mine = [hit for hit in cluster.hits(name) if hit["_source"]["run"] == cluster.name]
    assert len(mine) == 10
    assert all(hit["_index"].startswith(f".ds-{name}") for hit in mine)


def test_a_document_that_does_not_fit_becomes_a_dead_letter_with_the_reason_of_the_cluster(cluster, tmp_path, caplog):
    cluster.make(cluster.name, {"n": {"type": "integer"}})
    items = [{"n": n} for n in range(1000)]
    items[500] = {"n": "five hundred", "_id": "odd"}
    path = str(tmp_path / "store")

    pipeline = index_all(cluster.url, items, index=cluster.name, store=path, batch_size=1000)

    assert numbers(cluster.documents()) == [n for n in range(1000) if n != 500]
    [letter] = letters(path)
    assert letter.event == {"n": "five hundred", "_id": "odd"}
    assert "400" in letter.error
    assert "failed to parse field [n] of type [integer]" in letter.error
    assert pipeline.counters.dead_letters == 1
    assert len([r for r in caplog.records if "is refused with 400" in r.getMessage()]) == 1


def test_bytes_that_are_no_document_become_dead_letters_and_the_rest_is_stored(cluster, tmp_path):
    items: list = [{"n": n} for n in range(100)]
    items[10], items[20], items[30] = b"no json", b"", b'{"n": 1}\n{"delete": {"_index": "x", "_id": "1"}}'
    items[40] = b'{"n": '
    path = str(tmp_path / "store")

    index_all(cluster.url, items, index=cluster.name, store=path)

    refused = {letter.event for letter in letters(path)}
    assert {b"no json", b"", b'{"n": '} <= refused
    kept = {hit["_source"]["n"] for hit in cluster.hits() if "n" in hit["_source"]}
    assert kept >= set(range(100)) - {10, 20, 30, 40}


def test_events_that_no_document_can_be_made_of_go_to_the_policy(one, tmp_path):
    path = str(tmp_path / "store")
    made = sink(index=one.name, on_error="dead_letter")
    run(("P", events([1, {"x": 2**70}, {"x": object()}, {"n": 1}]), made), prepare=connect(one.url), store=path)

    assert numbers(one.documents()) == [1]
    assert len(letters(path)) == 3


def test_an_id_that_is_too_long_costs_only_its_document(cluster, tmp_path):
    path = str(tmp_path / "store")
    items = [{"_id": str(n), "n": n} for n in range(50)] + [{"_id": "x" * 600, "n": 50}]

    index_all(cluster.url, items, index=cluster.name, store=path)

    assert numbers(cluster.documents()) == list(range(50))
    assert "too long" in letters(path)[0].error


def test_a_feeder_of_ones_own_makes_the_lines(cluster):
    def feed(event, id):
        yield b'{"index": {"_id": "%b"}}\n' % id.encode()
        yield json.dumps({"fed": event["n"]}).encode() + b"\n"

    index_all(cluster.url, [{"_id": "a", "n": 1}], index=cluster.name, data_feeder=feed)

    assert [(hit["_id"], hit["_source"]) for hit in cluster.hits()] == [("a", {"fed": 1})]


def test_a_bulk_of_ones_own_is_told_of_what_was_refused(one):
    told = []

    class Watching(ElasticSearchBulk):
        def partial_error_callback(self, response_items):
            told.extend(response_items)

    one.make(one.name, {"n": {"type": "integer"}})
    index_all(one.url, [{"n": 1}, {"n": "x"}], index=one.name, bulk_class=Watching)

    assert [item["status"] for item in told] == [400]


def test_an_event_that_is_refused_at_once_leaves_nothing_for_the_next():
    with fresh_application() as app:
        connect("http://localhost:9200")(app)
        part = ElasticSearchSink(app, Pipeline(app, "P"), "ES", config={"index": "x", "document_id": "position"})
        place = {"_kafka_topic": "t", "_kafka_partition": 0, "_kafka_offset": 1}
        part.process(place, b'{"n": 1}')
        with pytest.raises(ProcessingError, match="no position"):
            part.process({}, b'{"n": 2}')
        part.process({**place, "_kafka_offset": 3}, {"n": 3})
        documents = part._loaders[0].bulk.documents
        assert [document.event for document in documents] == [b'{"n": 1}', {"n": 3}]


def test_fields_of_the_event_choose_index_and_id(one):
    found = {}
    for place in ("prague", "brno"):
        one.make(f"{one.name}-{place}")
    items = [{"place": "prague", "n": 1}, {"place": "brno", "n": 2}, {"place": "brno", "n": 2}, {"n": 3}]
    pipeline = index_all(
        one.url, items, index=f"{one.name}-{{{{ place }}}}", document_id="{{ place }}-{{ n }}", on_error="dead_letter"
    )
    for place in ("prague", "brno"):
        found[place] = one.documents(f"{one.name}-{place}")
    assert [document["n"] for document in found["prague"]] == [1]
    assert [document["n"] for document in found["brno"]] == [2]
    assert pipeline.counters.dead_letters == 1


def test_a_slow_cluster_throttles_the_source_and_tells_it(one):
    said = []

    def listen(message, *_):
        said.append(message)

    def prepare(app):
        connect(proxy.url, bulk_out_max_size=1000, output_queue_max_size=2)(app)
        for kind in ("pause", "unpause"):
            app.PubSub.subscribe(f"ElasticSearchConnection.{kind}!", listen)

    with Proxy(one.url, delay=0.02) as proxy:
        run(
            ("P", events([{"n": n, "x": "y" * 50} for n in range(2000)]), sink(index=one.name)),
            prepare=prepare,
            timeout=120,
        )

    assert "ElasticSearchConnection.pause!" in said
    assert "ElasticSearchConnection.unpause!" in said
    assert numbers(one.documents()) == list(range(2000))


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        ({"document_id": "n"}, "use position, field:NAME, or a template"),
        ({"data_stream": True}, "must have the name of the data stream"),
        ({"index": "Upper"}, "no name of an index"),
        ({"index_prefix": "_a"}, "no name of an index"),
        ({"template": "/no/such/file"}, "option 'template' has '/no/such/file'"),
    ],
)
def test_options_that_cannot_be_are_said_before_anything_is_sent(caplog, config, sentence):
    said = ""
    try:
        run(("P", events([{"n": 1}]), sink(**config)), prepare=connect("http://127.0.0.1:9"))
    except ConfigError as error:
        said = str(error)

    assert sentence in said + caplog.text

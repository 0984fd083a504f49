"""A real cluster, an index of one's own in it, and pumps that go there."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
import uuid

import pytest

from bspump_like.elasticsearch import ElasticSearchConnection, ElasticSearchSink
from bspump_like.store import Store
from tests.pumping import events, run


class Cluster:
    """What a test asks a node for, beside the pump; `name` is the prefix of everything the test makes."""

    def __init__(self, server):
        self.server = server
        self.url = server.url
        self.name = f"t{uuid.uuid4().hex[:12]}"
        self.is_opensearch = server.release.product == "opensearch"

    def call(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, {"Content-Type": "application/json"}, method=method)
        with urllib.request.urlopen(request, timeout=60) as response:
            text = response.read()
        return json.loads(text) if text else None

    def make(self, index, properties=None, shards=1, **settings):
        settings = {"number_of_shards": shards, "number_of_replicas": 0, **settings}
        self.call("PUT", f"/{index}", {"settings": settings, "mappings": {"properties": properties or {}}})

    def put(self, index, documents):
        lines = []
        for id, document in documents.items():
            lines += [json.dumps({"index": {"_index": index, "_id": id}}), json.dumps(document)]
        request = urllib.request.Request(
            f"{self.url}/_bulk?refresh=true", ("\n".join(lines) + "\n").encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=60) as response:
            assert not json.load(response)["errors"]

    def hits(self, index=None):
        """Return all hits of an index or pattern."""
        pattern = index or f"{self.name}*"
        self.call("POST", f"/{pattern}/_refresh")
        page = self.call("POST", f"/{pattern}/_search?scroll=1m", {"size": 10000, "sort": ["_doc"]})
        found = []
        while page["hits"]["hits"]:
            found += page["hits"]["hits"]
            page = self.call("POST", "/_search/scroll", {"scroll": "1m", "scroll_id": page["_scroll_id"]})
        self.call("DELETE", "/_search/scroll", {"scroll_id": page["_scroll_id"]})
        return found

    def documents(self, index=None):
        return [hit["_source"] for hit in self.hits(index)]

    def clean(self):
        for name in self.call("GET", f"/{self.name}*"):
            self._try("DELETE", f"/{name}")
        self._try("DELETE", f"/_index_template/{self.name}")

    def _try(self, method, path):
        try:
            self.call(method, path)
        except urllib.error.HTTPError as error:
            with error:  # not there; or of a data stream, which only a distribution can delete
                if error.code not in (400, 404, 405):
                    raise


@pytest.fixture
def cluster(search):
    """One node, each version in turn."""
    cluster = Cluster(search)
    yield cluster
    cluster.clean()


@pytest.fixture
def one(any_search):
    """A node of the newest version, for what does not depend on it."""
    cluster = Cluster(any_search)
    yield cluster
    cluster.clean()


QUICK = {"reconnect_delay": 0.05, "reconnect_delay_max": 0.2}


def connect(url, **config):
    """Return what adds the connection ES to an application."""

    def prepare(app):
        url_of = " ".join(url) if isinstance(url, list) else url
        app.pump_service.add_connection(ElasticSearchConnection(app, "ES", {"url": url_of, **QUICK, **config}))

    return prepare


def sink(**config):
    """Return what makes a sink of documents."""
    parts = {key: config.pop(key) for key in ("bulk_class", "data_feeder") if key in config}
    return lambda app, pipeline: ElasticSearchSink(app, pipeline, "ES", "Sink", config, **parts)


def index_all(
    url, items, during=None, store=":memory:", timeout=120, batch_size=100, connection=None, contexts=None, **config
):
    """Run a pump that indexes items and ends; return its pipeline."""
    made = contexts(items, batch_size) if contexts else events(items, batch_size)
    app = run(
        ("P", made, sink(**config)),
        prepare=connect(url, **(connection or {})),
        during=during,
        store=store,
        timeout=timeout,
    )
    return app.pump_service.Pipelines["P"]


def letters(path):
    store = Store(path)
    try:
        return store.dead_letters()
    finally:
        store.close()

"""A real InfluxDB, a database of one's own in it, and pumps that write there."""

from __future__ import annotations

import json
import urllib.parse
import urllib.request
import uuid

import pytest

from bspump_like.influxdb import InfluxDBConnection, InfluxDBSink
from bspump_like.store import Store
from tests.pumping import events, run


class Database:
    """What a test asks the server for, beside the pump."""

    def __init__(self, server):
        self.server = server
        self.url = server.url
        self.name = f"t{uuid.uuid4().hex[:12]}"
        self.query(f'CREATE DATABASE "{self.name}"', db="")

    def query(self, text, db=None, epoch="ns"):
        query = urllib.parse.urlencode({"q": text, "db": self.name if db is None else db, "epoch": epoch})
        request = urllib.request.Request(f"{self.url}/query", query.encode(), method="POST")
        with urllib.request.urlopen(request, timeout=30) as response:
            [result] = json.load(response)["results"]
        assert "error" not in result, result
        return result.get("series", [])

    def rows(self, measurement="m"):
        """Return the points of a measurement as dicts, tags and fields alike, without what is not there."""
        quoted = measurement.replace("\\", "\\\\").replace('"', '\\"')
        return [
            {key: value for key, value in zip(series["columns"], row, strict=True) if value is not None}
            for series in self.query(f'SELECT * FROM "{quoted}"')
            for row in series["values"]
        ]

    def drop(self):
        self.query(f'DROP DATABASE "{self.name}"', db="")


@pytest.fixture
def database(influxdb):
    database = Database(influxdb)
    yield database
    database.drop()


def write_all(
    url, items, store=":memory:", during=None, timeout=120, batch_size=100, pipeline=None, on_error="stop", **config
):
    """Run a pump that writes points and ends; return its pipeline."""

    def prepare(app):
        quick = {"reconnect_delay": 0.05, "reconnect_delay_max": 0.2}
        app.pump_service.add_connection(InfluxDBConnection(app, "Influx", {"url": url, **quick, **config}))

    def sink(app, pipeline):
        return InfluxDBSink(app, pipeline, "Influx", "Sink", {"on_error": on_error})

    app = run(
        ("P", events(items, batch_size), sink, pipeline or {}),
        prepare=prepare,
        store=store,
        during=during,
        timeout=timeout,
    )
    return app.pump_service.Pipelines["P"]


def letters(path):
    store = Store(path)
    try:
        return store.dead_letters()
    finally:
        store.close()

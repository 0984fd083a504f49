"""The example of each component runs as it stands: a pump to its end, or until something has come out; or a Python program."""

from __future__ import annotations

import asyncio
import csv
import gzip
import importlib
import io
import os
import re
import sqlite3
import sys
import tarfile
import urllib.request

import pytest

from bspump_like.abc import TriggerSource
from bspump_like.builder import PumpBuilder
from bspump_like.builder.catalogue import entries, example_of
from bspump_like.builder.registry import own_components
from bspump_like.testing import run_pump

EXAMPLES = [one for one in entries() if re.match(r"[a-z]+:\n", one.example)]
PROGRAMS = {
    name: example
    for name, module in own_components().items()
    if (example := example_of(getattr(importlib.import_module(module), name))) and "pipelines:" not in example
}
_EMPTY = {"StdinSource"}  # there is nothing to read
_REFUSES = {"IntegrityVerifier", "ValidateProcessor"}  # these show what is refused
_SERVERS = {"KAFKA": "kafka", "ELASTICSEARCH": "any_search", "INFLUXDB": "influxdb", "MEMCACHED": "memcached"}
_ELSEWHERE = {
    "IPGeoLookup": "needs a licensed database; tests/lookup makes one",
}
_FLIGHTS = [
    {"origin": "JFK", "dest": "SFO", "delay": "12", "dep_delay": "12"},
    {"origin": "LGA", "dest": "BOS", "delay": "3", "dep_delay": "3"},
]


@pytest.fixture
def files(tmp_path, monkeypatch):
    """The files that examples read, in the working directory."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "in"
    folder.mkdir()
    text = io.StringIO()
    writer = csv.DictWriter(text, _FLIGHTS[0])
    writer.writeheader()
    writer.writerows(_FLIGHTS)
    (folder / "a.csv").write_text(text.getvalue())
    (folder / "a.log").write_text("first line\nsecond line\n")
    (folder / "a.txt").write_text("first line\nsecond line\n")
    with gzip.open(folder / "a.ndjson.gz", "wt") as file:
        file.write('{"id": 1}\n{"id": 2}\n')
    with tarfile.open(folder / "a.tar.gz", "w:gz") as archive:
        archive.add(folder / "a.log", "a.log")
    (tmp_path / "tariff.csv").write_text("low,high,price\n0,10,2\n10,20,3\n")
    (tmp_path / "var").mkdir()
    for name in ("flights.db", "var/planes.db"):
        with sqlite3.connect(tmp_path / name) as db:
            db.execute("CREATE TABLE flights (flight INTEGER PRIMARY KEY, origin TEXT)")
            db.execute("INSERT INTO flights VALUES (1, 'JFK')")
            db.execute(
                "CREATE TABLE planes (tailnum TEXT PRIMARY KEY, year INTEGER, seats INTEGER, manufacturer TEXT, model TEXT)"
            )
            db.execute("INSERT INTO planes VALUES ('N14228', 1999, 149, 'BOEING', '737')")
        db.close()
    return tmp_path


def _write_columns(folder):
    import fastavro
    import pyarrow
    import pyarrow.parquet

    rows = [{**row, "delay": float(row["delay"]), "dep_delay": float(row["dep_delay"])} for row in _FLIGHTS]
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), folder / "in" / "a.parquet")
    fields = [{"name": name, "type": "double" if "delay" in name else "string"} for name in rows[0]]
    for path in (folder / "in" / "a.avro", folder / "example.avro"):
        with path.open("wb") as file:
            fastavro.writer(file, {"type": "record", "name": "Flight", "fields": fields}, rows)


async def _until_something_came_out(app):
    counters = [pipeline.counters for pipeline in app.pump_service.Pipelines.values()]
    while not any(one.events_out or one.dropped for one in counters):  # noqa: ASYNC110 - nobody tells
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.05)
    app.stop()


@pytest.mark.parametrize("one", EXAMPLES, ids=lambda one: one.name)
def test_the_example_runs(one, files, request, monkeypatch):
    if one.name in _ELSEWHERE:
        pytest.skip(_ELSEWHERE[one.name])
    for variable, fixture in _SERVERS.items():
        if f"${{{variable}:" in one.example:
            _prepare(variable, request.getfixturevalue(fixture), monkeypatch)
    if ".parquet" in one.example or ".avro" in one.example:
        _write_columns(files)
    (files / "pump.yaml").write_text(one.example)

    def build(app):
        builder = PumpBuilder("pump.yaml", allow=["bspump_like.subprocess"])
        builder.construct_pump(app, app.pump_service)
        for pipeline in app.pump_service.Pipelines.values():
            for source in pipeline.Sources:
                if isinstance(source, TriggerSource):
                    source.once = True

    endless = "KafkaSource" in one.example
    with open(os.devnull) as nothing:
        monkeypatch.setattr(sys, "stdin", nothing)
        app = run_pump(build, during=_until_something_came_out if endless else None, timeout=120)
    pipelines = app.pump_service.Pipelines.values()
    assert app.ExitCode == 0
    assert (sum(pipeline.counters.errors for pipeline in pipelines) > 0) == (one.name in _REFUSES)
    for pipeline in pipelines:
        assert not pipeline.is_error(), one.name
        assert pipeline.counters.events_in or one.name in _EMPTY
        assert pipeline.ended or endless


@pytest.mark.usefixtures("program")
@pytest.mark.parametrize("name", PROGRAMS)
def test_the_program_runs(name, files):
    exec(compile(PROGRAMS[name], "<example>", "exec"), {"__name__": "example"})


def _prepare(variable, server, monkeypatch):
    """Let an example find the server, and there what it reads."""
    monkeypatch.setenv(variable, server.url)
    if variable == "KAFKA":
        _fill_topic(server.url)
    elif variable == "INFLUXDB":
        _ask(f"{server.url}/query", b"q=CREATE DATABASE flights", "application/x-www-form-urlencoded")
    elif variable == "MEMCACHED":
        _store(server.url, "planes:N14228", b'{"maker": "BOEING", "seats": 149}')
    else:
        _ask(f"{server.url}/flights/_doc/UA1545?refresh=true", b'{"flight": 1545, "origin": "EWR"}', "application/json")


def _ask(url, body, kind):
    request = urllib.request.Request(url, body, {"content-type": kind}, method="POST")
    with urllib.request.urlopen(request, timeout=30) as answer:
        answer.read()


def _store(server, key, value):
    from pymemcache import PooledClient

    client = PooledClient(server, timeout=30)
    client.set(key, value, noreply=False)
    client.close()


def _fill_topic(servers):
    import aiokafka
    from aiokafka.admin import AIOKafkaAdminClient, NewTopic
    from aiokafka.errors import TopicAlreadyExistsError

    async def fill():
        admin = AIOKafkaAdminClient(bootstrap_servers=servers)
        await admin.start()
        try:
            await admin.create_topics([NewTopic("flights", 1, 1)])
        except TopicAlreadyExistsError:
            pass
        finally:
            await admin.close()
        async with aiokafka.AIOKafkaProducer(bootstrap_servers=servers) as producer:
            for number in range(3):
                await producer.send_and_wait("flights", b'{"flight": %d}' % number, key=b"EWR")

    asyncio.run(fill())

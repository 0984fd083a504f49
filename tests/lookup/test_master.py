"""A slave and its master, which is another process with a web server; what becomes of the slave when it is away."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from bspump_like import ConfigError
from bspump_like.abc.table_json import PIECE
from bspump_like.common import LookupEnricher
from bspump_like.lookup import CompactLookup, FileLookup
from bspump_like.testing import fresh_application
from tests.ports import free_port
from tests.pumping import Endless, collect, events, run, until

ROOT = Path(__file__).parent.parent.parent


class Master:
    """The other pump."""

    def __init__(self, folder):
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.table = folder / "table.csv"
        self.table.write_text("k,v\n1,one\n2,two\n")
        self.token = ""
        self.process = None

    def start(self, *more, wait=True):
        command = [sys.executable, "-m", "tests.lookup.master_pump", str(self.port), str(self.table), self.token, *more]
        self.process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)
        if wait:
            self.wait()
        return self

    def wait(self):
        deadline = time.monotonic() + 60
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                assert time.monotonic() < deadline, "the master does not come up"
                assert self.process.poll() is None, "the master has ended"

    def kill(self):
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
            self.process = None

    def write(self, text):
        new = self.table.with_suffix(".new")
        new.write_text(text)
        os.replace(new, self.table)


@pytest.fixture
def master(tmp_path):
    it = Master(tmp_path)
    yield it
    it.kill()


QUICK = {"master_period": "20ms", "reconnect_delay": "20ms", "reconnect_delay_max": "20ms", "path": "-", "key": "k"}
INPUT = [{"k": 1}, {"k": 2}, {"k": 3}]


def slave(url, during, *, port=None, before=None, **config):
    """Run a pump whose lookup is a slave; return what its sink got, and the application."""
    got = []

    def prepare(app):
        if before is not None:
            before(app)
        app.pump_service.add_lookup(
            FileLookup(app, "Table", {"master_url": url, "use_cache": False, **QUICK, **config})
        )

    def enrich(app, pipeline):
        return LookupEnricher(app, pipeline, config={"lookup": "Table", "key": "k", "missing": "drop"})

    async def watched(app):
        await during(app, app.pump_service.Lookups["Table"], got)
        app.stop()

    options = {"config": {"web": {"listen": f"127.0.0.1 {port}"}}} if port else {}
    app = run(("P", events(INPUT, cls=Endless), enrich, collect(got)), prepare=prepare, during=watched, **options)
    return got, app


async def get(url, **headers):
    async with aiohttp.ClientSession() as session, session.get(url, headers=headers) as response:
        return response.status, await response.read(), response.headers


def test_a_slave_has_the_table_before_its_pipelines_start_and_follows_its_changes(master):
    master.start()

    async def during(app, lookup, got):
        await until(lambda: len(got) == 2)
        assert dict(lookup) == {1: {"k": 1, "v": "one"}, 2: {"k": 2, "v": "two"}}
        master.write("k,v\n1,uno\n")
        await until(lambda: len(lookup) == 1)
        assert lookup[1]["v"] == "uno"

    got, app = slave(master.url, during)
    assert [event["v"] for event in got] == ["one", "two"]
    assert app.ExitCode == 0


def test_an_unchanged_table_does_not_travel_again(master):
    master.start()

    async def during(app, lookup, got):
        await until(lambda: len(got) == 2)
        table = lookup.Dictionary
        assert await lookup.update() is False
        assert lookup.Dictionary is table  # what travels is a new dict

    slave(master.url, during, master_period=0)


def test_a_table_of_several_pieces_travels_whole(master):
    count = 2 * PIECE + 7
    master.write("k,v\n" + "".join(f"{n},v{n}\n" for n in range(count)))
    master.start()

    async def during(app, lookup, got):
        await until(lambda: len(got) == 3)
        assert dict(lookup) == {n: {"k": n, "v": f"v{n}"} for n in range(count)}

    slave(master.url, during)


def test_without_master_and_copy_nothing_starts_and_readiness_tells_until_it_comes(master, caplog):
    port = free_port()

    async def during(app, lookup, got):
        ready = f"http://127.0.0.1:{port}/ready"
        await until(lambda: lookup.problem)
        status, body, _ = await get(ready)
        assert (status, got, len(lookup)) == (503, [], 0)
        assert b'"Table":"the master at http://127.0.0.1:' in body
        assert (await get(f"http://127.0.0.1:{port}/bspump/v1/lookup/Table"))[
            0
        ] == 503  # no empty table for its own slaves
        await asyncio.to_thread(master.start)
        await until(lambda: len(got) == 2)
        assert (await get(ready))[0] == 200

    got, app = slave(master.url, during, port=port)
    assert len(got) == 2
    assert app.ExitCode == 0
    said = [record.getMessage() for record in caplog.records if "cannot be loaded" in record.getMessage()]
    assert len(said) == len(set(said)) <= 3, (
        said
    )  # not one line for each try; a master that starts is not ready for a moment
    assert "no pipeline starts before" in said[0]
    assert "lookup Table: loaded again" in caplog.text


def test_without_master_the_copy_of_the_last_run_serves(master, tmp_path, caplog):
    kept = {"use_cache": True, "cache_dir": str(tmp_path / "kept")}

    async def loaded(app, lookup, got):
        await until(lambda: len(got) == 2)

    master.start()
    slave(master.url, loaded, **kept)
    master.kill()

    async def during(app, lookup, got):
        await until(lambda: len(got) == 2)
        assert lookup.is_ready()
        assert "cannot be reached" in lookup.problem
        assert lookup.rest_get()["LoadedAt"] == (tmp_path / "kept" / "lookup-Table.cache").stat().st_mtime
        master.write("k,v\n3,three\n")
        await asyncio.to_thread(master.start)
        await until(lambda: 3 in lookup)  # without a word from anybody
        await until(lambda: not lookup.problem)

    got, _ = slave(master.url, during, **kept)
    assert [event["v"] for event in got] == ["one", "two"]
    assert "the table as it was stays" in caplog.text


def test_the_copy_saves_the_transfer_when_nothing_has_changed(master, tmp_path):
    kept = {"use_cache": True, "cache_dir": str(tmp_path)}
    versions = []

    async def during(app, lookup, got):
        await until(lambda: len(got) == 2)
        versions.append(lookup._etag)
        assert await lookup.update() is False

    master.start()
    before = time.time()
    slave(master.url, during, **kept)
    written = (tmp_path / "lookup-Table.cache").stat().st_mtime_ns
    slave(master.url, during, **kept)
    assert versions[0] == versions[1] != ""
    assert (tmp_path / "lookup-Table.cache").stat().st_mtime_ns == written > before


def test_a_master_that_goes_away_leaves_the_last_table(master, caplog):
    master.start()

    async def during(app, lookup, got):
        await until(lambda: len(got) == 2)
        await asyncio.to_thread(master.kill)
        await until(lambda: lookup.problem)
        assert dict(lookup) == {1: {"k": 1, "v": "one"}, 2: {"k": 2, "v": "two"}}
        assert lookup.is_ready()
        master.write("k,v\n9,nine\n")
        await asyncio.to_thread(master.start)
        await until(lambda: 9 in lookup)

    _, app = slave(master.url, during)
    assert app.ExitCode == 0
    assert "the table as it was stays" in caplog.text


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ({"master_lookup_id": "Tabel"}, "answers 404 (it has no lookup 'Tabel'; see 'master_lookup_id')"),
        ({"master_token": "wrong"}, "answers 401 (set 'master_token' to its [web] token)"),
        ({}, "answers 401"),
        ({"master_url": "http://127.0.0.1:none"}, "of the master is no URL"),
        ({"master_token": "sesame", "master_max_size": 20}, "is larger than 20 bytes (raise 'master_max_size')"),
    ],
)
def test_a_mistake_ends_the_start_with_a_sentence(master, caplog, config, told):
    if config.get("master_lookup_id") is None:
        master.token = "sesame"
    master.start()

    async def during(app, lookup, got):
        await asyncio.Event().wait()  # it ends by itself

    _, app = slave(config.pop("master_url", master.url), during, **config)
    assert app.ExitCode == 2
    assert told in caplog.text


def test_the_token_opens_the_master(master):
    master.token = "sesame"
    master.start()

    async def during(app, lookup, got):
        await until(lambda: len(got) == 2)

    assert len(slave(master.url, during, master_token="sesame")[0]) == 2


def test_a_lookup_that_cannot_be_written_out_is_said_to_slaves(master, caplog):
    master.start()

    async def during(app, lookup, got):
        await until(lambda: "Unserved defines no serialize()" in lookup.problem)

    slave(master.url, during, master_lookup_id="Unserved")
    assert "answers 501" in caplog.text


def test_a_slave_may_be_the_master_of_others(master, tmp_path):
    master.start()
    second = Master(tmp_path)
    second.start(master.url)
    try:

        async def during(app, lookup, got):
            await until(lambda: len(got) == 2)
            master.write("k,v\n5,five\n")
            await until(lambda: 5 in lookup)

        slave(second.url, during)
    finally:
        second.kill()


def test_a_damaged_copy_is_not_used_and_it_is_said(master, tmp_path, caplog):
    (tmp_path / "lookup-Table.cache").write_bytes(b'"tag"\n[[1, tru')
    master.start()

    async def during(app, lookup, got):
        await until(lambda: len(got) == 2)

    slave(master.url, during, use_cache=True, cache_dir=str(tmp_path))
    assert "cannot be used" in caplog.text


def test_a_master_that_answers_nothing_is_given_up_after_the_timeout(caplog):
    with socket.create_server(("127.0.0.1", 0)) as silent:

        async def during(app, lookup, got):
            await until(lambda: "no answer within 0.05 s" in lookup.problem)

        slave(f"http://127.0.0.1:{silent.getsockname()[1]}", during, master_timeout="50ms")


def test_a_table_of_anybody_who_writes_json_is_read():
    with fresh_application() as app:
        lookup = FileLookup(app, "L", {"path": "-", "key": "k"})
        for text in (b'{\n  "a": 1,\n  "b": {\n    "c": 2\n  }\n}', b'{"a":1,"b":{"c":2}}', b'[["a",1],["b",{"c":2}]]'):
            lookup.deserialize(text)
            assert dict(lookup) == {"a": 1, "b": {"c": 2}}
        for text in (b"5", b"{", b"[1]", b""):
            with pytest.raises(ValueError, match=r"expected keys with values|Input|unexpected"):
                lookup.deserialize(text)


def test_a_slave_has_one_version_whole_whatever_becomes_of_its_master(master):
    """The file changes, the master is killed while it reads or answers; no table is a mixture, and the last one arrives."""
    count, versions = 3000, 12

    def write(version):
        master.write("k,v\n" + "".join(f"{n},{version}\n" for n in range(count)))

    def rewrite():
        for version in range(1, versions + 1):
            write(version)
            if version % 4 == 0:
                master.kill()
                master.start()

    seen = set()

    def look(lookup):
        table = lookup.Dictionary
        found = {row["v"] for row in table.values()}
        assert len(found) == 1
        assert len(table) == count
        seen.update(found)
        return found == {str(versions)}

    async def during(app, lookup, got):
        await until(lambda: len(got) == 3)
        rewriting = asyncio.create_task(asyncio.to_thread(rewrite))
        while not rewriting.done():
            look(lookup)
            await asyncio.sleep(0)
        await rewriting
        await until(lambda: look(lookup))

    write(0)
    master.start()
    slave(master.url, during)
    assert {"0", str(versions)} <= seen


def test_a_table_that_breaks_off_on_its_way_is_not_taken(master, caplog):
    """The master dies while it answers: what came of the table is a document that could even be read."""
    whole = b'[\n[1,{"v":1}],\n[2,{"v":2}]\n]'

    async def answer(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b'HTTP/1.1 200 OK\r\nETag: "x"\r\nContent-Length: %d\r\n\r\n' % (len(whole) + 5) + whole)
        await writer.drain()
        writer.close()

    async def during(app, lookup, got):
        await until(lambda: lookup.problem)
        assert not lookup.is_ready()
        server.close()
        await asyncio.to_thread(master.start)
        await until(lambda: len(got) == 2)

    server = None

    def prepare(app):
        nonlocal server
        server = app.Loop.run_until_complete(asyncio.start_server(answer, "127.0.0.1", master.port))

    slave(master.url, during, before=prepare)
    assert "cannot be reached" in caplog.text


def test_a_lookup_that_is_added_later_is_loaded(tmp_path):
    (tmp_path / "a.csv").write_text("k,v\n1,one\n")

    async def during(app):
        await until(app.pump_service.Pipelines["P"].is_ready)
        lookup = app.pump_service.add_lookup(FileLookup(app, "Late", {"path": str(tmp_path / "a.csv"), "key": "k"}))
        await until(lookup.is_ready)
        assert list(lookup) == ["1"]
        app.stop()

    run(("P", events([], cls=Endless), collect([])), during=during)


class WebServer:
    """Any web server: answers with `text`, and says which version it is in the way that is asked for."""

    def __init__(self, text, header):
        self.text, self.header, self.statuses = text, header, []

    async def listen(self):
        self._runner = web.ServerRunner(web.Server(self.handle))
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        return self._runner.addresses[0][1]

    async def close(self):
        await self._runner.cleanup()

    async def handle(self, request):
        value = {"ETag": f'"{len(self.text)}"', "Last-Modified": f"Sat, 21 Nov 2026 11:00:{len(self.text):02} GMT"}.get(
            self.header
        )
        asked = request.headers.get("If-None-Match") or request.headers.get("If-Modified-Since")
        headers = {self.header: value} if value else {}
        status = 304 if value and asked == value else 200
        self.statuses.append(status)
        return web.Response(status=status, text=None if status == 304 else self.text, headers=headers)


@pytest.mark.parametrize("header", ["ETag", "Last-Modified", ""])
def test_a_table_at_any_web_server_is_followed(header):
    server, lookups, changes = WebServer('{"a": {"v": 1}, "b": {"v": 2}}', header), [], []

    def prepare(app):
        port = app.Loop.run_until_complete(server.listen())
        config = {"source_url": f"http://127.0.0.1:{port}/t.json", "use_cache": False, **QUICK}
        lookups.append(app.pump_service.add_lookup(FileLookup(app, "Table", config)))
        app.PubSub.subscribe("bspump.Lookup.changed!", on_change)

    def on_change(message_type, lookup):
        changes.append(dict(lookup))

    async def during(app):
        await until(lambda: len(server.statuses) == 3)
        assert server.statuses == ([200, 304, 304] if header else [200, 200, 200])
        server.text = '{"a": {"v": 3}}'
        await until(lambda: lookups[0].get("a") == {"v": 3})
        await server.close()
        app.stop()

    run(("P", events([], cls=Endless), collect([])), prepare=prepare, during=during)
    assert changes == [{"a": {"v": 1}, "b": {"v": 2}}, {"a": {"v": 3}}]


@pytest.mark.parametrize("scheme", ["", "file://"])
@pytest.mark.parametrize("cls", [FileLookup, CompactLookup])
def test_a_table_in_a_file_is_followed(tmp_path, cls, scheme):
    table, changes = tmp_path / "table.json", []
    table.write_text('{"a": {"v": 1}}')

    def hear(_, lookup):
        changes.append(dict(lookup))

    def prepare(app):
        config = {"source_url": f"{scheme}{table}", "cache_dir": str(tmp_path), "master_period": "20ms"}
        lookup = app.pump_service.add_lookup(cls(app, "T", config))
        app.PubSub.subscribe("bspump.Lookup.changed!", hear)
        lookups.append(lookup)

    async def during(app):
        await until(lambda: changes)
        assert await lookups[0].update() is False
        new = tmp_path / "new"
        new.write_text('{"b": 2}')
        os.replace(new, table)
        await until(lambda: "b" in lookups[0])
        table.unlink()
        await until(lambda: "there is no file" in lookups[0].problem)
        assert lookups[0]["b"] == 2
        app.stop()

    lookups = []
    run(("P", events([], cls=Endless), collect([])), prepare=prepare, during=during)
    assert changes == [{"a": {"v": 1}}, {"b": 2}]


def test_a_source_that_nobody_knows_is_refused():
    with fresh_application() as app, pytest.raises(ConfigError, match="'source_url' has 'zk://host/path' .*file:///"):
        FileLookup(app, "L", {"source_url": "zk://host/path"})


def test_the_path_at_the_master_may_be_another():
    with fresh_application() as app:
        config = {"master_url": "http://a:1/", "master_url_endpoint": "behind/proxy", "master_lookup_id": "x y"}
        assert FileLookup(app, "L", config)._master().url == "http://a:1/behind/proxy/x%20y"
        assert FileLookup(app, "M", {"master_url": "http://a:1"})._master().url == "http://a:1/bspump/v1/lookup/M"


def test_a_master_and_a_source_exclude_each_other():
    with fresh_application() as app, pytest.raises(ConfigError, match="either 'master_url' or 'source_url'"):
        FileLookup(app, "L", {"path": "-", "master_url": "http://a", "source_url": "http://b"})

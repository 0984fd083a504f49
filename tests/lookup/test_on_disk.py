"""Tables on disk and intervals that come from a master: one pump holds both the master and its slaves."""

from __future__ import annotations

import asyncio
import datetime
import json
import os

import pytest
from aiohttp import web
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bspump_like.abc.table_json import PIECE, dump_pairs, dump_table, load_pairs, read_table
from bspump_like.lookup import CompactLookup, FileLookup, IntervalLookup, IPGeoLookup
from bspump_like.testing import fresh_application
from tests.lookup.test_ipgeo import PRAGUE, VIENNA
from tests.lookup.test_ipgeo import write as write_places
from tests.lookup.test_master import free_port
from tests.pumping import Endless, collect, events, run, until

QUICK = {"master_period": "20ms", "reload_period": "20ms", "reconnect_delay": "20ms", "reconnect_delay_max": "20ms"}
COUNT = 2 * PIECE + 7


def write(path, rows):
    new = path.with_suffix(".new")
    new.write_text("".join(json.dumps(row) + "\n" for row in rows))
    os.replace(new, path)


def rows(version):
    return [{"k": f"k{number}", "v": version} for number in range(COUNT)]


def pump(tmp_path, lookups, during):
    """Run a pump with a web server and lookups of (class, id, config); they are masters, or slaves of its own lookups."""
    port = free_port()

    def prepare(app):
        for cls, id, config in lookups:
            made = {**QUICK, **config}
            if "master_lookup_id" in config:
                made = {"master_url": f"http://127.0.0.1:{port}", "cache_dir": str(tmp_path / "slave"), **made}
            app.pump_service.add_lookup(cls(app, id, made))

    async def watched(app):
        found = app.pump_service.Lookups
        await until(lambda: all(one.is_ready() for one in found.values()))
        await during(*found.values())
        app.stop()

    return run(
        ("P", events([], cls=Endless), collect([])), prepare=prepare, during=watched,
        config={"web": {"listen": f"127.0.0.1 {port}"}},
    )  # fmt: skip


@pytest.mark.parametrize("master_class", [CompactLookup, FileLookup])
def test_a_compact_table_follows_its_master_whole(tmp_path, master_class):
    write(tmp_path / "t.ndjson", rows(1))
    master = {"path": str(tmp_path / "t.ndjson"), "key": "k", "value": "v"}
    if master_class is CompactLookup:
        master["table_dir"] = str(tmp_path / "master")

    async def during(master, slave):
        assert dict(slave) == {f"k{number}": 1 for number in range(COUNT)}
        old = iter(slave)
        assert next(old) in slave
        write(tmp_path / "t.ndjson", [*rows(2), {"k": "more", "v": 2}])
        await until(lambda: "more" in slave)
        assert set(slave.values()) == {2}
        assert len(list(old)) == COUNT - 1  # who reads the old table reads it to its end

    app = pump(tmp_path, [(master_class, "M", master), (CompactLookup, "S", {"master_lookup_id": "M"})], during)
    assert app.ExitCode == 0
    assert sorted(os.listdir(tmp_path / "slave")) == ["lookup-S.lmdb", "lookup-S.lmdb.etag"]


def test_a_database_of_places_follows_its_master(tmp_path):
    path = write_places(tmp_path / "places.mmdb", {"192.0.2.0/24": PRAGUE})

    async def during(master, slave):
        assert slave["192.0.2.7"] == {"country": "CZ"}
        write_places(tmp_path / "places.mmdb", {"192.0.2.0/24": VIENNA, "198.51.100.0/24": PRAGUE})
        await until(lambda: slave.get("192.0.2.7") == {"country": "AT"})
        assert slave.rest_get()["Database"] == "Test-City"

    fields = {"fields": {"country.iso_code": "country"}}
    lookups = [(IPGeoLookup, "M", {"path": path}), (IPGeoLookup, "S", {"master_lookup_id": "M", **fields})]
    assert pump(tmp_path, lookups, during).ExitCode == 0


def test_a_slave_of_a_slave(tmp_path):
    write(tmp_path / "t.ndjson", rows(1))
    config = {"path": str(tmp_path / "t.ndjson"), "key": "k", "value": "v", "table_dir": str(tmp_path / "master")}
    lookups = [
        (CompactLookup, "M", config),
        (CompactLookup, "S", {"master_lookup_id": "M"}),
        (CompactLookup, "T", {"master_lookup_id": "S"}),
    ]

    async def during(master, second, third):
        assert len(third) == COUNT
        write(tmp_path / "t.ndjson", rows(2)[:5])
        await until(lambda: len(third) == 5)

    assert pump(tmp_path, lookups, during).ExitCode == 0


def test_an_unchanged_table_does_not_travel_again_not_even_after_a_start(tmp_path):
    write(tmp_path / "t.ndjson", rows(1))
    config = {"path": str(tmp_path / "t.ndjson"), "key": "k", "table_dir": str(tmp_path / "master")}
    lookups = [(CompactLookup, "M", config), (CompactLookup, "S", {"master_lookup_id": "M", "master_period": 0})]
    kept = tmp_path / "slave" / "lookup-S.lmdb"

    async def during(master, slave):
        assert await slave.update() is False
        assert len(slave) == COUNT

    pump(tmp_path, lookups, during)
    written = kept.stat().st_mtime_ns
    pump(tmp_path, lookups, during)
    assert kept.stat().st_mtime_ns == written
    stray = tmp_path / "stray"
    stray.write_bytes(b"of another program")
    os.utime(stray, ns=(1, 1))
    os.replace(stray, kept)  # nobody knows which version this is, so it is asked for
    pump(tmp_path, lookups, during)
    assert kept.stat().st_mtime_ns != 1
    (tmp_path / "slave" / "lookup-S.lmdb.etag").write_bytes(b"")  # as a crash of the machine leaves it
    written = kept.stat().st_mtime_ns
    pump(tmp_path, lookups, during)
    assert kept.stat().st_mtime_ns != written


@pytest.mark.parametrize("use_cache", [True, False])
def test_without_master_the_file_of_the_last_run_serves(tmp_path, use_cache):
    write(tmp_path / "t.ndjson", rows(1))
    master = {"path": str(tmp_path / "t.ndjson"), "key": "k", "value": "v", "table_dir": str(tmp_path / "master")}

    async def loaded(master, slave):
        assert slave["k5"] == 1

    pump(tmp_path, [(CompactLookup, "M", master), (CompactLookup, "S", {"master_lookup_id": "M"})], loaded)

    def prepare(app):
        options = {"master_url": f"http://127.0.0.1:{free_port()}", "cache_dir": str(tmp_path / "slave"), **QUICK}
        app.pump_service.add_lookup(CompactLookup(app, "S", {**options, "use_cache": use_cache}))

    async def during(app):
        slave = app.pump_service.Lookups["S"]
        await until(lambda: "cannot be reached" in slave.problem)
        assert (slave.is_ready(), slave.get("k5")) == ((True, 1) if use_cache else (False, None))
        app.stop()

    run(("P", events([], cls=Endless), collect([])), prepare=prepare, during=during)


class AnyServer:
    """A web server that answers with `body`, and says it is longer when it is to break off."""

    def __init__(self, body):
        self.body, self.more = body, 0

    async def listen(self):
        self.runner = web.ServerRunner(web.Server(self.handle))
        await self.runner.setup()
        await web.TCPSite(self.runner, "127.0.0.1", 0).start()
        return f"http://127.0.0.1:{self.runner.addresses[0][1]}/table"

    async def handle(self, request):
        response = web.StreamResponse(headers={"Content-Length": str(len(self.body) + self.more)})
        await response.prepare(request)
        await response.write(self.body)
        if self.more:
            request.transport.abort()
        return response


def followed(tmp_path, cls, server, during, **config):
    """Run a pump whose only lookup takes its table from a web server."""

    def prepare(app):
        url = app.Loop.run_until_complete(server.listen())
        options = {"source_url": url, "cache_dir": str(tmp_path / "slave"), **QUICK, **config}
        app.pump_service.add_lookup(cls(app, "S", options))

    async def watched(app):
        try:
            await during(app.pump_service.Lookups["S"])
        finally:
            await server.runner.cleanup()
        app.stop()

    return run(("P", events([], cls=Endless), collect([])), prepare=prepare, during=watched)


def test_a_compact_table_is_made_of_json_of_any_web_server(tmp_path):
    server = AnyServer(b'{\n  "a": 1,\n  "b": {\n    "c": 2\n  }\n}')

    async def during(slave):
        await until(lambda: dict(slave) == {"a": 1, "b": {"c": 2}})
        server.body = b'[[["a", 1], "x"], [2, "y"]]'
        await until(lambda: dict(slave) == {("a", 1): "x", 2: "y"})

    assert followed(tmp_path, CompactLookup, server, during).ExitCode == 0


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"no table", "cannot be read: .*is to be a CompactLookup too"),
        (b"[1, 2]", "cannot be read: expected keys with values"),
        (b'{\n"a":1,\n', "cannot be read"),
        (b'{"a": 1}' * 100, "larger than 500 bytes .raise 'master_max_size'"),
    ],
)
def test_what_is_no_table_leaves_the_old_one_and_no_file(tmp_path, body, told, caplog):
    server = AnyServer(b'{"a": 1}')

    async def during(slave):
        await until(slave.is_ready)
        server.body = body
        await until(lambda: slave.problem)
        assert dict(slave) == {"a": 1}
        with pytest.raises(Exception, match=told):
            await slave.update()

    followed(tmp_path, CompactLookup, server, during, master_max_size=500)
    assert sorted(os.listdir(tmp_path / "slave")) == ["lookup-S.lmdb", "lookup-S.lmdb.etag"]


def test_a_table_that_breaks_off_on_its_way_is_not_taken(tmp_path):
    """What came of it is a document that could even be read."""
    server = AnyServer(b'{"a": 1}')

    async def during(slave):
        await until(slave.is_ready)
        server.body, server.more = b'{"a": 2}', 5
        await until(lambda: "cannot be reached" in slave.problem)
        assert slave["a"] == 1
        server.more = 0
        await until(lambda: slave["a"] == 2)

    followed(tmp_path, CompactLookup, server, during)


def test_a_folder_that_cannot_be_written_is_told_as_such(tmp_path, caplog):
    (tmp_path / "slave").write_text("a file where the folder is to be")

    async def during(slave):
        await asyncio.Event().wait()  # it ends by itself

    assert followed(tmp_path, CompactLookup, AnyServer(b"{}"), during).ExitCode == 2
    assert "a table from a master cannot be written" in caplog.text
    assert "see 'cache_dir'" in caplog.text


def intervals(app, **config):
    return IntervalLookup(app, "I", {"master_url": "http://127.0.0.1:1", **config})


def test_intervals_follow_their_master(tmp_path):
    write(tmp_path / "t.ndjson", [{"low": 0, "high": 10, "v": "a"}, {"low": 5, "high": None, "v": "b"}])
    lookups = [
        (IntervalLookup, "M", {"path": str(tmp_path / "t.ndjson"), "key": ["low", "high"], "value": "v"}),
        (IntervalLookup, "S", {"master_lookup_id": "M"}),
        (IntervalLookup, "T", {"master_lookup_id": "S"}),
    ]

    async def during(master, slave, third):
        assert [third.get(value) for value in (-1, 7, 11)] == [None, "a", "b"]
        write(tmp_path / "t.ndjson", [{"low": 0, "high": 1, "v": "c"}])
        await until(lambda: third.get(1) == "c")
        assert third.get(7) is None

    assert pump(tmp_path, lookups, during).ExitCode == 0


UTC = datetime.UTC
ENDS = [
    st.integers(-(2**53), 2**53),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=3),
    st.dates(),
    st.datetimes(),
    st.datetimes(timezones=st.just(UTC)),
    st.times(),
]


@pytest.fixture
def app():
    with fresh_application() as made:
        yield made


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), ends=st.sampled_from(ENDS))
def test_intervals_of_any_type_answer_as_at_their_master(app, data, ends):
    end = ends | st.none()
    given_rows = data.draw(st.lists(st.tuples(st.tuples(end, end), st.integers(0, 99)), max_size=10))
    asked = data.draw(st.lists(ends, max_size=10))
    master, slave = intervals(app), intervals(app)
    master.deserialize(b"[]")
    master._segments = type(master._segments)(given_rows)
    slave.deserialize(master.serialize())
    points = [point for pair, _ in given_rows for point in pair if point is not None]
    assert len(slave) == len(master)
    assert [slave.get(value) for value in [*asked, *points]] == [master.get(value) for value in [*asked, *points]]


@pytest.mark.parametrize(
    "data", [b"5", b"{", b"[1]", b'[[[1,"a"],2]]', b'[[[{"x":"y"},null],2]]', b'[[[{"date":"y"},null],2]]']
)
def test_what_are_no_intervals_is_refused(data):
    with (
        fresh_application() as app,
        pytest.raises(ValueError, match=r"expected|unexpected|is no end|Invalid|unpack|EOF|JSON"),
    ):
        intervals(app).deserialize(data)


PAIRS = st.lists(
    st.tuples(st.text(max_size=3) | st.integers(-9, 9), st.none() | st.text(max_size=9) | st.integers(-9, 9))
)


@given(pairs=PAIRS, text_keys=st.booleans(), indented=st.booleans())
def test_tables_are_read_from_a_file_as_from_bytes(tmp_path_factory, pairs, text_keys, indented):
    table = {str(key) if text_keys else key: value for key, value in pairs}
    data = json.dumps(table, indent=1).encode() if indented and text_keys else dump_table(table)
    path = tmp_path_factory.getbasetemp() / "table.json"
    path.write_bytes(data)
    with path.open("rb") as stream:
        assert dict(read_table(stream)) == table
    assert load_pairs(dump_pairs(pairs)) == [list(pair) for pair in pairs]

"""Values on a real memcached: set and asked for, in batches, and over its restarts."""

from __future__ import annotations

import asyncio
import logging
import shutil
import uuid

import pymemcache
import pytest

from bspump_like.common import AsyncLookupEnricher, InternalSource
from bspump_like.errors import ConfigError, ConnectionLost, ProcessingError
from bspump_like.lookup import MemcachedLookup
from tests.pumping import Endless, Patient, collect, events, run, until
from tools.services.memcached import Memcached

pytestmark = pytest.mark.service

AIRPORTS = {"PRG": {"city": "Prague"}, "VIE": {"city": "Vienna"}, "BRQ": {"city": "Brno"}}


class Noting(MemcachedLookup):
    """Notes how many keys each request had."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.asked = []

    async def find(self, keys):
        self.asked.append(len(keys))
        return await super().find(keys)


class Halting(Patient):
    """Stops reading at some events until it may go on."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.gates = {1500: asyncio.Event(), 2000: asyncio.Event()}

    async def read(self):
        if self._next in self.gates:
            await self.gates[self._next].wait()
        return await super().read()


@pytest.fixture
def prefix():
    return f"t{uuid.uuid4().hex[:12]}:"


@pytest.fixture
def others(memcached, prefix):
    """Somebody else who writes to the same server."""
    client = pymemcache.PooledClient(memcached.url, key_prefix=prefix, timeout=5, default_noreply=False)
    yield client
    client.close()


@pytest.fixture
def own(memcached, tmp_path):
    """A server that nobody else uses, to be emptied, frozen and killed."""
    server = Memcached(tmp_path)
    server.directory.mkdir()
    unpacked = memcached.directory / "unpacked"
    if unpacked.exists():
        (server.directory / "unpacked").symlink_to(unpacked)
    server.start()
    yield server
    server.resume()
    server.kill()
    shutil.rmtree(server.directory)


def lookup_of(app, server, **config):
    quick = {"reconnect_delay": "20ms", "reconnect_delay_max": "100ms"}
    return Noting(app, "L", {"server": server if isinstance(server, str) else server.url, **quick, **config})


def ask(server, questions, **config):
    """Run `questions(lookup)` beside a pump; return its result and the lookup."""
    said = []

    async def during(app):
        await until(app.pump_service.Pipelines["P"].is_ready)
        said.append(await questions(app.pump_service.Lookups["L"]))
        said.append(app.pump_service.Lookups["L"])
        app.stop()

    run(
        ("P", events([], cls=Endless), collect()),
        prepare=lambda app: app.pump_service.add_lookup(lookup_of(app, server, **config)),
        during=during,
    )
    return said


def enrich(app, pipeline):
    config = {"lookup": "L", "key": "dest", "fields": {"city": "dest_city"}, "on_error": {"route": "Failed"}}
    return AsyncLookupEnricher(app, pipeline, config=config)


def test_what_is_set_is_found_until_it_is_deleted(memcached, prefix):
    async def questions(lookup):
        missing = await lookup.get("PRG")
        await lookup.set({"PRG": AIRPORTS["PRG"], 7: "seven", ("a", 1): [1, 2], "raw": b"\xff\x00", "json": b"{}"})
        found = await lookup.get_many(["PRG", "7", 7, ("a", 1), "raw", "json"])
        deleted = await lookup.delete("PRG"), await lookup.delete("PRG"), await lookup.delete("7")
        return missing, found, deleted, await lookup.get_many(["PRG", 7, "7"])

    for config in ({}, {"cache_ttl": 1e-9, "missing_ttl": 1e-9}):  # from the cache, and from the server
        [(missing, found, deleted, after), _] = ask(memcached, questions, prefix=prefix, **config)
        assert missing is None
        assert found == [AIRPORTS["PRG"], "seven", "seven", [1, 2], b"\xff\x00", b"{}"]
        assert deleted == (True, False, True)
        assert after == [None, None, None]


def test_another_pump_finds_what_was_set(memcached, prefix, others):
    async def store(lookup):
        await lookup.set({"New York": {"n": 1}, "x" * 300: {"n": 2}, "Plzeň": {"n": 3}, "bytes": b"END\r\n" * 100})

    async def find(lookup):
        return await lookup.get_many(["New York", "x" * 300, "Plzeň", "bytes", "York"])

    ask(memcached, store, prefix=prefix)
    assert ask(memcached, find, prefix=prefix)[0] == [{"n": 1}, {"n": 2}, {"n": 3}, b"END\r\n" * 100, None]
    assert others.get(b"bytes") == b"END\r\n" * 100


def test_what_other_writers_have_stored_is_read(memcached, prefix, others):
    others.set_many({"json": b'{"city": "Prague"}', "text": b"Prague", "bytes": b"\xff\x00", "null": b"null"})

    async def questions(lookup):
        return await lookup.get_many(["json", "text", "bytes", "null"])

    assert ask(memcached, questions, prefix=prefix)[0] == [{"city": "Prague"}, "Prague", b"\xff\x00", None]


def test_a_large_binary_value_comes_back_whole(memcached, prefix):
    value = b"END\r\n\x00\xff" * 140_000

    async def questions(lookup):
        await lookup.set({"large": value, "small": 1})
        return await lookup.get_many(["large", "small"])

    assert ask(memcached, questions, prefix=prefix, cache_ttl=1e-9)[0] == [value, 1]


def test_a_value_that_is_too_large_is_refused_and_not_answered(memcached, prefix):
    async def questions(lookup):
        await lookup.set({"k": "old"})
        with pytest.raises(ProcessingError, match=f"memcached at {memcached.url} refuses.*too large"):
            await lookup.set({"k": b"x" * (2 << 20)})
        return await lookup.get("k")

    assert ask(memcached, questions, prefix=prefix)[0] is None


def test_nothing_is_stored_when_one_value_is_no_json(memcached, prefix):
    async def questions(lookup):
        with pytest.raises(TypeError, match="the value of 'b' cannot be stored as JSON"):
            await lookup.set({"a": 1, "b": 1j})
        return await lookup.get("a")

    assert ask(memcached, questions, prefix=prefix)[0] is None


def test_a_value_expires_on_the_server(memcached, prefix, others):
    async def questions(lookup):
        await lookup.set({"k": 1})
        await until(lambda: others.get("k") is None)
        return await lookup.get("k")

    assert ask(memcached, questions, prefix=prefix, expiry_seconds=1, cache_ttl=1e-9)[0] is None


def test_flush_all_empties_the_server_and_the_cache(own):
    async def questions(lookup):
        await lookup.set(AIRPORTS)
        await lookup.flush_all()
        return await lookup.get_many(AIRPORTS), len(lookup.asked)

    assert ask(own, questions)[0] == ([None] * 3, 1)


def test_many_values_are_set_in_parts(memcached, prefix):
    values = {f"k{n}": n for n in range(5000)}

    async def questions(lookup):
        await lookup.set(values)
        return await lookup.get_many(values)

    [found, lookup] = ask(memcached, questions, prefix=prefix, batch_size=1000)
    assert found == list(range(5000))
    assert len(lookup) == 1000  # cache_size
    assert lookup.options.cache_size == lookup.options.batch_size == 1000


def test_the_names_of_bspump_are_taken(memcached, prefix):
    async def questions(lookup):
        await lookup.set({n: n for n in range(5)})

    [_, lookup] = ask(memcached, questions, prefix=prefix, max_size=3, expiry_seconds=60)
    assert len(lookup) == 3
    assert lookup.Config["expiry_seconds"] == 60


def test_a_connection_that_was_closed_is_opened_again(memcached, prefix):
    async def questions(lookup):
        await lookup.set({"k": 1})
        await lookup.close_connection()
        return await lookup.get("k")

    assert ask(memcached, questions, prefix=prefix, cache_ttl=1e-9)[0] == 1


def test_an_answer_never_comes_after_what_was_set_meanwhile(memcached, prefix):
    async def questions(lookup):
        for n in range(50):
            await asyncio.gather(lookup.get("k"), lookup.set({"k": n}), lookup.get("k"))
            assert await lookup.get("k") == n
            await lookup.delete("k")

    ask(memcached, questions, prefix=prefix)


def test_the_keys_of_a_batch_are_one_request(memcached, prefix, others):
    others.set_many({key: b'{"city": "%s"}' % row["city"].encode() for key, row in AIRPORTS.items()})
    kept, lookups = [], []
    items = [{"n": n, "dest": [*AIRPORTS, "nowhere"][n % 4]} for n in range(1000)]

    def prepare(app):
        lookups.append(lookup_of(app, memcached, prefix=prefix))
        app.pump_service.add_lookup(lookups[0])

    run(("P", events(items, 100), enrich, collect(kept)), ("Failed", InternalSource, collect()), prepare=prepare)

    assert [event["n"] for event in kept] == list(range(1000))
    assert [event.get("dest_city") for event in kept] == ["Prague", "Vienna", "Brno", None] * 250
    assert lookups[0].asked == [4]
    assert lookups[0].hits + lookups[0].misses == 1000


def test_different_keys_in_each_batch_are_one_request_each(own):
    kept, lookups = [], []
    items = [{"n": n, "dest": f"k {n}"} for n in range(1000)]

    def prepare(app):
        lookups.append(lookup_of(app, own))
        app.pump_service.add_lookup(lookups[0])

    run(("P", events(items, 100), enrich, collect(kept)), ("Failed", InternalSource, collect()), prepare=prepare)

    assert [event["n"] for event in kept] == list(range(1000))
    assert sum(lookups[0].asked) == 1000
    assert len(lookups[0].asked) <= 20
    client = pymemcache.PooledClient(own.url, timeout=5)
    assert client.stats()[b"cmd_get"] == 1000
    client.close()


def test_a_key_that_nobody_can_ask_for_fails_alone(memcached, prefix):
    items = [{"n": n, "dest": key} for n, key in enumerate(["PRG", 1.5, "New York", True, "\ud800", "VIE"])]
    kept, failed = [], []
    run(
        ("P", events(items), enrich, collect(kept)),
        ("Failed", InternalSource, collect(failed)),
        prepare=lambda app: app.pump_service.add_lookup(lookup_of(app, memcached, prefix=prefix)),
    )
    assert [event["n"] for event in kept] == [0, 2, 5]
    assert sorted(event["event"]["n"] if "event" in event else event["n"] for event in failed) == [1, 3, 4]


def test_no_event_is_lost_while_the_server_is_stopped_and_started_again(own, caplog):
    kept = []
    items = [{"n": n, "dest": f"k{n % 700}"} for n in range(3000)]

    async def during(app):
        lookup, pipeline = app.pump_service.Lookups["L"], app.pump_service.Pipelines["P"]
        await until(lambda: len(kept) == 1500)
        await asyncio.to_thread(own.stop)
        pipeline.Sources[0].gates[1500].set()
        await until(lambda: "asking again" in caplog.text)
        assert len(kept) == 1500
        await asyncio.to_thread(own.start)
        await until(lambda: len(kept) == 2000)
        await lookup.set({f"k{n}": {"city": f"c{n}"} for n in range(700)})
        pipeline.Sources[0].gates[2000].set()
        await until(lambda: pipeline.ended)
        app.stop()

    caplog.set_level(logging.WARNING)
    app = run(
        ("P", events(items, 50, Halting), enrich, collect(kept)),
        ("Failed", InternalSource, collect()),
        prepare=lambda app: app.pump_service.add_lookup(lookup_of(app, own, cache_ttl=1e-9, missing_ttl=1e-9)),
        during=during,
    )
    assert app.ExitCode == 0
    assert [event["n"] for event in kept] == list(range(3000))
    assert [event.get("dest_city") for event in kept] == [None] * 2000 + [f"c{n % 700}" for n in range(2000, 3000)]
    assert f"lookup L: memcached at {own.url} cannot be asked" in caplog.text
    assert "lookup L works again" in caplog.text


def test_a_frozen_server_is_asked_again(own, caplog):
    async def questions(lookup):
        await lookup.set({"k": 1, "j": 2})
        own.pause()
        answer = asyncio.ensure_future(lookup.get("k"))

        def said():
            nonlocal answer
            if answer.done():  # the signal has not arrived yet
                answer = asyncio.ensure_future(lookup.get("k"))
            return "asking again" in caplog.text

        await until(said)
        own.resume()
        return await answer, await lookup.get("j")

    # The late answer to the first question must not be taken for that of the second.
    assert ask(own, questions, cache_ttl=1e-9, timeout=0.1)[0] == (1, 2)
    assert "cannot be asked" in caplog.text


class Answering:
    """A server that answers each request with the next of some lines, and ends the connection after an error."""

    def __init__(self, *lines):
        self.lines = list(lines)

    async def __aenter__(self):
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return f"127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def __aexit__(self, *exc):
        self._server.close()
        await self._server.wait_closed()

    async def _serve(self, reader, writer):
        while self.lines and await reader.readline():
            line = self.lines.pop(0)
            writer.write(line)
            if not line.startswith((b"VALUE", b"END")):
                break
        writer.close()


def ask_answering(lines, questions, **config):
    said = []

    async def during(app):
        async with Answering(*lines) as server:
            lookup = lookup_of(app, server, **config)
            try:
                said.append(await questions(lookup))
            finally:
                await lookup.on_stop()
        app.stop()

    run(("P", events([], cls=Endless), collect()), during=during)
    return said[0]


def test_a_server_that_cannot_answer_now_is_asked_again(caplog):
    troubles = [b"ERROR Too many open connections\r\n", b"SERVER_ERROR out of memory writing get response\r\n"]

    async def questions(lookup):
        return await lookup.get("k")

    assert ask_answering([*troubles, b"VALUE k 0 1\r\n7\r\nEND\r\n"], questions) == 7
    assert "it answers ERROR to 'get'" in caplog.text
    assert "out of memory writing get response" in caplog.text


def test_what_is_no_memcached_is_refused():
    async def questions(lookup):
        with pytest.raises(ProcessingError, match="memcached at .* refuses: HTTP/1.1 400 Bad Request"):
            await lookup.get("k")

    ask_answering([b"HTTP/1.1 400 Bad Request\r\n\r\n"], questions)


def test_patience_has_an_end_if_asked_for():
    async def questions(lookup):
        with pytest.raises(ConnectionLost, match="lookup L: memcached at 127.0.0.1:9 cannot be asked.*refused"):
            await lookup.get("k")
        with pytest.raises(ConnectionLost, match="memcached at 127.0.0.1:9"):
            await lookup.set({"k": 1})

    ask("127.0.0.1:9", questions, patience=0.1)


def test_a_pump_stops_while_the_server_is_away():
    async def during(app):
        await until(lambda: app.pump_service.Lookups["L"].asked)
        app.stop()

    kept = []
    run(
        ("P", events([{"dest": "k"}]), enrich, collect(kept)),
        ("Failed", InternalSource, collect()),
        prepare=lambda app: app.pump_service.add_lookup(lookup_of(app, "127.0.0.1:9")),
        during=during,
        config={"bspump": {"stop_timeout": "0.1s"}},
    )
    assert kept == []


@pytest.mark.parametrize(
    "server", ["localhost", "localhost:11211", "[::1]:11211", "[::1]", "10.0.0.1:1", "/run/m.sock"]
)
def test_addresses(server):
    assert MemcachedLookup.Options.parse({"server": server}).server == server


@pytest.mark.parametrize("server", ["", "http://localhost:11211", "host:port", "host:0", "a:b:1", "two hosts", "::1"])
def test_what_is_no_address_is_refused(server):
    with pytest.raises(ConfigError, match="expected host:port, or the path of a Unix socket"):
        MemcachedLookup.Options.parse({"server": server})


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        ({"preload": True}, "memcached does not tell which keys it has"),
        ({"prefix": "two words"}, "option 'prefix' has 'two words'; expected up to 179 bytes without spaces"),
        ({"prefix": "x" * 180}, "expected up to 179 bytes"),
    ],
)
def test_options_that_cannot_be_meant_are_refused(config, sentence):
    with pytest.raises(ConfigError, match=sentence):
        run(
            ("P", events([]), collect()),
            prepare=lambda app: app.pump_service.add_lookup(lookup_of(app, "localhost", **config)),
        )

"""Points into a real InfluxDB: what survives, what is refused, and what happens when it is not there."""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
import uuid

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.influxdb.conftest import letters, write_all
from tests.proxy import Proxy, answer
from tests.pumping import until
from tools.services.certificates import make

pytestmark = pytest.mark.service


def test_writes_tuples_dicts_and_lines(database):
    items = [
        ("m", {"host": "a"}, {"v": 1}, 1.5),
        {"measurement": "m", "tags": {"host": "b"}, "fields": {"v": 2}, "time": 2},
        b"m,host=c v=3i 3000000000",
        "m,host=d v=4i 4000000000\n",
    ]

    write_all(database.url, items, db=database.name)

    assert database.rows() == [
        {"time": 1500000000, "host": "a", "v": 1},
        {"time": 2000000000, "host": "b", "v": 2},
        {"time": 3000000000, "host": "c", "v": 3},
        {"time": 4000000000, "host": "d", "v": 4},
    ]


@pytest.mark.parametrize("precision", ["ns", "us", "u", "ms", "s"])
def test_times_survive_in_every_precision(database, precision):
    write_all(database.url, [("m", {}, {"v": 1}, 1700000000)], db=database.name, precision=precision)

    assert database.rows() == [{"time": 1700000000 * 10**9, "v": 1}]


def test_points_without_a_time_get_one_each(database):
    before = time.time_ns()
    write_all(database.url, [{"measurement": "m", "fields": {"v": n}} for n in range(500)], db=database.name)

    rows = database.rows()
    assert [row["v"] for row in rows] == list(range(500))
    assert before < rows[0]["time"] < rows[-1]["time"] < before + 60 * 10**9


# Every character but what line protocol has no spelling for: see InfluxDBSink.
text = st.text(st.characters(exclude_characters="\n", exclude_categories=("Cs",)), min_size=1, max_size=12)
names = text.filter(lambda name: not name.endswith("\\") and not any(f"\\{sign}" in name for sign in ',= "'))
# The two are stored as well, but no query can ask for a measurement with them.
measurements = names.filter(lambda name: name[0] not in "#\t" and "\0" not in name and "\r" not in name)
values = st.one_of(
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(exclude_categories=("Cs",)), max_size=20),
)
points = st.tuples(
    measurements, st.dictionaries(names, names, max_size=3), st.dictionaries(names, values, min_size=1, max_size=3)
)


def alike(row, expected):
    """Return the row with its numbers of the types expected: JSON writes large floats as whole numbers."""
    return {key: type(expected.get(key, value))(value) for key, value in row.items()}


@given(many=st.lists(points, min_size=1, max_size=20))
@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
def test_any_measurement_tags_and_fields_survive(database, many):
    """Each point has a tag and a field that only it has, so that they neither replace each other nor differ in types."""
    items, expected = [], []
    example = uuid.uuid4().hex  # measurements of an earlier example may have other types
    for number, (measurement, tags, fields) in enumerate(many):
        tags = {f"t{number}{key}": value for key, value in tags.items()}
        fields = {f"f{number}{key}": value for key, value in fields.items()}
        items.append((f"{example}{number}{measurement}", tags, fields, 1))
        expected.append({"time": 10**9, **tags, **fields})

    pipeline = write_all(database.url, items, db=database.name)

    assert pipeline.counters.dead_letters == 0
    found = [row for measurement, *_ in items for row in database.rows(measurement)]
    assert [alike(row, one) for row, one in zip(found, expected, strict=True)] == expected


def test_the_point_at_fault_is_found_and_the_others_are_written(database, tmp_path):
    path = str(tmp_path / "store")
    items: list = [("m", {"n": n}, {"v": n}, n) for n in range(1, 1001)]
    items[400] = ("m", {"n": 401}, {"v": "text where numbers are"}, 401)
    items[700] = b"this is no line"
    items[800] = "m v=1i,w= 5"

    pipeline = write_all(database.url, items, db=database.name, store=path, batch_size=1000)

    kept = {row["time"] // 10**9 for row in database.rows()}
    assert kept == set(range(1, 1001)) - {401, 701, 801}
    dead = letters(path)
    assert [letter.event for letter in dead] == [items[400], items[700], items[800]] or len(dead) == 3
    assert "field type conflict" in dead[0].error
    assert "unable to parse 'this is no line'" in dead[1].error
    assert pipeline.counters.dead_letters == 3


def test_events_that_are_no_points_go_to_the_policy(database, tmp_path):
    path = str(tmp_path / "store")
    items = [
        1,
        (1, 2),
        {"fields": {"v": 1}},
        ("m", 5, {"v": 1}, 1),
        ("m", {}, {"v": 1}, "soon"),
        ("m", {}, {"v": 1}, 1),
    ]

    write_all(database.url, items, db=database.name, store=path, on_error="dead_letter")

    assert len(letters(path)) == 5
    assert len(database.rows()) == 1


def test_buckets_are_sent_when_full(database):
    with Proxy(database.url) as proxy:
        items = [("m", {"n": n}, {"v": n}, n) for n in range(2000)]
        write_all(proxy.url, items, db=database.name, output_bucket_max_size=2000, batch_size=2000)

    assert len(database.rows()) == 2000
    assert max(len(call.body) for call in proxy.calls) < 2100


def test_a_bucket_that_is_too_large_is_sent_by_halves(database):
    with Proxy(database.url, lambda call: answer(413) if len(call.body) > 1000 else None) as proxy:
        write_all(proxy.url, [("m", {"n": n}, {"v": n}, n) for n in range(500)], db=database.name)

    assert len(database.rows()) == 500


@pytest.mark.parametrize("status", [401, 404, 429, 500, 502, 503, 504])
def test_what_may_pass_is_tried_again_and_said_once(database, caplog, status):
    troubles = iter([answer(status, {"error": "not now"}) for _ in range(4)])
    with Proxy(database.url, lambda call: next(troubles, None)) as proxy:
        pipeline = write_all(proxy.url, [("m", {}, {"v": 1}, 1)], db=database.name)

    assert len(database.rows()) == 1
    assert pipeline.counters.dead_letters == 0
    assert len([r for r in caplog.records if f"answers {status}" in r.getMessage()]) == 1
    assert "Traceback" not in caplog.text


def test_a_point_is_refused_once_even_if_the_server_goes_away_between(database, tmp_path):
    path, seen = str(tmp_path / "store"), []

    def before(call):
        seen.append(call)
        return answer(503) if len(seen) in (4, 6) else None

    items: list = [("m", {"n": n}, {"v": n}, n) for n in range(8)]
    items[1] = b"bad line"
    with Proxy(database.url, before) as proxy:
        write_all(proxy.url, items, db=database.name, store=path)

    assert len(letters(path)) == 1
    assert len(database.rows()) == 7


def test_the_second_interface_is_written_as_it_wants_it():
    """A server that keeps what it gets: Debian has no InfluxDB 2."""
    with Proxy(before=lambda call: answer(204)) as proxy:
        config = {"bucket": "b 1", "org": "o&o", "token": "secret", "precision": "u"}
        write_all(proxy.url + "/", [("m", {"a": "b"}, {"v": 1}, 1.5)], **config)

    [call] = proxy.calls
    assert (call.method, call.path) == ("POST", "/api/v2/write?bucket=b+1&org=o%26o&precision=us")
    assert call.headers["Authorization"] == "Token secret"
    assert call.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert call.body == b"m,a=b v=1i 1500000\n"


def test_user_and_password_are_sent():
    with Proxy(before=lambda call: answer(204)) as proxy:
        write_all(proxy.url, [("m", {}, {"v": 1}, 1)], db="d", username="pump", password="secret")

    assert proxy.calls[0].headers["Authorization"] == "Basic cHVtcDpzZWNyZXQ="
    assert proxy.calls[0].path == "/write?db=d&precision=ns"


def said(url, caplog, **config):
    """Run a pump that cannot write; return what it says."""

    async def during(app):
        [sink] = app.pump_service.Pipelines["P"].iter_processors()
        async with asyncio.timeout(60):
            await until(lambda: sink._uploader._backoff.failures >= 3)
        app.pump_service.settings.options.stop_timeout = 0.1
        app.stop()

    write_all(url, [("m", {}, {"v": 1}, 1)], during=during, **config)
    assert "Traceback" not in caplog.text
    return [record.getMessage() for record in caplog.records if "P.Sink: " in record.getMessage()]


def test_a_wrong_port_is_said_in_one_sentence(caplog):
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{nobody.getsockname()[1]}"

        [sentence] = said(url, caplog)

    assert sentence.startswith(f"P.Sink: cannot reach InfluxDB at {url}: Connect call failed")
    assert "(check url)" in sentence


def test_another_server_is_said_to_be_no_influxdb(caplog):
    with Proxy(before=lambda call: answer(200, "<html>It works!</html>")) as proxy:
        [sentence] = said(proxy.url, caplog)

    assert "is no InfluxDB: <html>It works!</html>" in sentence


def test_a_wrong_password_is_said_in_one_sentence(caplog):
    with Proxy(before=lambda call: answer(401, {"error": "authorization failed"})) as proxy:
        [sentence] = said(proxy.url, caplog, username="pump", password="wrong")

    assert "authorization failed" in sentence
    assert "(check username, password or token)" in sentence


def test_a_database_that_is_not_there_is_said_in_one_sentence(influxdb, caplog):
    [sentence] = said(influxdb.url, caplog, db="no_such_database")

    assert "answers 404" in sentence
    assert "database not found" in sentence


def test_tls_mistakes_are_said_in_one_sentence(tmp_path, influxdb, caplog):
    _, certificate = make("tests", tmp_path / "certificates")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    with Proxy(ssl_context=context) as proxy:
        [sentence] = said(proxy.url, caplog)
        assert "certificate verify failed" in sentence
        caplog.clear()

    [sentence] = said(influxdb.url.replace("http", "https"), caplog)
    assert "(check url and tls_ca_file)" in sentence


def test_tls_with_an_authority_of_ones_own(tmp_path, database):
    authority, certificate = make("tests", tmp_path / "certificates")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    with Proxy(database.url, ssl_context=context) as proxy:
        write_all(proxy.url, [("m", {}, {"v": 1}, 1)], db=database.name, tls_ca_file=str(authority))

    assert len(database.rows()) == 1


@pytest.mark.slow
def test_a_server_killed_and_started_again_loses_nothing_and_doubles_nothing(database):
    count, taken = 20_000, []

    async def during(app):
        pipeline = app.pump_service.Pipelines["P"]
        await until(lambda: pipeline.counters.events_in > count / 10)
        await asyncio.to_thread(database.server.kill)
        taken.append(pipeline.counters.events_in)
        await asyncio.to_thread(database.server.start)

    items = [("m", {"n": n % 10}, {"v": n}, n) for n in range(count)]
    try:
        write_all(
            database.url, items, db=database.name, during=during, timeout=120, pipeline={"max_in_flight": 500},
        )  # fmt: skip
    finally:
        database.server.start()

    assert taken[0] < count
    assert sorted(row["v"] for row in database.rows()) == list(range(count))

"""The way to a cluster: several nodes, credentials, TLS, compression; and what is said when it is the wrong one."""

from __future__ import annotations

import asyncio
import base64
import socket
import ssl

import pytest

from tests.elasticsearch.conftest import connect, index_all, sink
from tests.ports import free_port
from tests.proxy import Proxy, answer
from tests.pumping import events, run, until
from tools.services.certificates import make

pytestmark = pytest.mark.service


def nobody():
    """Return the URL of a port where nobody listens."""
    return f"http://127.0.0.1:{free_port()}"


def numbers(cluster):
    return sorted(document["n"] for document in cluster.documents())


def said_before_it_works(url, caplog, tries=3, **connection):
    """Run a pump that cannot deliver until it has tried a few times; return what it says."""

    async def during(app):
        pipeline = app.pump_service.Pipelines["P"]
        loader = None
        for processor in pipeline.iter_processors():
            loader = processor._loaders[0]
        async with asyncio.timeout(60):
            await until(lambda: loader.uploader._backoff.failures >= tries)
        assert pipeline.state().startswith("unavailable")
        app.pump_service.settings.options.stop_timeout = 0.1
        app.stop()

    run(("P", events([{"n": 1}]), sink(index="x")), prepare=connect(url, **connection), during=during)
    assert "Traceback" not in caplog.text
    assert not [record for record in caplog.records if record.exc_info]
    return [record.getMessage() for record in caplog.records if "P.Sink: " in record.getMessage()]


def test_a_wrong_port_is_said_in_one_sentence(caplog):
    url = nobody()

    [sentence] = said_before_it_works(url, caplog)

    assert sentence.startswith(f"P.Sink: cannot reach Elasticsearch at {url}: {url}: Connect call failed")
    assert sentence.endswith("(check url); trying again, nothing is lost")


def test_a_wrong_name_is_said_in_one_sentence(caplog):
    [sentence] = said_before_it_works("http://no-such-host.invalid:9200", caplog)

    assert "cannot reach Elasticsearch at http://no-such-host.invalid:9200: " in sentence


def test_an_address_that_swallows_everything_is_said_within_seconds(caplog):
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)  # a queue for one connection, which nobody takes
        port = full.getsockname()[1]
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", port))
        try:
            [sentence] = said_before_it_works(f"http://127.0.0.1:{port}", caplog, tries=1)
        finally:
            for filler in fillers:
                filler.close()

    assert f"no connection to http://127.0.0.1:{port} within 5 s" in sentence


def test_another_server_is_said_to_be_no_elasticsearch(caplog):
    with Proxy(before=lambda call: answer(200, "<html>It works!</html>")) as proxy:
        [sentence] = said_before_it_works(proxy.url, caplog)

    assert f"what answers at {proxy.url} is no Elasticsearch: <html>It works!</html> (check url)" in sentence


def test_a_wrong_password_is_said_in_one_sentence(caplog):
    with Proxy(before=wants("Basic", b"pump:secret")) as proxy:
        [sentence] = said_before_it_works(proxy.url, caplog, username="pump", password="wrong")

    assert (
        "Elasticsearch answers 401: security_exception: missing credentials (check username, password or api_key)"
        in sentence
    )
    assert "wrong" not in caplog.text


def wants(kind, secret):
    expected = f"{kind} {base64.b64encode(secret).decode()}"

    def before(call):
        if call.headers.get("Authorization") == expected:
            return None
        return answer(401, {"error": {"type": "security_exception", "reason": "missing credentials"}, "status": 401})

    return before


@pytest.mark.parametrize(
    ("kind", "secret", "config"),
    [
        ("Basic", b"pump:secret", {"username": "pump", "password": "secret"}),
        ("ApiKey", b"id:key", {"api_key": "id:key"}),
        ("ApiKey", b"id:key", {"api_key": base64.b64encode(b"id:key").decode()}),
    ],
)
def test_credentials_let_in(one, kind, secret, config):
    with Proxy(one.url, wants(kind, secret)) as proxy:
        index_all(proxy.url, [{"n": 1}], connection=config, index=one.name)

    assert numbers(one) == [1]


def test_credentials_in_the_url_let_in_and_are_not_logged(one, caplog):
    with Proxy(one.url, wants("Basic", b"pump:secret")) as proxy:
        index_all(proxy.url.replace("//", "//pump:secret@"), [{"n": 1}], index=one.name)
    assert numbers(one) == [1]

    [sentence] = said_before_it_works(nobody().replace("//", "//pump:secret@"), caplog)

    assert "secret" not in sentence


def test_requests_are_compressed(one):
    packed = []
    with Proxy(one.url, lambda call: packed.append(call.headers.get("Content-Encoding"))) as proxy:
        items = [{"n": n, "text": "x" * 500} for n in range(1000)]
        index_all(proxy.url, items, connection={"compress": True}, index=one.name, batch_size=1000)

    assert set(packed) == {"gzip"}
    assert numbers(one) == list(range(1000))


@pytest.fixture
def certificate(tmp_path):
    authority, server = make("tests", tmp_path / "certificates")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(server)
    return authority, context


def test_tls_with_an_authority_of_ones_own(one, certificate):
    authority, context = certificate
    with Proxy(one.url, ssl_context=context) as proxy:
        index_all(proxy.url, [{"n": 1}], connection={"tls_ca_file": str(authority)}, index=one.name)

    assert numbers(one) == [1]


def test_an_authority_nobody_knows_is_said_in_one_sentence(certificate, caplog):
    with Proxy(ssl_context=certificate[1]) as proxy:
        [sentence] = said_before_it_works(proxy.url, caplog)

    assert "certificate verify failed" in sentence
    assert "(check tls_ca_file)" in sentence


def test_plain_http_to_a_node_with_tls_is_said_in_one_sentence(certificate, caplog):
    with Proxy(ssl_context=certificate[1]) as proxy:
        [sentence] = said_before_it_works(proxy.url.replace("https", "http"), caplog)

    assert sentence.startswith("P.Sink: cannot reach Elasticsearch at http://")


def test_tls_to_a_node_without_it_is_said_in_one_sentence(any_search, caplog):
    [sentence] = said_before_it_works(any_search.url.replace("http", "https"), caplog)

    assert "does the node speak TLS?" in sentence


def test_a_ca_file_that_is_not_there_stops_the_start(caplog):
    connection = {"tls_ca_file": "/no/such/file"}
    run(("P", events([{"n": 1}]), sink(index="x")), prepare=connect("https://127.0.0.1:9", **connection))

    assert "option 'tls_ca_file' has '/no/such/file'" in caplog.text


def test_with_a_dead_node_the_others_take_everything(cluster, caplog):
    dead = nobody()

    index_all([dead, cluster.url], [{"n": n} for n in range(500)], index=cluster.name)

    assert numbers(cluster) == list(range(500))
    assert "Traceback" not in caplog.text
    said = [r.getMessage() for r in caplog.records if "passed over" in r.getMessage()]
    assert len(said) <= 1


def test_a_node_that_dies_midway_is_passed_over(one, caplog):
    with Proxy(one.url) as survivor, Proxy(one.url) as victim:
        made = events([{"n": n} for n in range(3000)], batch_size=10)

        async def during(app):
            await until(lambda: len(victim.calls) > 2)
            await asyncio.to_thread(victim.stop)

        run(
            ("P", made, sink(index=one.name, document_id="field:n"), {"max_in_flight": 50}),
            prepare=connect([survivor.url, victim.url]), during=during, timeout=120,
        )  # fmt: skip

    assert numbers(one) == list(range(3000))
    assert len([r for r in caplog.records if "passed over" in r.getMessage()]) <= 1

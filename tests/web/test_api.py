"""The REST interface, asked by a real client."""

import asyncio

import aiohttp
import pytest

import bspump_like
from bspump_like.testing import CollectSink, fresh_application, run_pump
from tests.ports import free_port


class Waiting(bspump_like.Source):
    async def main(self):
        await asyncio.Event().wait()


class Countries(bspump_like.DictionaryLookup):
    async def load(self):
        self.set({"CZ": "Czechia", "FR": "France"})
        return True


async def ask(port, path, status=200, **headers):
    url = f"http://127.0.0.1:{port}{path}"
    async with asyncio.timeout(60), aiohttp.ClientSession() as session:
        while True:
            try:
                async with session.get(url, headers=headers) as response:
                    body = await response.read()
                    if response.status == status:
                        return body, response.headers
                    assert path == "/ready", (response.status, body)
            except aiohttp.ClientConnectionError:
                pass  # the server is still coming up
            await asyncio.sleep(0.01)


def run(checks, token=""):
    port = free_port()

    def build(app):
        pipeline = bspump_like.Pipeline(app, "P")
        pipeline.build(Waiting(app, pipeline), CollectSink(app, pipeline))
        app.pump_service.add_pipeline(pipeline)
        app.pump_service.add_lookup(Countries(app))

    async def during(app):
        await ask(port, "/ready")
        await checks(port)
        app.stop()

    config = {"web": {"listen": f"127.0.0.1:{port}", "token": token}}
    run_pump(build, config=config, during=during)


def test_pipelines_are_shown_with_state_and_counters():
    async def checks(port):
        body, _ = await ask(port, "/bspump/v1/pipelines")
        assert b'"State":"running"' in body
        assert b'"events_in":0' in body

    run(checks)


def test_a_lookup_is_served_once_and_then_not_modified():
    async def checks(port):
        body, headers = await ask(port, "/bspump/v1/lookup/Countries")
        assert b"Czechia" in body
        await ask(port, "/bspump/v1/lookup/Countries", 304, **{"If-None-Match": headers["ETag"]})
        assert b'"Size":2' in (await ask(port, "/bspump/v1/lookup/Countries/meta"))[0]
        await ask(port, "/bspump/v1/lookup/Nowhere", 404)

    run(checks)


def test_with_a_token_the_api_wants_it_and_probes_do_not():
    async def checks(port):
        await ask(port, "/live")
        await ask(port, "/bspump/v1/pipelines", 401)
        await ask(port, "/bspump/v1/pipelines", Authorization="Bearer sesame")

    run(checks, token="sesame")


def test_beyond_loopback_a_token_is_a_must():
    beyond = fresh_application({"web": {"listen": "0.0.0.0:8080"}})
    with pytest.raises(bspump_like.ConfigError, match="without a token"), beyond:
        pass


def test_readiness_names_the_lookups():
    async def checks(port):
        assert b'"lookups":{"Countries":"loaded"}' in (await ask(port, "/ready"))[0]

    run(checks)

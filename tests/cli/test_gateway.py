"""The web API of several workers: one address, figures that come together."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import os
import signal
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from yarl import URL

from bspump_like.cli.gateway import Gateway, merged_pipelines
from bspump_like.cli.rows import Row
from tests.ports import free_port

from .conftest import PATIENCE, Pump, Running

RUN = ("run", "pump.yaml", "--allow", "parts", "--set", "pipelines.P.sink.config.path=out-{worker}.txt")
WAIT = ("--set", "pipelines.P.source.config.wait=true")


HOLD = """
import sys, time
while "--worker" in sys.argv and os.path.exists("hold"):
    time.sleep(0.01)
"""


class Served:
    """A pump with two workers and a web API."""

    def __init__(self, pump: Pump, token: str = "") -> None:
        self.port = free_port()
        self.hold = pump.directory / "hold"
        """While it exists a worker that is started again does not come up."""
        with open(pump.directory / "parts.py", "a") as parts:
            parts.write(HOLD)
        self.token = token
        (pump.directory / "web.conf").write_text(
            f"[cli]\nreport_period=0.2\n[web]\nlisten=127.0.0.1:{self.port}\ntoken={token}\n"
        )
        self.running: Running = pump.start(*RUN, *WAIT, "--workers", "2", "-c", "web.conf")
        self.running.wait_for(r"P: 1,000 in, 500 out")
        self.wait_for("/ready", lambda status, _: status == 200)

    def ask(self, path: str, token: str = "", method: str = "GET") -> tuple[int, Any]:
        headers = {"Authorization": f"Bearer {token or self.token}"}
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", headers=headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE) as response:
                return response.status, json.load(response)
        except urllib.error.HTTPError as error:
            with error:
                text = error.read().decode()
                return error.code, json.loads(text) if text.startswith("{") else text

    def wait_for(self, path: str, condition: Callable[[int, Any], bool]) -> tuple[int, Any]:
        deadline = time.monotonic() + PATIENCE
        while not condition(*(answer := self.ask(path))):
            assert time.monotonic() < deadline, answer
            time.sleep(0.02)
        return answer

    def kill_worker(self, index: int) -> None:
        for task in Path(f"/proc/{self.running.process.pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                if f"--worker\0{index}/2".encode() in Path(f"/proc/{child}/cmdline").read_bytes():
                    os.kill(int(child), signal.SIGKILL)
                    return
        raise AssertionError("there is no such worker")

    def end(self) -> None:
        self.running.process.send_signal(signal.SIGTERM)
        assert self.running.end() == 0, self.running.said


@pytest.fixture
def served(pump: Pump) -> Served:
    return Served(pump)


def test_counts_come_together_also_after_a_death(served: Served) -> None:
    status, pipelines = served.ask("/bspump/v1/pipelines")
    assert status == 200, pipelines
    assert (status, pipelines["P"]["Metrics"]["events_in"], pipelines["P"]["State"]) == (200, 1000, "running")
    assert [pipelines["P"]["Workers"][index]["Metrics"]["events_in"] for index in "01"] == [500, 500]
    assert served.wait_for("/ready", lambda status, _: status == 200)[1]["ready"]
    assert served.ask("/live") == (200, {"live": True})

    served.hold.touch()
    served.kill_worker(1)

    status, told = served.wait_for("/ready", lambda status, _: status == 503)
    assert told["workers"]["0"]["ready"]
    assert "worker 1 " in told["workers"]["1"]["problem"]
    served.hold.unlink()
    served.wait_for("/ready", lambda status, _: status == 200)
    _, pipelines = served.ask("/bspump/v1/pipelines")
    assert pipelines["P"]["Metrics"]["events_in"] == 1000
    assert pipelines["P"]["Workers"]["1"]["Metrics"]["events_in"] == 0
    served.end()
    assert "P: 1,000 in, 500 out, 500 dropped" in served.running.said


def test_one_worker_can_be_asked(served: Served) -> None:
    status, pipelines = served.ask("/worker/1/bspump/v1/pipelines")
    assert (status, pipelines["P"]["Metrics"]["events_in"]) == (200, 500)
    assert served.ask("/bspump/v1/lookup") == (200, [])
    assert served.ask("/worker/7/live")[0] == 404
    assert served.ask("/bspump/v1/lookup", method="DELETE") == (
        405,
        {"problem": "say which worker is meant: /worker/0/bspump/v1/lookup"},
    )
    served.end()


def test_the_token_is_asked_for(pump: Pump) -> None:
    served = Served(pump, "secret")
    assert served.ask("/bspump/v1/pipelines", "wrong")[0] == 401
    assert served.ask("/worker/0/bspump/v1/pipelines", "wrong")[0] == 401
    assert served.ask("/bspump/v1/pipelines")[0] == 200
    served.end()


def test_an_address_that_is_taken_is_said(pump: Pump) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        (pump.directory / "web.conf").write_text(f"[web]\nlisten={port}\n")
        done = pump(*RUN, "--workers", "2", "-c", "web.conf")
    assert done.returncode == 2
    assert f"the web server cannot listen on 127.0.0.1:{port}: " in done.stderr


@dataclasses.dataclass
class Worker:
    """A worker whose API is a server of the test."""

    port: int
    index: int = 0
    running: bool = True
    carried: Mapping[str, Row] = dataclasses.field(default_factory=dict)


async def through_gateway(handle: Any, ask: Callable[[str], Any]) -> None:
    behind = web.ServerRunner(web.Server(handle))
    await behind.setup()
    await web.TCPSite(behind, "127.0.0.1", 0).start()
    port = free_port()
    gateway = Gateway([Worker(behind.addresses[0][1])], "127.0.0.1", port)
    await gateway.start()
    try:
        await ask(f"http://127.0.0.1:{port}")
    finally:
        await gateway.stop()
        await behind.cleanup()


@pytest.mark.parametrize("length", [None, 6])
def test_a_large_answer_is_passed_on_as_it_comes(length: int | None) -> None:
    asked = []

    async def run() -> None:
        arrived = asyncio.Event()

        async def handle(request: web.BaseRequest) -> web.StreamResponse:
            asked.append(request.raw_path)
            response = web.StreamResponse(headers={"ETag": '"x"'})
            response.content_length = length
            await response.prepare(request)
            await response.write(b"abc")
            await arrived.wait()  # the rest comes when the beginning is there
            await response.write(b"def")
            return response

        async def ask(url: str) -> None:
            path = URL(f"{url}/worker/0/bspump/v1/lookup/a%2Fb%20c?q=%26", encoded=True)
            async with aiohttp.ClientSession() as session, session.get(path) as response:
                assert (await response.content.readexactly(3), response.headers["ETag"]) == (b"abc", '"x"')
                arrived.set()
                assert await response.read() == b"def"

        await through_gateway(handle, ask)

    asyncio.run(run())
    assert asked == ["/bspump/v1/lookup/a%2Fb%20c?q=%26"]


@pytest.mark.parametrize("length", [None, 6])
def test_an_answer_that_breaks_off_is_not_taken_for_whole(length: int | None) -> None:
    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse()
        response.content_length = length
        await response.prepare(request)
        await response.write(b"abc")
        assert request.transport is not None
        request.transport.abort()
        return response

    async def ask(url: str) -> None:
        async with aiohttp.ClientSession() as session:
            with pytest.raises(aiohttp.ClientError):
                async with session.get(f"{url}/bspump/v1/lookup/a") as response:
                    await response.read()

    asyncio.run(through_gateway(handle, ask))


def test_profiles_and_states_are_merged() -> None:
    def part(state: str, error: str | None, runs: int) -> dict[str, Any]:
        profile = {"A": {"duration": 0.5, "run": runs, "mean": 0.5 / runs * 1e6}}
        metrics = {"events_in": 10, "retries": 1}
        return {"State": state, "Ready": not error, "Error": error, "Metrics": metrics, "Profile": profile}

    answers = {0: {"P": part("running", None, 100)}, 1: {"P": part("error", "bad", 400)}}
    carried = {0: {}, 1: {"P": Row("P", events_in=7, errors=2)}}
    merged = merged_pipelines(answers, carried)["P"]
    assert merged["State"] == "1 running, 1 error"
    assert (merged["Ready"], merged["Error"]) == (False, "worker 1: bad")
    assert merged["Metrics"]["events_in"] == 27
    assert (merged["Metrics"]["errors"], merged["Metrics"]["retries"]) == (2, 2)
    assert merged["Profile"] == {"A": {"duration": 1.0, "run": 500, "mean": 2000.0}}

"""The web API of `pump run --workers N`: one address for all workers, served by their parent.

Each worker serves its own API on a port of the loopback interface that only the parent knows. The parent passes requests on:

    GET /bspump/v1/pipelines     asks all; counts, profile and state are merged, `Workers` has what each one says
    GET /ready                   200 if all are ready; with the reasons of each
    GET /live                    200 while the parent runs
    /worker/K/...                is passed on to worker K
    GET anything else            is passed on to the first worker that runs: lookups are the same in all

Requests are passed on with their headers, so it is the workers that ask for `[web] token`.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import orjson

from ..errors import ConfigError
from .rows import COUNTS, Row, state_of

if TYPE_CHECKING:
    import aiohttp
    from aiohttp import web

_PATIENCE = 10.0
"""Seconds that a worker has to answer."""

_HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "content-encoding", "host", "upgrade"}


class Place(Protocol):
    """What the gateway wants to know of a worker."""

    index: int
    port: int
    """Of its own API; 0: it has none now."""

    @property
    def running(self) -> bool:
        """Tell whether there is a process."""

    @property
    def carried(self) -> Mapping[str, Row]:
        """Return what earlier processes in this place have done."""


class Gateway:
    """The server in front of the workers.

    Args:
        places: The workers.
        host: Where to listen.
        port: Where to listen.
    """

    def __init__(self, places: Sequence[Place], host: str, port: int) -> None:
        """Listen to nobody yet."""
        self._places = places
        self._address = (host, port)
        self._session: aiohttp.ClientSession | None = None
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        """Begin to serve.

        Raises:
            ConfigError: It is not possible to listen there.
        """
        import aiohttp
        from aiohttp import web

        app = web.Application()
        app.router.add_get("/live", self._live)
        app.router.add_get("/ready", self._ready)
        app.router.add_get("/bspump/v1/pipelines", self._pipelines)
        app.router.add_route("*", "/worker/{index:\\d+}/{path:.*}", self._one)
        app.router.add_route("*", "/{path:.*}", self._any)
        self._session = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(sock_connect=_PATIENCE, sock_read=_PATIENCE), auto_decompress=False
        )
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, *self._address).start()
        except OSError as error:
            await self.stop()
            raise ConfigError(
                f"the web server cannot listen on {self._address[0]}:{self._address[1]}: {error.strerror or error}",
                hint="set [web] listen to a free one",
            ) from error

    async def stop(self) -> None:
        """Serve no more."""
        if self._runner is not None:
            await self._runner.cleanup()
        if self._session is not None:
            await self._session.close()

    # What is asked

    async def _live(self, request: web.Request) -> web.Response:
        return _json({"live": True})

    async def _ready(self, request: web.Request) -> web.Response:
        answers = await self._ask_all(request)
        ready = all(status == 200 for status, _ in answers.values())
        told = {str(index): body for index, (_, body) in answers.items()}
        return _json({"ready": ready, "workers": told}, 200 if ready else 503)

    async def _pipelines(self, request: web.Request) -> web.Response:
        answers = await self._ask_all(request)
        for status, body in answers.values():
            if 400 <= status < 500 or all(status != 200 for status, _ in answers.values()):
                return _json(body, status)
        return _json(merged_pipelines({index: body for index, (status, body) in answers.items() if status == 200},
                                      {place.index: place.carried for place in self._places}))  # fmt: skip

    async def _one(self, request: web.Request) -> web.StreamResponse:
        index = int(request.match_info["index"])
        if index >= len(self._places):
            return _json({"problem": f"there is no worker {index}; there are 0 to {len(self._places) - 1}"}, 404)
        return await self._pass_on(request, self._places[index], f"/{request.rel_url.raw_path.split('/', 3)[3]}")

    async def _any(self, request: web.Request) -> web.StreamResponse:
        if request.method not in ("GET", "HEAD"):
            return _json({"problem": f"say which worker is meant: /worker/0{request.path}"}, 405)
        place = next((one for one in self._places if one.running and one.port), None)
        if place is None:
            return _json({"problem": "no worker runs"}, 503)
        return await self._pass_on(request, place, request.rel_url.raw_path)

    # Asking workers

    async def _ask_all(self, request: web.Request) -> dict[int, tuple[int, Any]]:
        """Return index -> status and JSON of the same request to each worker; 503 for one that does not answer."""
        answers = await asyncio.gather(*(self._ask(request, place) for place in self._places))
        return {place.index: answer for place, answer in zip(self._places, answers, strict=True)}

    async def _ask(self, request: web.Request, place: Place) -> tuple[int, Any]:
        try:
            async with asyncio.timeout(_PATIENCE), self._asked(request, place, request.path) as answer:
                status, body = answer.status, await answer.read()
        except OSError as error:
            return 503, {"problem": _why_not(place, error)}
        try:
            return status, orjson.loads(body)
        except orjson.JSONDecodeError:
            return status, {"problem": body.decode(errors="replace").strip()}

    async def _pass_on(self, request: web.Request, place: Place, path: str) -> web.StreamResponse:
        """Pass an answer on as it comes: the table of a lookup may be large."""
        from aiohttp import web
        from multidict import CIMultiDict

        response: web.StreamResponse | None = None
        try:
            async with self._asked(request, place, path) as answer:
                kept = CIMultiDict((k, v) for k, v in answer.headers.items() if k.lower() not in _HOP_BY_HOP)
                response = web.StreamResponse(status=answer.status, headers=kept)
                response.content_length = answer.content_length
                await response.prepare(request)
                async for piece in answer.content.iter_chunked(1 << 20):
                    await response.write(piece)
                await response.write_eof()
                return response
        except OSError as error:
            if response is not None and response.prepared:
                raise  # the connection breaks off, and who asked sees that it does not have all
            return _json({"problem": _why_not(place, error)}, 503)

    @contextlib.asynccontextmanager
    async def _asked(self, request: web.Request, place: Place, path: str) -> AsyncIterator[aiohttp.ClientResponse]:
        """Ask one worker.

        Raises:
            OSError: It does not run, does not answer in time, or breaks off.
        """
        import aiohttp
        from multidict import CIMultiDict
        from yarl import URL

        assert self._session is not None
        if not (place.running and place.port):
            raise ConnectionRefusedError
        headers = CIMultiDict((k, v) for k, v in request.headers.items() if k.lower() not in _HOP_BY_HOP)
        headers["Accept-Encoding"] = "identity"
        query = f"?{request.rel_url.raw_query_string}" if request.query_string else ""
        url = URL(f"http://127.0.0.1:{place.port}{path}{query}", encoded=True)  # as it came: %2F is no slash
        body = await request.read()
        try:
            async with self._session.request(request.method, url, headers=headers, data=body or None) as answer:
                yield answer
        except aiohttp.ClientError as error:
            raise ConnectionError(str(error)) from error


def _why_not(place: Place, error: Exception) -> str:
    if not (place.running and place.port):
        return f"worker {place.index} is not running"
    return f"worker {place.index} does not answer: {str(error) or 'no answer in time'}"


def free_port() -> int:
    """Return a port of the loopback interface that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def merged_pipelines(
    answers: Mapping[int, Mapping[str, Any]], carried: Mapping[int, Mapping[str, Row]]
) -> dict[str, dict[str, Any]]:
    """Return pipeline -> what all workers say of it.

    Args:
        answers: Worker -> its own answer.
        carried: Worker -> pipeline -> what processes before the present one have done.
    """
    found: dict[str, dict[str, Any]] = {}
    for id in {id: None for answer in answers.values() for id in answer}:
        parts = {str(index): answer[id] for index, answer in answers.items() if id in answer}
        metrics: dict[str, float] = {}
        for one in parts.values():
            for name, value in one["Metrics"].items():
                metrics[name] = metrics.get(name, 0) + value
        for before in carried.values():
            for name in COUNTS if id in before else ():
                metrics[name] = metrics.get(name, 0) + getattr(before[id], name)
        found[id] = {
            "Id": id,
            "State": state_of([part["State"] for part in parts.values()]),
            "Ready": all(part["Ready"] for part in parts.values()),
            "Error": next((f"worker {index}: {part['Error']}" for index, part in parts.items() if part["Error"]), None),
            "Metrics": metrics,
            "Profile": _merged_profile([part["Profile"] for part in parts.values()]),
            "Workers": parts,
        }
    return found


def _merged_profile(profiles: Sequence[Mapping[str, Mapping[str, float]]]) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = {}
    for profile in profiles:
        for name, times in profile.items():
            one = found.setdefault(name, {"duration": 0.0, "run": 0, "mean": 0.0})
            one["duration"] += times["duration"]
            one["run"] += times["run"]
            one["mean"] = one["duration"] / one["run"] * 1e6
    return found


def _json(value: Any, status: int = 200) -> web.Response:
    from aiohttp import web

    return web.Response(body=orjson.dumps(value, default=str), status=status, content_type="application/json")

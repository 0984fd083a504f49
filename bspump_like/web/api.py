"""REST, read-only: pipelines, lookups (for slaves, with ETag), liveness and readiness.

    GET /bspump/v1/pipelines            state, counters and profile of every pipeline
    GET /bspump/v1/lookup               the lookups
    GET /bspump/v1/lookup/{id}          one lookup as bytes; 304 when the request's ETag is still right
    GET /bspump/v1/lookup/{id}/meta     about it
    GET /bspump/v1/matrix               the matrices
    GET /bspump/v1/matrix/{id}          one matrix with its rows; ?limit= ?offset=
    GET /bspump/v1/matrix/{id}/csv      its rows as CSV
    GET /bspump/v1/matrix/{id}/png      its heat map; ?field= ?log=1
    GET /live  GET /ready               for probes: 200, or 503 with the reasons

It listens on the loopback interface unless told otherwise; beyond that it wants `[web] token`, and requests carry it as
`Authorization: Bearer TOKEN`.
"""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import asab.web
import orjson
from aiohttp import web

from ..errors import ConfigError
from .lookups import LookupRoutes
from .matrices import MatrixRoutes

if TYPE_CHECKING:
    from ..application import BSPumpApplication

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class WebAPI:
    """Registers the routes with asab's web server.

    Args:
        app: The application.
        listen: `HOST:PORT`, `HOST PORT` or `PORT`, which means the loopback interface.

    Raises:
        ConfigError: It is to listen beyond the loopback interface and there is no token.
    """

    def __init__(self, app: BSPumpApplication, listen: str) -> None:
        """Create the web server; it starts with the application."""
        self._service = app.pump_service
        self._token = asab.Config.get("web", "token", fallback="") if asab.Config.has_section("web") else ""
        host, port = address_of(listen)
        if not self._token and not _is_loopback(host):
            raise ConfigError(
                f"the web server is to listen on {host}, beyond this machine, without a token",
                hint="set [web] token, or listen on 127.0.0.1",
            )
        if asab.Config.has_section("web"):
            asab.Config.set("web", "listen", f"{host} {port}")  # for asab the section wins over what it is given
        self.router = asab.web.create_web_server(app, config={"listen": f"{host} {port}", "servertokens": "prod"})
        lookups = LookupRoutes(self._service)
        matrices = MatrixRoutes(self._service)
        for path, handler in (
            ("/bspump/v1/pipelines", self._pipelines),
            ("/bspump/v1/lookup", lookups.list),
            ("/bspump/v1/lookup/{id}", lookups.get),
            ("/bspump/v1/lookup/{id}/meta", lookups.meta),
            ("/bspump/v1/matrix", matrices.list),
            ("/bspump/v1/matrix/{id}", matrices.get),
            ("/bspump/v1/matrix/{id}/csv", matrices.csv),
            ("/bspump/v1/matrix/{id}/png", matrices.png),
            ("/live", self._live),
            ("/ready", self._ready),
        ):
            self.router.add_get(path, self._guarded(handler) if path.startswith("/bspump") else handler)

    def _guarded(self, handler: Handler) -> Handler:
        async def checked(request: web.Request) -> web.StreamResponse:
            given = request.headers.get("Authorization", "").removeprefix("Bearer ")
            if self._token and not hmac.compare_digest(given.encode(), self._token.encode()):
                raise web.HTTPUnauthorized(text="send the token of [web] token as 'Authorization: Bearer TOKEN'\n")
            return await handler(request)

        return checked

    async def _pipelines(self, request: web.Request) -> web.Response:
        return self._json({id: pipeline.rest_get() for id, pipeline in self._service.Pipelines.items()})

    async def _live(self, request: web.Request) -> web.Response:
        return self._json({"live": True})

    async def _ready(self, request: web.Request) -> web.Response:
        states = {id: pipeline.state() for id, pipeline in self._service.Pipelines.items()}
        lookups = self._service.Lookups.values()
        ready = all(state in ("running", "throttled", "finished") for state in states.values())
        ready = ready and all(lookup.is_ready() for lookup in lookups)
        told = {lookup.Id: lookup.status() for lookup in lookups}
        return self._json({"ready": ready, "pipelines": states, "lookups": told}, status=200 if ready else 503)

    def _json(self, value: Any, status: int = 200) -> web.Response:
        shown = self._service.secrets.redact_all(value)
        return web.Response(body=orjson.dumps(shown, default=str), status=status, content_type="application/json")


def address_of(listen: str) -> tuple[str, int]:
    """Return host and port of `HOST:PORT`, `HOST PORT` or `PORT`, which means the loopback interface.

    Raises:
        ConfigError: It is something else.
    """
    host, _, port = listen.strip().replace(" ", ":").rpartition(":")
    try:
        return host.strip("[]") or "127.0.0.1", int(port)
    except ValueError:
        raise ConfigError(f"the web server cannot listen on '{listen}'", hint="use HOST:PORT, 127.0.0.1:8080") from None


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False

"""Lookups over REST: what there is, and the tables for slaves."""

from __future__ import annotations

import asyncio
import dataclasses
import hashlib
import os
import weakref
from typing import TYPE_CHECKING

import orjson
from aiohttp import web

from ..abc import Lookup, OnDiskLookup

if TYPE_CHECKING:
    from ..service import PumpService


@dataclasses.dataclass(frozen=True)
class _Served:
    version: int
    data: bytes
    etag: str


class LookupRoutes:
    """Answers for `/bspump/v1/lookup`.

    Tables are written out when the first slave asks for a version, in a thread, and kept until the table changes.

    Args:
        service: Whose lookups these are.
    """

    def __init__(self, service: PumpService) -> None:
        """Keep nothing yet."""
        self._service = service
        self._served: weakref.WeakKeyDictionary[Lookup, _Served] = weakref.WeakKeyDictionary()
        self._writing: weakref.WeakKeyDictionary[Lookup, asyncio.Lock] = weakref.WeakKeyDictionary()

    async def list(self, request: web.Request) -> web.Response:
        """Return what there is."""
        return _json([lookup.rest_get() for lookup in self._service.Lookups.values()])

    async def meta(self, request: web.Request) -> web.Response:
        """Return what one lookup tells of itself."""
        return _json(self._located(request).rest_get())

    async def get(self, request: web.Request) -> web.StreamResponse:
        """Return a table as bytes or a file; 304 when the request names this version, 503 while there is no table."""
        lookup = self._located(request)
        if not lookup.is_ready():
            raise web.HTTPServiceUnavailable(
                text=f"lookup '{lookup.Id}' is not loaded: {lookup.problem or 'not yet'}\n"
            )
        if isinstance(lookup, OnDiskLookup):
            return await _file(lookup)
        served = await self._current(lookup)
        # BSPump's slaves send what they have in a header called ETag.
        asked = request.headers.get("If-None-Match", request.headers.get("ETag", ""))
        if served.etag in [tag.strip().removeprefix("W/") for tag in asked.split(",")]:
            return web.Response(status=304, headers={"ETag": served.etag})
        return web.Response(body=served.data, headers={"ETag": served.etag}, content_type="application/octet-stream")

    async def _current(self, lookup: Lookup) -> _Served:
        async with self._writing.setdefault(lookup, asyncio.Lock()):  # many slaves ask at a time: write it once
            served = self._served.get(lookup)
            if served is None or served.version != lookup.version:
                try:
                    served = await asyncio.to_thread(_written, lookup)
                except (NotImplementedError, TypeError) as error:
                    raise web.HTTPNotImplemented(text=f"lookup '{lookup.Id}' cannot be served: {error}\n") from error
                self._served[lookup] = served
            return served

    def _located(self, request: web.Request) -> Lookup:
        id = request.match_info["id"]
        if id not in self._service.Lookups:
            raise web.HTTPNotFound(text=f"there is no lookup '{id}'\n")
        return self._service.Lookups[id]


def _written(lookup: Lookup) -> _Served:
    version = lookup.version  # from before: a change meanwhile is seen the next time
    data = lookup.serialize()
    return _Served(version, data, f'"{hashlib.sha256(data).hexdigest()}"')


async def _file(lookup: OnDiskLookup) -> web.FileResponse:
    """Return the file of a lookup; aiohttp sends it from disk, and compares its ETag, which is made from its time and size."""
    path = lookup.served_path()
    if not await asyncio.to_thread(os.path.isfile, path):
        raise web.HTTPServiceUnavailable(text=f"lookup '{lookup.Id}': its file {path} is gone\n")
    return web.FileResponse(path, headers={"Content-Type": "application/octet-stream"})


def _json(value: object) -> web.Response:
    return web.Response(body=orjson.dumps(value, default=str), content_type="application/json")

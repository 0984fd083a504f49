"""Matrices over REST: what there is, their rows as JSON and CSV, their picture."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import orjson
from aiohttp import web

from ..errors import ConfigError, ProcessingError

if TYPE_CHECKING:
    from ..service import PumpService

_T = TypeVar("_T")

_ROWS = 1000
_MOST_ROWS = 100_000


class MatrixRoutes:
    """Answers for `/bspump/v1/matrix`.

    What is asked for is copied from the matrix and written out in a thread.

    Args:
        service: Whose matrices these are.
    """

    def __init__(self, service: PumpService) -> None:
        """Keep nothing."""
        self._service = service

    async def list(self, request: web.Request) -> web.Response:
        """Return what there is."""
        return _json([matrix.rest_get() for matrix in self._service.Matrixes.values()])

    async def get(self, request: web.Request) -> web.Response:
        """Return one matrix with its rows; `?limit=` of them (1000 unless asked, at most 100000) from `?offset=` on."""
        matrix = self._located(request)
        limit = _number(request, "limit", _ROWS, _MOST_ROWS)
        offset = _number(request, "offset", 0, 2**63)
        extract, about = await matrix.extract_beside(), matrix.rest_get()

        def written() -> bytes:
            rows = list(itertools.islice(extract.rows(), offset, offset + limit))
            return orjson.dumps({**about, "Rows": rows}, default=str)

        return web.Response(body=await asyncio.to_thread(written), content_type="application/json")

    async def csv(self, request: web.Request) -> web.Response:
        """Return all rows of one matrix as CSV."""
        matrix = self._located(request)
        extract = await matrix.extract_beside()
        text = await asyncio.to_thread(extract.csv)
        name = {"Content-Disposition": f'attachment; filename="{_file_name(matrix.Id)}.csv"'}
        return web.Response(text=text, content_type="text/csv", headers=name)

    async def png(self, request: web.Request) -> web.Response:
        """Return the heat map of one matrix, of `?field=` of its cells; `?log=1` for colours by magnitude."""
        extract = await self._located(request).extract_beside()
        field, logarithmic = request.query.get("field", ""), request.query.get("log", "") in ("1", "true", "yes")
        image = await _asked(lambda: extract.png(field, logarithmic=logarithmic))
        return web.Response(body=image, content_type="image/png")

    def _located(self, request: web.Request) -> Any:
        id = request.match_info["id"]
        if id not in self._service.Matrixes:
            raise web.HTTPNotFound(text=f"there is no matrix '{id}'\n")
        return self._service.Matrixes[id]


async def _asked(make: Callable[[], _T]) -> _T:
    try:
        return await asyncio.to_thread(make)
    except ProcessingError as error:
        raise web.HTTPBadRequest(text=f"{error}\n") from error
    except ConfigError as error:  # a package is missing here
        raise web.HTTPNotImplemented(text=f"{error}\n") from error


def _number(request: web.Request, name: str, default: int, most: int) -> int:
    text = request.query.get(name, str(default))
    if not (text.isascii() and text.isdigit() and int(text) <= most):
        raise web.HTTPBadRequest(text=f"{name} is '{text}', expected a number up to {most}\n")
    return int(text)


def _file_name(id: str) -> str:
    return "".join(letter if letter.isalnum() and letter.isascii() else "_" for letter in id)


def _json(value: object) -> web.Response:
    return web.Response(body=orjson.dumps(value, default=str), content_type="application/json")

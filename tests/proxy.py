"""A real HTTP server that stands before another one and answers as it is told, or passes on; in a thread of its own."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import io
import json
import threading
from typing import Any

import aiohttp
from aiohttp import web


@dataclasses.dataclass
class Call:
    """One request."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def lines(self):
        return [json.loads(line) for line in self.body.splitlines()]

    @property
    def documents(self):
        """The documents of a bulk without deletes."""
        return self.lines[1::2]


class Proxy:
    """`before(call)` may answer itself, with `answer(...)`; `after(call, status, body)` may change the answer of the server.

    `calls` are all requests, `most_at_once` is how many were under way together at most; `delay` holds back every answer.
    """

    def __init__(self, target="http://127.0.0.1:9", before=None, after=None, delay=0.0, ssl_context=None):
        self.target = target
        self.before = before or (lambda call: None)
        self.after = after or (lambda call, status, body: (status, body))
        self.delay = delay
        self.calls: list[Call] = []
        self.most_at_once = self._under_way = 0
        self._ssl = ssl_context
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    @property
    def bulks(self):
        return [call for call in self.calls if call.path.startswith("/_bulk")]

    def __enter__(self):
        self._thread.start()
        assert self._ready.wait(60)
        self.url = f"http{'s' if self._ssl else ''}://127.0.0.1:{self.port}"
        return self

    def __exit__(self, *exc):
        self.stop()

    def stop(self):
        """Close it, with the connections to it; may be called again."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._task.cancel)
            self._thread.join(60)

    def _run(self):
        self._task = self._loop.create_task(self._serve())
        with contextlib.suppress(asyncio.CancelledError):
            self._loop.run_until_complete(self._task)
        self._loop.close()

    async def _serve(self):
        app = web.Application(client_max_size=2**30)
        app.router.add_route("*", "/{path:.*}", self._handle)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=self._ssl)
        await site.start()
        self.port = site._server.sockets[0].getsockname()[1]
        try:
            async with aiohttp.ClientSession() as self._client:
                self._ready.set()
                await asyncio.Event().wait()
        finally:
            await runner.cleanup()

    async def _handle(self, request):
        self._under_way += 1
        self.most_at_once = max(self.most_at_once, self._under_way)
        try:
            call = Call(request.method, request.path_qs, dict(request.headers), await request.read())
            self.calls.append(call)
            if self.delay:
                await asyncio.sleep(self.delay)
            own = self.before(call)
            return own if own is not None else await self._pass_on(call)
        finally:
            self._under_way -= 1

    async def _pass_on(self, call):
        headers = {"content-type": call.headers.get("Content-Type", "application/json")}
        try:
            data = io.BytesIO(call.body) if call.body else None  # aiohttp warns of a megabyte of plain bytes
            async with self._client.request(call.method, self.target + call.path, data=data, headers=headers) as got:
                text = await got.text()
        except aiohttp.ClientError as error:
            return answer(502, str(error))
        body = json.loads(text) if text.startswith("{") else text
        status, body = self.after(call, got.status, body)
        return answer(status, body)


def answer(status: int, body: Any = "", content_type: str | None = None, **headers: str):
    """Return an answer: JSON of a dict, else the text as it is."""
    text = json.dumps(body) if isinstance(body, dict) else body
    if status == 204:
        return web.Response(status=204, headers=headers)
    kind = content_type or ("application/json" if isinstance(body, dict) else "text/html")
    return web.Response(status=status, text=text, content_type=kind, headers=headers)

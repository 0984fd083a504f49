"""How long events took: the time they were made stands in them, the time they arrived is taken here."""

from __future__ import annotations

import array
import asyncio
import re
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Self

import aiohttp
import aiokafka
from aiohttp import web

_OF_A_CONNECTION = ("host", "content-length", "transfer-encoding", "connection", "keep-alive")
_SENT = re.compile(rb'"sent":\s*(\d+)')


class Stamps:
    """Latencies in nanoseconds; none are kept before `begin`."""

    def __init__(self) -> None:
        self._begun: int | None = None
        self._settle = 0
        self._since: int | None = None
        self._latencies = array.array("q")

    def begin(self, now: int, settle: int) -> None:
        """Keep latencies of events made after `now`, but of the first of them and those within `settle` behind it none."""
        self._begun, self._settle, self._since = now, settle, None

    def take(self, data: bytes, now: int) -> None:
        """Take the stamps of all events in some bytes; they arrived `now`."""
        if self._begun is None:
            return
        for stamp in map(int, _SENT.findall(data)):
            if self._since is None and stamp > self._begun:
                self._since = stamp + self._settle
            if self._since is not None and stamp > self._since:
                self._latencies.append(now - stamp)

    def percentiles(self) -> tuple[float, float]:
        """Return median and 99th percentile in seconds; zeros when there is nothing."""
        found = sorted(self._latencies)
        if not found:
            return 0.0, 0.0
        return found[len(found) // 2] / 1e9, found[len(found) * 99 // 100] / 1e9


class TopicReader:
    """Reads a topic to its end, for ever; an event has arrived when this consumer has it.

    Args:
        servers: Address of a broker.
        topic: The topic.
        partitions: Of the topic.
        stamps: Where latencies go.
    """

    def __init__(self, servers: str, topic: str, partitions: int, stamps: Stamps) -> None:
        self._topic, self._partitions, self._stamps = topic, partitions, stamps
        self._consumer = aiokafka.AIOKafkaConsumer(
            bootstrap_servers=servers, auto_offset_reset="earliest", isolation_level="read_committed"
        )

    async def __aenter__(self) -> Self:
        """Begin to read."""
        await self._consumer.start()
        self._consumer.assign([aiokafka.TopicPartition(self._topic, one) for one in range(self._partitions)])
        self._task = asyncio.create_task(self._read())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        self._task.cancel()
        await asyncio.wait([self._task])
        await self._consumer.stop()

    async def _read(self) -> None:
        while True:
            records = await self._consumer.getmany(timeout_ms=1000)
            now = time.time_ns()
            for messages in records.values():
                for message in messages:
                    self._stamps.take(message.value, now)


class SearchProxy:
    """Stands before Elasticsearch; an event has arrived when the answer to its bulk has been handed on from here.

    Args:
        target: URL of the node.
        stamps: Where latencies go.
    """

    def __init__(self, target: str, stamps: Stamps) -> None:
        self._target, self._stamps = target.rstrip("/"), stamps
        self.url = ""

    async def __aenter__(self) -> Self:
        """Listen on a free port of the loopback."""
        self._session = aiohttp.ClientSession(auto_decompress=False)
        application = web.Application(client_max_size=2**30)
        application.router.add_route("*", "/{path:.*}", self._pass_on)
        self._runner = web.AppRunner(application, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop listening."""
        await self._runner.cleanup()
        await self._session.close()

    async def _pass_on(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        async with self._session.request(
            request.method, f"{self._target}{request.path_qs}", data=body, headers=_kept(request.headers)
        ) as answer:
            content = await answer.read()
            kept = _kept(answer.headers)
        response = web.Response(status=answer.status, body=content, headers=kept)
        await response.prepare(request)
        await response.write_eof()
        if request.path.endswith("_bulk"):
            self._stamps.take(body, time.time_ns())
        return response


def _kept(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the headers that belong to a message, not to the connection it comes by."""
    return {key: value for key, value in headers.items() if key.lower() not in _OF_A_CONNECTION}

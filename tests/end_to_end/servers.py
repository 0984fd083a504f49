"""Servers that only these tests use, because they are killed and frozen; and a network that can be cut."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from pathlib import Path
from typing import Any

from tools.services.catalogue import ROOT
from tools.services.kafka import Kafka
from tools.services.search import Search
from tools.services.versions import SEARCH


class FaultyKafka(Kafka):
    """One node with a second way in: `through_cut` is the address of a `Cut` in front of the listener `cut`.

    A client that comes by that way is told to come by it always, so that cutting it cuts the client off.
    """

    ports = (*Kafka.ports, "cut", "through")

    def __init__(self, root: Path = ROOT) -> None:
        super().__init__("faulty-kafka", root)

    def _properties(self) -> dict[str, Any]:
        properties, ports = super()._properties(), self.record["ports"]
        properties["listeners"] += f",CUT://127.0.0.1:{ports['cut']}"
        properties["advertised.listeners"] += f",CUT://127.0.0.1:{ports['through']}"
        properties["listener.security.protocol.map"] += ",CUT:PLAINTEXT"
        return properties


class FaultySearch(Search):
    """One node of the newest Elasticsearch, with the jars of the one that all tests share."""

    def __init__(self, root: Path = ROOT) -> None:
        super().__init__(SEARCH[0], root)
        self._shared = Search(SEARCH[0], root)
        self.name = f"faulty-{self.name}"
        self.directory = root / self.name
        self.data = self.directory / "data"
        self.log = self.directory / "server.log"

    def install(self) -> None:
        """Install the shared one and link to it. Raises: ServiceUnavailable."""
        self._shared.install()
        for folder in ("lib", "modules"):
            link = self.directory / folder
            if not link.is_symlink():
                link.symlink_to(self._shared.directory / folder)


class Cut:
    """A TCP proxy in a thread of its own: a network that can be cut.

    Args:
        port: Of the server on loopback.
        listen: Port to listen on; any when 0.
    """

    def __init__(self, port: int, listen: int = 0) -> None:
        self._target, self.port = port, listen
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._open = asyncio.Event()
        self._lines: set[asyncio.Task[None]] = set()

    def __enter__(self) -> Cut:
        self._thread.start()
        self._call(self._start())
        return self

    def __exit__(self, *exc: object) -> None:
        self._call(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def cut(self) -> None:
        """From now on nothing gets through, and nobody is told: packets are dropped."""
        self._loop.call_soon_threadsafe(self._open.clear)

    def mend(self) -> None:
        """Let everything through again; what was on its way comes late, as TCP does it."""
        self._loop.call_soon_threadsafe(self._open.set)

    def reset(self) -> None:
        """Break every connection there is; new ones can be made."""
        self._call(self._reset())

    def _call(self, work: Any) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    async def _start(self) -> None:
        self._open.set()
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _reset(self) -> None:
        for line in self._lines:
            line.cancel()
        if self._lines:
            await asyncio.wait(self._lines)

    async def _stop(self) -> None:
        self._server.close()
        await self._reset()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = asyncio.create_task(self._connect(reader, writer))
        self._lines.add(line)
        line.add_done_callback(self._lines.discard)

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._open.wait()
            back, there = await asyncio.open_connection("127.0.0.1", self._target)
        except BaseException as error:
            writer.transport.abort()
            if isinstance(error, OSError):
                return
            raise
        ways = [asyncio.create_task(self._pass_on(*way)) for way in ((reader, there), (back, writer))]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.wait(ways)
            for one in (writer, there):
                one.transport.abort()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                await self._open.wait()
                writer.write(data)
                await writer.drain()

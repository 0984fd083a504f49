"""The base of every technology's source: the loop of connecting, reading and resuming, once for all."""

from __future__ import annotations

import asyncio
import logging
from typing import ClassVar

from ..errors import BackOff, ConnectionLost, EndOfInput
from .backoff import Backoff
from .delivery import Batch
from .source import Source

L = logging.getLogger(__name__)

_STEADY = 60.0  # seconds after which a connection counts as one that held, though nothing came


class ReaderSource(Source):
    """A source as four methods: `connect`, `read`, `commit`, `close`. The loop around them is here.

    Lifecycle, retries, backpressure, positions, metrics and shutdown are not the connector's business.
    """

    to_override: ClassVar[tuple[str, ...]] = ("read",)

    _connected = False

    async def connect(self) -> None:
        """Open the connection and resume at `self.position`; called at the start and again after `ConnectionLost`.

        Raises:
            ConnectionLost: Cannot connect now; tried again with backoff.
            OSError: The same.
        """

    async def read(self) -> Batch:
        """Return the next events and the position after the last of them; wait while there are none.

        Called in a loop, never twice at a time, only while the pipeline takes events. May be cancelled: what it had
        taken but not returned must come again after the next `connect`.

        Raises:
            ConnectionLost: The connection is gone: `close`, then `connect` until it succeeds.
            BackOff: Read again after a while.
            EndOfInput: There will never be more.
        """
        raise NotImplementedError(f"{type(self).__name__} defines no read()")

    async def wait_for_room(self) -> None:
        """Wait while the pipeline takes no events; override it where the server must hear from its client meanwhile.

        Called before `read`, so that what was read never waits: it is handed over in the same step of the loop.
        """
        await self.Pipeline.room()

    async def close(self) -> None:
        """Close the connection; called after `ConnectionLost`, and after the last barrier of a stop or an end. Must not raise."""

    async def on_stop(self) -> None:
        """Close the connection, which `commit` has needed until now."""
        if self._connected:
            self._connected = False
            await self.close()

    async def main(self) -> None:
        """Connect, read, hand over; again after a loss, from the place after the last batch handed over."""
        backoff = Backoff(self.options.reconnect_delay, self.options.reconnect_delay_max)
        loop, said = asyncio.get_running_loop(), ""
        while True:
            began = loop.time()
            try:
                await self.on_stop()  # a connection of an earlier main() that was cancelled
                await self._read_until_lost(backoff)
            except EndOfInput:
                return
            except (ConnectionLost, OSError) as error:
                if loop.time() - began > _STEADY:
                    backoff.reset()
                # A server that lets us in and refuses us afterwards is available in between, and says nothing new.
                fresh, said = not backoff.failures or str(error) != said, str(error)
                wait = backoff.next()
                if self.Pipeline.report_unavailable(self, error) and fresh:
                    L.warning("%s: %s; trying again in %.1f s", self.locate_address(), error, wait)
                await self.on_stop()
                await asyncio.sleep(wait)

    async def _read_until_lost(self, backoff: Backoff) -> None:
        self._connected = True
        await self.connect()
        self.Pipeline.report_available(self)
        while True:
            if not self.Pipeline.has_room():
                await self.wait_for_room()
            try:
                batch = await self.read()
            except BackOff as pause:
                await asyncio.sleep(pause.wait)
                continue
            backoff.reset()
            await self.deliver(*batch)

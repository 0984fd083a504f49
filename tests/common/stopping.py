"""A source that is stopped midway: the first run of a test that goes on in a second one."""

from __future__ import annotations

import asyncio

from bspump_like.testing import ListSource


class StoppedSource(ListSource):
    """Hands over the first `until` events, waits until they are committed, and stops the application."""

    until = 16

    async def read(self):
        if self._next >= self.until:
            await asyncio.Event().wait()
        return await super().read()

    async def commit(self, position):
        await super().commit(position)
        if self.committed >= self.until:
            self.App.stop()

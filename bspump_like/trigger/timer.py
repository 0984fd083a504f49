"""A wake-up on the event loop that ends with the application."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..application import BSPumpApplication


class Timer:
    """Calls a function once, some time after it was set; setting it anew replaces the time.

    A bare handle of the loop, no task: a pump that is built but never run (`pump lint`) leaves nothing behind.
    """

    def __init__(self, app: BSPumpApplication, call: Callable[[], None]) -> None:
        """Remember whom to call; nothing runs before `set`."""
        self._loop = app.Loop
        self._call = call
        self._handle: asyncio.Handle | None = None
        self._stopped = False
        # asab keeps only a weak reference to a bound method, so this does not keep the trigger alive.
        app.PubSub.subscribe("Application.exit!", self._on_exit)

    def set(self, delay: float) -> None:
        """Call in `delay` seconds from now; 0 calls as soon as the loop turns. Nothing happens after the application's exit."""
        self.cancel()
        if not self._stopped:
            self._handle = self._loop.call_later(delay, self._call) if delay > 0 else self._loop.call_soon(self._call)

    def cancel(self) -> None:
        """Do not call; it may be set again."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _on_exit(self, _message_type: str) -> None:
        self._stopped = True
        self.cancel()

"""The application: asab's, with a pump service in it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Any

import asab

from .service import PumpService


class BSPumpApplication(asab.Application):
    """Hosts one `PumpService`; add pipelines to it, then call `run()`."""

    Description = "bspump_like: a stream-processing application server."

    def __init__(self, args: Sequence[str] | None = None, web_listen: str | None = None) -> None:
        """Read the command line and the configuration, and register the pump service.

        Args:
            args: Arguments in place of those of the process.
            web_listen: Address for the web server, `127.0.0.1:8080`; none is started when empty.
        """
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            asyncio.set_event_loop(self.make_event_loop())
        super().__init__(args=None if args is None else list(args))
        _plain_unless_terminal()
        from asab import metrics

        self.add_module(metrics.Module)
        self.pump_service = PumpService(self)
        listen = web_listen or (asab.Config.get("web", "listen", fallback="") if asab.Config.has_section("web") else "")
        if listen:
            from .web import WebAPI  # needs aiohttp and the builder: only when a server is wanted

            WebAPI(self, listen)

    def make_event_loop(self) -> asyncio.AbstractEventLoop:
        """Return the event loop to run on; called first of all, when none is running."""
        return asyncio.new_event_loop()

    async def main(self) -> None:
        """Run beside the pump; the contract lets users override it."""


def _plain_unless_terminal() -> None:
    """Take the colours out of log lines that go into a file: asab leaves them in everywhere but in containers."""
    for handler in logging.getLogger().handlers:
        stream = getattr(handler, "stream", None)
        formatter: Any = handler.formatter
        if stream is not None and not stream.isatty() and hasattr(formatter, "UseColor"):
            formatter.UseColor = False

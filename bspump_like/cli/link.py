"""The line between a worker and its parent: reports go up, and each sees when the other is gone."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import socket
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from .rows import Row

if TYPE_CHECKING:
    from ..application import BSPumpApplication

LIMIT = 16 * 1024 * 1024
"""Bytes of the longest report."""


def encoded(rows: Sequence[Row], code: int | None = None) -> bytes:
    """Return one report as a line; with `code` it is the last one, and the worker ends with that exit code."""
    report: dict[str, Any] = {"rows": [dataclasses.asdict(row) for row in rows]}
    if code is not None:
        report["code"] = code
    return json.dumps(report).encode() + b"\n"


class LinkView:
    """The view of a worker: sends its rows to the parent, and stops the worker when the parent is gone.

    Args:
        app: The application of the worker.
        descriptor: Number of the inherited socket.
    """

    period = 0.5

    def __init__(self, app: BSPumpApplication, descriptor: int) -> None:
        """Take the socket over."""
        self._app = app
        self._socket = socket.socket(fileno=descriptor)
        self._socket.setblocking(False)
        self._pending = b""

    def start(self) -> None:
        """Watch the parent; it never sends, so something to read is its end."""
        self._app.Loop.add_reader(self._socket, self._parent_gone)

    def _parent_gone(self) -> None:
        self._app.Loop.remove_reader(self._socket)
        self._app.stop()

    def show(self, rows: Sequence[Row]) -> None:
        """Send the rows, unless the parent has not yet taken the report before: an old one is of no use then."""
        try:
            if self._pending:
                self._pending = self._pending[self._socket.send(self._pending) :]
            if not self._pending:
                report = encoded(rows)
                self._pending = report[self._socket.send(report) :]
        except BlockingIOError:
            return
        except OSError:
            return  # the parent is gone: _parent_gone stops the worker

    def end(self, rows: Sequence[Row], code: int) -> None:
        """Send the last report, which tells the parent that the worker ended on purpose."""
        self._socket.setblocking(True)
        self._socket.settimeout(5)
        try:
            self._socket.sendall(self._pending + encoded(rows, code))
        except OSError:
            return  # nobody listens any more
        finally:
            self._socket.close()


async def receive(end: socket.socket) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Return the parent's end of a link as streams."""
    return await asyncio.open_connection(sock=end, limit=LIMIT)

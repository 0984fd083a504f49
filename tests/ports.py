"""Ports of loopback that nobody else gets while the tests run."""

from __future__ import annotations

import atexit
import socket

_held: list[socket.socket] = []


def free_port() -> int:
    """Return a port at which nobody listens, and at which a server may be started.

    Until the tests end a socket is bound to it, without listening: the system gives the port to no other process, a client
    is refused, and a server may listen all the same, since both set SO_REUSEADDR.
    """
    one = socket.socket()
    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    one.bind(("127.0.0.1", 0))
    if not _held:
        atexit.register(_release)
    _held.append(one)
    return int(one.getsockname()[1])


def _release() -> None:
    for one in _held:
        one.close()

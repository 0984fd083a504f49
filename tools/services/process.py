"""What the operating system is asked: which ports are free, does a process live, whose turn is it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import random
import signal
import socket
import subprocess
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

# What this process started: it must be waited for, or it stays a zombie that looks alive.
_children: dict[int, subprocess.Popen[bytes]] = {}


def free_ports(count: int) -> list[int]:
    """Return ports of loopback that nobody listens on.

    They lie below the range that systems take for outgoing connections (from 32768 on): a client that knocks again and
    again at a stopped server's port could otherwise be given that very port for itself and connect to itself.
    """
    ports: list[int] = []
    while len(ports) < count:
        port = random.randrange(20000, 32000)
        if port not in ports and is_free(port):
            ports.append(port)
    return ports


def is_free(port: int) -> bool:
    """Tell whether a server could listen on the port of loopback now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def become_free(ports: Iterable[int], patience: float) -> bool:
    """Wait until all are free, `patience` seconds at most; tell whether they are.

    The kernel closes the sockets of a killed process a moment after the process looks dead.
    """
    deadline = time.monotonic() + patience
    while not all(is_free(port) for port in ports):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def spawn(command: list[str], directory: Path, log: Path) -> int:
    """Start a process that outlives this one, with its output appended to `log`; return its pid."""
    with log.open("ab") as output:
        child = subprocess.Popen(
            command, cwd=directory, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
        )
    _children[child.pid] = child
    return child.pid


def is_alive(pid: int, mark: str) -> bool:
    """Tell whether `pid` lives and is the process meant: `mark` stands in its command line (where the system tells)."""
    if pid <= 0:  # none; for kill() zero and less would be whole groups of processes
        return False
    if pid in _children:
        return _children[pid].poll() is None
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    try:
        # Of a zombie it is empty.
        return mark.encode() in Path(f"/proc/{pid}/cmdline").read_bytes()
    except FileNotFoundError:
        return not Path("/proc/self").exists()


def end(pid: int, mark: str, how: signal.Signals, patience: float) -> bool:
    """Send the signal and wait until the process is gone; tell whether it went within `patience` seconds."""
    if not is_alive(pid, mark):
        return True
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, how)
    deadline = time.monotonic() + patience
    while is_alive(pid, mark):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    _children.pop(pid, None)
    return True


@contextlib.contextmanager
def exclusive(lock: Path) -> Iterator[None]:
    """Hold the lock file, waiting for other processes that do; it is given back however this process ends."""
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield

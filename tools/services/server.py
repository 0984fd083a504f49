"""What all servers share: one process with a directory, a record, a log and a deadline."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import time
import urllib.error
import urllib.request
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .errors import StartFailed
from .process import become_free, end, exclusive, free_ports, is_alive, spawn

START_TIMEOUT = 120.0  # seconds; a cold JVM on two busy cores
STOP_TIMEOUT = 20.0
PORT_PATIENCE = 30.0


class Server(ABC):
    """A server of the tests, driven by its directory alone: two objects with the same directory are the same server.

    Args:
        name: What the command line calls it.
        version: For the record.
        root: Where all servers live, usually `var/services`.
    """

    # The first is the one that clients use.
    ports: tuple[str, ...] = ("main",)

    def __init__(self, name: str, version: str, root: Path) -> None:
        """Remember; nothing is installed or started."""
        self.name = name
        self.version = version
        self.root = root
        self.directory = root / name
        self.data = self.directory / "data"
        self.log = self.directory / "server.log"
        self._log_start = 0

    # For the kinds of servers

    @abstractmethod
    def install(self) -> None:
        """Fetch what is not there yet. Raises: ServiceUnavailable."""

    @abstractmethod
    def configure(self) -> list[str]:
        """Write the configuration for `self.record["ports"]`, prepare an empty data directory; return the command."""

    @abstractmethod
    def is_ready(self) -> bool:
        """Tell whether clients are served. Called often while the server starts."""

    def describe(self) -> dict[str, Any]:
        """Return what else clients want to know; it goes into the record."""
        return {}

    # For everybody

    @property
    def record(self) -> dict[str, Any]:
        """Return `service.json`: host, port, ports, url, pid, version, ready; empty when it was never started."""
        try:
            found: dict[str, Any] = json.loads((self.directory / "service.json").read_text())
        except FileNotFoundError:
            return {}
        return found

    @property
    def port(self) -> int:
        """Return the port that clients use."""
        return int(self.record["port"])

    @property
    def url(self) -> str:
        """Return where clients connect to."""
        return str(self.record["url"])

    @property
    def alive(self) -> bool:
        """Tell whether its process lives (it may still be starting, or be paused)."""
        return is_alive(self.record.get("pid", 0), str(self.directory))

    @property
    def running(self) -> bool:
        """Tell whether its process lives and has been ready."""
        return self.alive and bool(self.record.get("ready"))

    def start(self) -> None:
        """Start on the ports and the data of last time and return when it is ready; a running one is left alone.

        Raises:
            ServiceUnavailable: It cannot be had.
            StartFailed: It cannot be started; the sentence ends with its last words.
        """
        with self.locked():
            if self.running:
                return
            self.install_alone()
            self.launch()
            self.wait_ready()

    def install_alone(self) -> None:
        """Install while nobody else does: servers share jars, a Java and certificates. Raises: ServiceUnavailable."""
        with exclusive(self.root / "install.lock"):
            self.install()

    def launch(self) -> None:
        """Start the process without waiting; call under `locked()`."""
        self.kill()
        self.choose_ports()
        command = self.configure()
        self._log_start = self.log.stat().st_size if self.log.exists() else 0
        pid = spawn(command, self.directory, self.log)
        self._write(pid=pid, version=self.version, **self.describe())

    def choose_ports(self) -> None:
        """Take the ports of last time if they are free, else others; the server must not run."""
        self.directory.mkdir(parents=True, exist_ok=True)
        ports: dict[str, int] = self.record.get("ports", {})
        if set(ports) != set(self.ports) or not become_free(ports.values(), PORT_PATIENCE):
            ports = dict(zip(self.ports, free_ports(len(self.ports)), strict=True))
        main = ports[self.ports[0]]
        self._write(host="127.0.0.1", port=main, ports=ports, url=f"http://127.0.0.1:{main}", ready=False, pid=0)

    def wait_ready(self) -> None:
        """Return when it is ready. Raises: StartFailed, after which nothing is left running."""
        deadline = time.monotonic() + START_TIMEOUT
        while not self.is_ready():
            if not self.alive:
                raise StartFailed(f"{self.name} {self.version} ended while it started. {self._last_words()}")
            if time.monotonic() > deadline:
                self.kill()
                raise StartFailed(
                    f"{self.name} {self.version} is not ready after {START_TIMEOUT:g} s. {self._last_words()}"
                )
            time.sleep(0.1)
        self._write(ready=True)

    def stop(self) -> None:
        """End it in good order, by force after a while; its data stays."""
        self.resume()
        if not self._end(signal.SIGTERM, STOP_TIMEOUT):
            self.kill()

    def kill(self) -> None:
        """End it as a power cut would; its data stays."""
        self._end(signal.SIGKILL, STOP_TIMEOUT)

    def pause(self) -> None:
        """Freeze it: connections stay open and nobody answers."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let a frozen one go on."""
        self._signal(signal.SIGCONT)

    def restart(self) -> None:
        """Stop in good order and start again, same port, same data."""
        self.stop()
        self.start()

    def keep(self, kept: bool) -> None:
        """Say whether it shall outlive the test run that started it; `up` does, see `Lease`."""
        self._write(keep=kept)

    def discard(self) -> None:
        """Forget the data of a stopped server; what is installed stays."""
        shutil.rmtree(self.data, ignore_errors=True)

    @property
    def memory(self) -> int:
        """Return its resident memory in bytes, 0 when it does not run or the system does not tell."""
        try:
            pages = Path(f"/proc/{self.record.get('pid', 0)}/statm").read_text().split()[1]
        except FileNotFoundError:
            return 0
        return int(pages) * os.sysconf("SC_PAGE_SIZE")

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes from installing or starting the same server."""
        self.directory.mkdir(parents=True, exist_ok=True)
        with exclusive(self.directory / "lock"):
            yield

    def log_since_start(self) -> str:
        """Return what it has written since the last launch of this object."""
        with self.log.open("rb") as file:
            file.seek(self._log_start)
            return file.read().decode(errors="replace")

    def get(self, path: str) -> tuple[int, str]:
        """GET a path of its HTTP interface; return status and body, status 0 when nobody answers."""
        try:
            with urllib.request.urlopen(self.url + path, timeout=5) as response:
                return response.status, response.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()
        except OSError:
            return 0, ""

    def _write(self, **changes: Any) -> None:
        file = self.directory / "service.json"
        fresh = file.with_suffix(".new")
        fresh.write_text(json.dumps({"name": self.name, **self.record, **changes}, indent=2) + "\n")
        fresh.replace(file)

    def _end(self, how: signal.Signals, patience: float) -> bool:
        return end(self.record.get("pid", 0), str(self.directory), how, patience)

    def _signal(self, which: signal.Signals) -> None:
        if self.alive:
            os.kill(self.record["pid"], which)

    def _last_words(self) -> str:
        lines = self.log_since_start().strip().splitlines()[-15:]
        return f"The last lines of {self.log}:\n" + "\n".join(lines)

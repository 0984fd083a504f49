"""memcached from the Debian package; see `debian`."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from pathlib import Path
from typing import Any

from . import debian
from .errors import ServiceUnavailable
from .server import Server
from .versions import MEMCACHED_PACKAGE

_LIBRARIES = ("libevent", "libsasl")  # what a small system may lack


class Memcached(Server):
    """One server that keeps everything in memory: a restart forgets it all. Clients use `url`, `127.0.0.1:20123`.

    Args:
        root: Where all servers live.
    """

    def __init__(self, root: Path) -> None:
        """Leave the version open; the package decides it."""
        super().__init__("memcached", "", root)

    def install(self) -> None:
        """Take `memcached` from the path, else download and unpack the package. Raises: ServiceUnavailable."""
        said = self._version()
        if not said:
            file = debian.unpack(self.name, MEMCACHED_PACKAGE, self.directory)
            said = self._version()
            if not said:
                for library in debian.needed(self.name, file, _LIBRARIES):
                    debian.unpack(self.name, library, self.directory)
                said = self._version()
        if not said:
            raise ServiceUnavailable(self.name, "memcached -V", "it does not run")
        self.version = said.split()[-1]  # "memcached 1.6.18"

    def configure(self) -> list[str]:
        """Return the command: loopback only, no UDP, 64 MB."""
        self.data.mkdir(exist_ok=True)
        port, user = str(self.record["ports"]["main"]), ["-u", "root"] if os.geteuid() == 0 else []
        command = [*self._command(), "-l", "127.0.0.1", "-p", port, "-U", "0", "-m", "64", *user]
        # A file it does not write; the name of our directory in the command line says whose process it is.
        return [*command, "-P", str(self.directory / "memcached.pid")]

    def describe(self) -> dict[str, Any]:
        """Return the address; it is no URL."""
        return {"url": f"127.0.0.1:{self.record['ports']['main']}"}

    def is_ready(self) -> bool:
        """Tell whether it says its version."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection:
                connection.sendall(b"version\r\n")
                return connection.recv(100).startswith(b"VERSION")
        except OSError:
            return False

    def _version(self) -> str:
        try:
            return subprocess.run([*self._command(), "-V"], capture_output=True, text=True, check=False).stdout.strip()
        except FileNotFoundError:
            return ""

    def _command(self) -> list[str]:
        unpacked = self.directory / "unpacked" / "usr"
        program = unpacked / "bin" / "memcached"
        if not program.exists():
            return [shutil.which("memcached") or str(program)]
        libraries = ":".join(str(path) for path in sorted((unpacked / "lib").glob("*-linux-*")))
        # `env` becomes the program: one process, with one pid.
        return ["env", f"LD_LIBRARY_PATH={libraries}", str(program)] if libraries else [str(program)]

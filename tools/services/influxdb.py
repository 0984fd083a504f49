"""InfluxDB 1.x from the Debian package; see `debian`."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from . import debian
from .errors import ServiceUnavailable
from .server import Server
from .versions import INFLUXDB_PACKAGE


class InfluxDB(Server):
    """One server without authentication. Clients use `url`.

    Args:
        root: Where all servers live.
    """

    ports = ("http", "backup")

    def __init__(self, root: Path) -> None:
        """Leave the version open; the package decides it."""
        super().__init__("influxdb", "", root)

    def install(self) -> None:
        """Take `influxd` from the path, else download and unpack the package. Raises: ServiceUnavailable."""
        program = self._program()
        if program is None:
            debian.unpack(self.name, INFLUXDB_PACKAGE, self.directory)
            program = self._program()
        if program is None:
            raise ServiceUnavailable(
                self.name, f"unpacking the package {INFLUXDB_PACKAGE}", "there is no influxd in it"
            )
        said = subprocess.run([program, "version"], capture_output=True, text=True, check=False).stdout
        # "InfluxDB v1.6.7~rc0 (git: ...)"; a word of it, or the whole when it changes its mind.
        words = [word for word in said.split() if word[:1] == "v" and word[1:2].isdigit()]
        self.version = words[0][1:] if words else said.strip()

    def configure(self) -> list[str]:
        """Write `influxdb.conf`."""
        ports = self.record["ports"]
        config = self.directory / "influxdb.conf"
        config.write_text(
            "reporting-disabled = true\n"
            f'bind-address = "127.0.0.1:{ports["backup"]}"\n'
            f'[meta]\ndir = "{self.data / "meta"}"\n'
            f'[data]\ndir = "{self.data / "data"}"\nwal-dir = "{self.data / "wal"}"\n'
            f'[http]\nenabled = true\nbind-address = "127.0.0.1:{ports["http"]}"\nlog-enabled = false\n'
            "[monitor]\nstore-enabled = false\n"
        )
        return [str(self._program()), "-config", str(config)]

    def is_ready(self) -> bool:
        """Tell whether it answers a ping."""
        return self.get("/ping")[0] == 204

    def _program(self) -> str | None:
        unpacked = self.directory / "unpacked" / "usr" / "bin" / "influxd"
        return str(unpacked) if unpacked.exists() else shutil.which("influxd")

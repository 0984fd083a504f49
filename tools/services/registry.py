"""Apicurio Registry: keeps schemas, and speaks Confluent's REST interface below `/apis/ccompat/v7`."""

from __future__ import annotations

from pathlib import Path

from . import maven
from .java import runtime
from .server import Server
from .versions import REGISTRY

_JAVA = 21
_JVM = ("-Xms128m", "-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")


class SchemaRegistry(Server):
    """One server that keeps everything in its own memory: a stopped one has forgotten it. Clients use `url`.

    Args:
        root: Where all servers live.
    """

    ports = ("http", "management")

    def __init__(self, root: Path) -> None:
        """Take the version from the table."""
        super().__init__("schema-registry", REGISTRY.version, root)

    @property
    def url(self) -> str:
        """Return where clients of Confluent's interface connect to."""
        return f"{super().url}/apis/ccompat/v7"

    def install(self) -> None:
        """Fetch and unpack the distribution. Raises: ServiceUnavailable."""
        runtime(self.name, _JAVA, self.root)
        maven.fetch_archive(self.name, REGISTRY, self.directory)

    def configure(self) -> list[str]:
        """Return the command; everything is told by it."""
        settings = {
            "quarkus.http.host": "127.0.0.1",
            "quarkus.http.port": self.record["ports"]["http"],
            "quarkus.management.host": "127.0.0.1",
            "quarkus.management.port": self.record["ports"]["management"],
            "apicurio.storage.kind": "sql",  # H2, in memory
            "quarkus.http.access-log.enabled": "false",
        }
        options = [f"-D{key}={value}" for key, value in settings.items()]
        program = self.directory / "unpacked" / "quarkus-run.jar"
        return [runtime(self.name, _JAVA, self.root), *_JVM, *options, "-jar", str(program)]

    def is_ready(self) -> bool:
        """Tell whether it lists its subjects."""
        return self.get("/subjects")[0] == 200

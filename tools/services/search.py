"""Elasticsearch and OpenSearch: one node from the jars, security off, only what the core server has.

Not there, because it is not in the registry: painless scripts, ingest processors, reindex and delete by query, language
analyzers; and, in Elasticsearch, `GET /`, data streams and index lifecycles, which are modules of the distribution.
"""

from __future__ import annotations

import re
import shutil
import zipfile
from pathlib import Path

from . import maven
from .errors import ServiceUnavailable
from .java import compile_launcher, runtime
from .server import Server
from .versions import SearchRelease

_JVM = ("-Xms512m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
_MODULE = "transport-netty4"


class Search(Server):
    """One node, a cluster of its own. Clients use `url`.

    Args:
        release: What to run.
        root: Where all servers live.
    """

    ports = ("http", "transport")

    def __init__(self, release: SearchRelease, root: Path) -> None:
        """Take name and version from the release."""
        super().__init__(release.name, release.version, root)
        self.release = release

    def install(self) -> None:
        """Fetch the jars, and build what a distribution has: `modules/` beside them. Raises: ServiceUnavailable."""
        runtime(self.name, self.release.java, self.root)
        compile_launcher(self.name, self.root)
        lib = maven.fetch(self.name, self.release.artifacts, self.directory)
        module = self.directory / "modules" / _MODULE
        jars = list(lib.glob(f"{_MODULE}*-{self.version}.jar"))
        if not jars:  # moved already
            return
        shutil.rmtree(module, ignore_errors=True)
        module.mkdir(parents=True)
        # The server refuses a plugin whose class comes from its own class path, so this one jar has to leave it.
        descriptor = self._descriptor(jars[0])
        (module / "plugin-descriptor.properties").write_text(descriptor)
        jars[0].rename(module / jars[0].name)

    def configure(self) -> list[str]:
        """Write `config/NAME.yml`; the server makes its data directory itself."""
        ports = self.record["ports"]
        config = self.directory / "config" / f"{self.release.product}.yml"
        config.parent.mkdir(exist_ok=True)
        config.write_text(
            f"cluster.name: {self.name}\n"
            "node.name: test\n"
            "discovery.type: single-node\n"
            "network.host: 127.0.0.1\n"
            f"http.port: {ports['http']}\n"
            f"transport.port: {ports['transport']}\n"
            f"path.data: {self.data}\n"
            f"path.logs: {self.directory / 'logs'}\n"
            # A developer's disk is often fuller than the watermark; writes would be refused.
            "cluster.routing.allocation.disk.threshold_enabled: false\n"
        )
        java = runtime(self.name, self.release.java, self.root)
        options = [*_JVM, "-Djava.awt.headless=true"]
        if self.release.java > 17:
            options += ["--enable-native-access=ALL-UNNAMED"]
        class_path = f"{compile_launcher(self.name, self.root)}:{self.directory / 'lib'}/*"
        return [java, *options, "-cp", class_path, "SearchNode", self.release.product, str(self.directory)]

    def is_ready(self) -> bool:
        """Tell whether the node answers, has a master and has its indices back."""
        status, _ = self.get("/_cluster/health?wait_for_status=yellow&timeout=1s")
        return status == 200

    def _descriptor(self, jar: Path) -> str:
        if self.release.transport:
            return (
                f"name={_MODULE}\ndescription=HTTP\nversion={self.version}\nopensearch.version={self.version}\n"
                f"java.version={self.release.java}\nclassname={self.release.transport}\nhas.native.controller=false\n"
            )
        inside = f"META-INF/es-plugins/{_MODULE}/plugin-descriptor.properties"
        with zipfile.ZipFile(jar) as archive:
            try:
                text = archive.read(inside).decode()
            except KeyError:
                raise ServiceUnavailable(self.name, f"reading {inside} of {jar.name}", "no such entry") from None
        # As a Java module it would need the server to be one; here the server stands on the class path.
        return re.sub(r"(?m)^modulename=.*$", "", text)

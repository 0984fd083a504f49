"""Fixtures of real servers: each starts at first use and ends with the test run (KEEP_SERVICES=1: it stays).

A server that cannot be had skips its tests with the reason, or fails them with REQUIRE_SERVICES=1. Servers are shared by all
tests of a run, and by runs side by side: use names of topics, indices and databases of your own. A test that kills
or freezes a server brings it back before it ends.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tools.services.catalogue import servers
from tools.services.errors import ServiceUnavailable
from tools.services.influxdb import InfluxDB
from tools.services.kafka import Kafka, KafkaCluster
from tools.services.lease import Lease
from tools.services.memcached import Memcached
from tools.services.registry import SchemaRegistry
from tools.services.search import Search
from tools.services.server import Server
from tools.services.versions import SEARCH

_SERVERS = servers()


@pytest.fixture(scope="session")
def kafka(require_services: bool) -> Iterator[Server]:
    """One Kafka node: `url` is for `bootstrap_servers`; SASL and TLS in its `record`, see `Kafka`."""
    yield from _lease("kafka", Kafka, require_services)


@pytest.fixture(scope="session")
def kafka_cluster(require_services: bool) -> Iterator[Server]:
    """Three Kafka nodes: `nodes` can be killed and started one by one."""
    yield from _lease("kafka-cluster", KafkaCluster, require_services)


@pytest.fixture(scope="session", params=[release.name for release in SEARCH if release.product == "elasticsearch"])
def elasticsearch(request: pytest.FixtureRequest, require_services: bool) -> Iterator[Server]:
    """One Elasticsearch node, each version in turn."""
    yield from _lease(request.param, Search, require_services)


@pytest.fixture(scope="session", params=[release.name for release in SEARCH if release.product == "opensearch"])
def opensearch(request: pytest.FixtureRequest, require_services: bool) -> Iterator[Server]:
    """One OpenSearch node, each version in turn."""
    yield from _lease(request.param, Search, require_services)


@pytest.fixture(scope="session", params=[release.name for release in SEARCH])
def search(request: pytest.FixtureRequest, require_services: bool) -> Iterator[Server]:
    """One node of Elasticsearch or OpenSearch, each version of both in turn."""
    yield from _lease(request.param, Search, require_services)


@pytest.fixture(scope="session")
def any_search(require_services: bool) -> Iterator[Server]:
    """One node of the newest Elasticsearch, for what does not depend on the version."""
    yield from _lease(SEARCH[0].name, Search, require_services)


@pytest.fixture(scope="session")
def schema_registry(require_services: bool) -> Iterator[Server]:
    """One schema registry with Confluent's interface at `url`."""
    yield from _lease("schema-registry", SchemaRegistry, require_services)


@pytest.fixture(scope="session")
def influxdb(require_services: bool) -> Iterator[Server]:
    """One InfluxDB 1.x."""
    yield from _lease("influxdb", InfluxDB, require_services)


@pytest.fixture(scope="session")
def memcached(require_services: bool) -> Iterator[Server]:
    """One memcached: `url` is `host:port`. What is in it belongs to all: use keys or a prefix of your own."""
    yield from _lease("memcached", Memcached, require_services)


def _lease(name: str, kind: type[Server], required: bool) -> Iterator[Server]:
    lease = Lease(_SERVERS[name], keep=os.environ.get("KEEP_SERVICES", "") not in ("", "0"))
    try:
        server = lease.__enter__()
    except ServiceUnavailable as error:
        if required:
            pytest.fail(str(error), pytrace=False)
        pytest.skip(str(error))
    assert isinstance(server, kind)
    yield server
    lease.__exit__(None, None, None)

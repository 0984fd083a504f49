"""Which servers there are."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from .influxdb import InfluxDB
from .kafka import Kafka, KafkaCluster
from .memcached import Memcached
from .registry import SchemaRegistry
from .search import Search
from .server import Server
from .versions import SEARCH

ROOT = (Path(__file__).resolve().parents[2] / "var" / "services").resolve()  # of several checkouts one may link to the other


def servers(root: Path = ROOT) -> dict[str, Server]:
    """Return all servers by name, none of them started."""
    every: list[Server] = [
        Kafka("kafka", root), KafkaCluster("kafka-cluster", root), SchemaRegistry(root), InfluxDB(root),
        Memcached(root),
    ]  # fmt: skip
    every += [Search(release, root) for release in SEARCH]
    return {server.name: server for server in every}


def select(names: Sequence[str], root: Path = ROOT) -> list[Server]:
    """Return the servers that are named; `elasticsearch` means every version of it, no name means all.

    Raises:
        ValueError: There is no such server; the sentence lists what there is.
    """
    every = servers(root)
    if not names:
        return list(every.values())
    chosen: dict[str, Server] = {}
    for name in names:
        found = [name] if name in every else [other for other in every if other.rpartition("-")[0] == name]
        if not found:
            raise ValueError(f"there is no server '{name}'; there are {', '.join(every)}")
        chosen.update({one: every[one] for one in found})
    return list(chosen.values())

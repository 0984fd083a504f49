"""Servers of the benchmarks alone: tests kill and fill those that they share.

They are those of `tools.services`, with the same jars, and Java's second compiler: the tests leave it out to start sooner.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tools.services.catalogue import ROOT
from tools.services.kafka import Kafka
from tools.services.search import Search
from tools.services.versions import SEARCH

_QUICK_START = ("-XX:TieredStopAtLevel=1", "-Xms256m", "-Xmx512m")
_LASTING = ("-Xms1g", "-Xmx1g")


class BenchKafka(Kafka):
    """One node.

    Args:
        root: Where all servers live.
    """

    def __init__(self, root: Path = ROOT) -> None:
        super().__init__("bench-kafka", root)

    def configure(self) -> list[str]:
        """Return the command."""
        return _lasting(super().configure())

    def _properties(self) -> dict[str, Any]:
        # Several workers come into the first generation of their group together; by default Kafka waits three times as long.
        return {**super()._properties(), "group.initial.rebalance.delay.ms": 1000}


class BenchSearch(Search):
    """One node of the newest Elasticsearch, with the jars of the one that tests share.

    Args:
        root: Where all servers live.
    """

    def __init__(self, root: Path = ROOT) -> None:
        super().__init__(SEARCH[0], root)
        self._shared = Search(SEARCH[0], root)
        self.name = f"bench-{self.name}"
        self.directory = root / self.name
        self.data = self.directory / "data"
        self.log = self.directory / "server.log"

    def install(self) -> None:
        """Install the shared one and link to it. Raises: ServiceUnavailable."""
        self._shared.install()
        for folder in ("lib", "modules"):
            link = self.directory / folder
            if not link.is_symlink():
                link.symlink_to(self._shared.directory / folder)

    def configure(self) -> list[str]:
        """Return the command."""
        return _lasting(super().configure())


def _lasting(command: list[str]) -> list[str]:
    """Return a command of Java with the options of a server that runs for long."""
    return [command[0], *_LASTING, *(part for part in command[1:] if part not in _QUICK_START)]

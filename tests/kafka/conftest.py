"""A real broker, topics of its own for each test, and pumps in this process or in others."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from tests.faults.harness import Pump
from tests.kafka.topics import Topics
from tools.services.kafka import Kafka


@pytest.fixture
def topics(kafka: Kafka) -> Iterator[Topics]:
    topics = Topics(kafka.url)
    yield topics
    topics.delete()


@pytest.fixture
def make(tmp_path: pathlib.Path) -> Iterator[Any]:
    """Return a function that makes a pump, a process of its own, of a definition; what still runs at the end is killed."""
    pumps: list[Pump] = []

    def make(definition: Mapping[str, Any]) -> Pump:
        pumps.append(Pump(tmp_path / f"pump{len(pumps)}", definition))
        return pumps[-1]

    yield make
    for pump in pumps:
        pump.close()

"""Servers, routes and pumps of the end-to-end tests. Their scale is short in CI, long in `make soak`."""

from __future__ import annotations

import os
import pathlib
import random
from collections.abc import Iterator
from typing import Any

import pytest

from tests.end_to_end.harness import Route, Tree
from tests.end_to_end.servers import FaultyKafka, FaultySearch
from tests.faults.harness import Pump
from tools.services.errors import ServiceUnavailable
from tools.services.lease import Lease
from tools.services.process import exclusive
from tools.services.server import Server


class Scale:
    """How long a test is. FAULTS_SEED repeats its random moments."""

    def __init__(self, *, long: bool) -> None:
        self.long = long
        self.seed = int(os.environ.get("FAULTS_SEED", random.SystemRandom().randrange(10**6)))

    def pick(self, short: Any, long: Any) -> Any:
        return long if self.long else short


LONG = pytest.param(True, id="long", marks=[pytest.mark.soak, pytest.mark.timeout(3600)])


@pytest.fixture(params=[pytest.param(False, id="short"), LONG])
def scale(request: pytest.FixtureRequest) -> Scale:
    return Scale(long=request.param)


@pytest.fixture(scope="session")
def faulty_kafka(require_services: bool) -> Iterator[FaultyKafka]:
    yield from _lease(FaultyKafka(), require_services)


@pytest.fixture(scope="session")
def faulty_search(require_services: bool) -> Iterator[FaultySearch]:
    yield from _lease(FaultySearch(), require_services)


def _lease(server: Any, required: bool) -> Iterator[Any]:
    server.directory.mkdir(parents=True, exist_ok=True)
    with exclusive(server.directory / "alone"):  # runs side by side take turns
        lease = Lease(server)
        try:
            lease.__enter__()
        except ServiceUnavailable as error:
            if required:
                pytest.fail(str(error), pytrace=False)
            pytest.skip(str(error))
        yield server
        lease.__exit__(None, None, None)


@pytest.fixture
def broker(faulty_kafka: FaultyKafka) -> Iterator[FaultyKafka]:
    """One Kafka node that a test may do anything to."""
    yield faulty_kafka
    _revive(faulty_kafka)


@pytest.fixture
def node(faulty_search: FaultySearch) -> Iterator[FaultySearch]:
    """One Elasticsearch node that a test may do anything to."""
    yield faulty_search
    _revive(faulty_search)


def _revive(server: Server) -> None:
    server.resume()
    server.start()


@pytest.fixture
def make(tmp_path: pathlib.Path) -> Iterator[Any]:
    """Return a function that makes a pump in a folder of its own; what still runs at the end is killed."""
    pumps: list[Pump] = []

    def make(definition: Tree) -> Pump:
        pumps.append(Pump(tmp_path / f"pump{len(pumps)}", definition))
        return pumps[-1]

    yield make
    for pump in pumps:
        pump.close()


@pytest.fixture
def route(scale: Scale, broker: FaultyKafka, node: FaultySearch) -> Iterator[Route]:
    """A route between the two: 8,000 ids, or 200,000."""
    route = Route(broker.url, node.url, scale.pick(8_000, 200_000))
    yield route
    route.close()

"""Scales and pumps of the fault tests. FAULTS_EVENTS, FAULTS_KILLS and FAULTS_SEED change the scale of all of them."""

from __future__ import annotations

import os
import pathlib
import random
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from tests.faults.harness import Pump

Make = Callable[..., Pump]
"""Takes a definition, and sections of the configuration file when there are any."""


class Scale:
    """How long a test is: short in CI, long in `make soak`."""

    def __init__(self, events: int, kills: int) -> None:
        self.events = int(os.environ.get("FAULTS_EVENTS", events))
        self.kills = int(os.environ.get("FAULTS_KILLS", kills))
        self.seed = int(os.environ.get("FAULTS_SEED", random.SystemRandom().randrange(10**6)))


LONG = pytest.param((1_000_000, 200), id="long", marks=[pytest.mark.soak, pytest.mark.timeout(3600)])


@pytest.fixture(params=[pytest.param((40_000, 5), id="short"), LONG])
def scale(request: pytest.FixtureRequest) -> Scale:
    return Scale(*request.param)


@pytest.fixture
def make(tmp_path: pathlib.Path) -> Iterator[Make]:
    """Return a function that makes a pump in a folder of its own; what still runs at the end is killed."""
    pumps: list[Pump] = []

    def make(definition: Mapping[str, Any], config: Mapping[str, Mapping[str, Any]] | None = None) -> Pump:
        pumps.append(Pump(tmp_path / f"pump{len(pumps)}", definition, config))
        return pumps[-1]

    yield make
    for pump in pumps:
        pump.close()

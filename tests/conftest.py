"""Rules that all tests share: for real servers, and for what a test may leave behind. See `bspump_like.testing`."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, settings

# A machine that is busy is slow to make examples and to try them, and that says nothing of the code.
# In CI the same examples every time: a change is judged by what it changes, and chance finds its cases on the desk.
settings.register_profile("desk", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", settings.get_profile("desk"), derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "desk")

pytest_plugins = ["tests.servers", "tests.left_behind"]


@pytest.fixture(scope="session")
def require_services() -> bool:
    """Tell whether a server that cannot be had fails its tests (in CI) instead of skipping them."""
    return os.environ.get("REQUIRE_SERVICES", "") not in ("", "0")

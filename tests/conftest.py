"""What all tests share: nothing but the rule for real servers. See `bspump_like.testing` for running pumps."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, settings

# In CI the same examples every time: a change is judged by what it changes, and chance finds its cases on the desk.
# A machine that is busy with servers is slow to make examples, and that says nothing of the code.
settings.register_profile("ci", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
if os.environ.get("CI"):
    settings.load_profile("ci")

pytest_plugins = ["tests.servers"]


@pytest.fixture(scope="session")
def require_services() -> bool:
    """Tell whether a server that cannot be had fails its tests (in CI) instead of skipping them."""
    return os.environ.get("REQUIRE_SERVICES", "") not in ("", "0")

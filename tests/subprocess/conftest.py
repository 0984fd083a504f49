"""What the tests of commands need: single parts, and to know which processes there are."""

from __future__ import annotations

import os
import pathlib
import time
from collections.abc import Callable

import pytest

from tests.common.conftest import app, make, pump

__all__ = ["app", "make", "pump", "until_gone"]


def is_running(pid: int) -> bool:
    """Tell whether a process is there and no zombie."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.fixture
def until_gone() -> Callable[[int], None]:
    """Return a function that waits until a process is gone, and fails when it stays."""
    if not os.path.isdir("/proc/self"):
        pytest.skip("there is no /proc to look for processes in")

    def wait(pid: int) -> None:
        deadline = time.monotonic() + 60
        while is_running(pid):
            assert time.monotonic() < deadline, f"process {pid} has outlived the pump"
            time.sleep(0.01)

    return wait

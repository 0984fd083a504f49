"""A test leaves the process as it has found it, so that tests may run in any order, alone or all together."""

from __future__ import annotations

import gc
import logging
import os
import resource
import signal
import sys
from collections.abc import Iterator
from typing import Any

import asab
import pytest

_THEIRS = {"PYTEST_CURRENT_TEST", "HOSTNAME", "_RJEM_MALLOC_CONF"}
"""Set by pytest at each step; by asab and polars once and for all when they are imported or used."""


@pytest.fixture(autouse=True)
def nothing_left_behind() -> Iterator[None]:
    """Fail a test that changes what others see: the working directory, the environment, the log, asab's configuration."""
    before = _surroundings()
    yield
    after = _surroundings()
    assert after == before, "the test leaves something behind"


@pytest.fixture
def program() -> Iterator[None]:
    """Take back what a whole program that runs in this process sets for the rest of it."""
    log, path, collector = logging.getLogger(), list(sys.path), gc.get_threshold()
    level, handlers = log.level, list(log.handlers)
    config = {name: dict(asab.Config._sections[name]) for name in asab.Config.sections()}
    yield
    sys.path[:] = path
    gc.set_threshold(*collector)
    log.setLevel(level)
    for handler in [one for one in log.handlers if one not in handlers and type(one).__module__.startswith("asab.")]:
        log.removeHandler(handler)
    for name in asab.Config.sections():
        asab.Config.remove_section(name)
    asab.Config.read_dict(config)


def _surroundings() -> dict[str, Any]:
    log = logging.getLogger()
    return {
        "working directory": os.getcwd(),
        "sys.path": list(sys.path),
        "environment": {name: value for name, value in os.environ.items() if name not in _THEIRS},
        "log": (log.level, log.manager.disable, sum(type(one).__module__.startswith("asab.") for one in log.handlers)),
        "garbage collector": (gc.isenabled(), gc.get_threshold()),
        "size of files": (resource.getrlimit(resource.RLIMIT_FSIZE), signal.getsignal(signal.SIGXFSZ)),
        "configuration": {name: dict(asab.Config._sections[name]) for name in asab.Config.sections()},
    }

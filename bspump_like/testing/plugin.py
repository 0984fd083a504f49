"""The fixtures of pytest, registered by the entry point `pytest11`: where bspump_like is installed, they are there.

An entry point rather than a module to name in `conftest.py`, so that a test is one file. It costs a run that uses none of
it next to nothing: this file imports pytest alone.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from .trial import Pump, Trial


@pytest.fixture
def pump() -> Iterator[Callable[..., Trial]]:
    """Return a function that makes trials of pumps, `pump("cities.yaml")`; each ends with the test."""
    from .trial import Trial

    with contextlib.ExitStack() as trials:

        def make(*pumps: Pump, **options: Any) -> Trial:
            return trials.enter_context(Trial(*pumps, **options))

        yield make


@pytest.fixture
def isolated_pump(pump: Callable[..., Trial]) -> Callable[..., Trial]:
    """Return a function that makes trials of pumps whose sources, sinks and connections are mocked."""

    def make(*pumps: Pump, **options: Any) -> Trial:
        trial = pump(*pumps, **options)
        trial.isolate()
        return trial

    return make

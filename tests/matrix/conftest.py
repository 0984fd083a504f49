from __future__ import annotations

import pytest

from bspump_like.testing import fresh_application


@pytest.fixture(scope="module")
def app():
    """Return one application for all matrices of a module: they need little of it."""
    with fresh_application() as app:
        yield app

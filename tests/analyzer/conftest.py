from __future__ import annotations

import pytest

from bspump_like.testing import fresh_application


@pytest.fixture
def app():
    with fresh_application() as app:
        yield app

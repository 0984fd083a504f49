"""Single parts, and pumps around them."""

from tests.common.conftest import app, make, pump

__all__ = ["app", "make", "pump"]

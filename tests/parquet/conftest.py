"""A pump between files, as the tests of file sources and sinks have it; and single parts."""

from tests.common.conftest import app, make
from tests.file.conftest import pump

__all__ = ["app", "make", "pump"]

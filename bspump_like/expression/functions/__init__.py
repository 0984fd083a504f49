"""The functions that expressions may call: one table, which the compiler, the page in docs/how-to and its test read."""

from . import conversion, identity, items, missing, number, pattern, text, time
from .table import FUNCTIONS, Function

__all__ = ["FUNCTIONS", "Function"]

GROUPS = tuple(module.GROUP for module in (missing, text, pattern, number, conversion, time, items, identity))
"""Titles on the page of functions, in its order."""

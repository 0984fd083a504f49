"""Expressions in definitions: conditions, computed fields, keys, names of indices, texts.

A small, safe language with the grammar of Python, compiled to a Python function when a pump is built. docs/how-to/expressions.md
has the whole language on one page.
"""

from .compile import compile_expression, compile_template
from .error import ExpressionError

__all__ = ["ExpressionError", "compile_expression", "compile_template"]

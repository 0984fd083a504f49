"""Expressions in definitions: conditions, computed fields, keys, names of indices, texts.

A small, safe language with the grammar of Python, compiled to a Python function when a pump is built. docs/how-to/expressions.md
has the whole language on one page.
"""

from .assign import compile_assignments
from .compile import compile_expression, compile_template
from .conditions import compile_condition, condition_function, read_condition
from .error import ExpressionError
from .option import Expression, OptionalTemplate, Template
from .provided import check_lookups, lookups_of, provided_by

__all__ = [
    "Expression", "ExpressionError", "OptionalTemplate", "Template", "check_lookups", "compile_assignments",
    "compile_condition", "compile_expression", "compile_template", "condition_function", "lookups_of", "provided_by",
    "read_condition",
]  # fmt: skip

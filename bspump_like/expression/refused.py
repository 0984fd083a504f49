"""What of Python's grammar is not in the language, and what to write instead."""

from __future__ import annotations

import ast

from ..config import nearest
from .error import ExpressionError
from .syntax import column, end_column

REFUSED: dict[type[ast.AST], tuple[str, str]] = {
    ast.Pow: ("'**' is not an operator here", "use pow(x, y)"),
    ast.LShift: ("'<<' is not an operator here", "multiply"),
    ast.RShift: ("'>>' is not an operator here", "divide with //"),
    ast.BitAnd: ("'&' is not an operator here", "write 'and', or bit_and(x, y) for numbers"),
    ast.BitOr: ("'|' is not an operator here", "write 'or'"),
    ast.BitXor: ("'^' is not an operator here", "use pow(x, y) for a power"),
    ast.MatMult: ("'@' is not an operator here", 'write the name of such a field as event["@..."]'),
    ast.Invert: ("'~' is not an operator here", "write 'not'"),
    ast.Lambda: ("functions cannot be defined here", ""),
    ast.ListComp: ("there are no loops here", "use the functions for lists: pluck, join, sum, ..."),
    ast.SetComp: ("there are no loops here", ""),
    ast.DictComp: ("there are no loops here", ""),
    ast.GeneratorExp: ("there are no loops here", ""),
    ast.NamedExpr: ("':=' is not an operator here", "write '==' to compare; assign with DeriveProcessor"),
    ast.JoinedStr: ('f"..." does not exist here', "add texts with +, or write a template with {{ ... }}"),
    ast.Await: ("'await' does not exist here", ""),
    ast.Yield: ("'yield' does not exist here", ""),
    ast.YieldFrom: ("'yield' does not exist here", ""),
    ast.Starred: ("'*' before a value does not exist here", ""),
    ast.Set: ("{...} with values does not exist here", "write a list: [a, b]"),
}


def refused_construct(node: ast.expr, text: str, what: ast.AST | None = None) -> ExpressionError:
    """Return the error for a node, or for the operator `what` of it, that is not in the language."""
    found = node if what is None else what
    message, hint = REFUSED.get(type(found), (f"'{type(found).__name__}' does not exist here", ""))
    return ExpressionError(message, column=column(node, text), text=text, hint=hint)


def refused_operator(node: ast.BinOp, text: str) -> ExpressionError:
    """Return the error for an operator between two values; its column is that of the operator."""
    message, hint = REFUSED[type(node.op)]
    sign = message.split("'")[1]
    place = text.find(sign, end_column(node.left, text) - 1) + 1
    return ExpressionError(message, column=place, text=text, hint=hint)


def nearest_function(name: str, known: list[str]) -> str:
    """Return what was probably meant; without a near name, where the list is."""
    hint = nearest(name, known)
    return hint if hint.startswith("did you mean") else "the functions are listed in docs/how-to/expressions.md"

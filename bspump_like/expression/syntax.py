"""From text to a checked syntax tree: what is not in the language does not get past here.

The grammar is Python's, since its users know it and its parser gives exact columns; of its constructs only those named in
`_REFUSED` and `compiler.py` exist. Nothing is evaluated here.
"""

from __future__ import annotations

import ast
import re
import warnings

from .error import ExpressionError

MAX_LENGTH = 10_000
"""Characters of the longest expression."""

MAX_NODES = 1000
"""Names, values and operators in the largest one."""

MAX_DEPTH = 50
"""Levels of the deepest."""

MAX_INTEGER = 2**64
"""Largest whole number that may be written down."""


def parse(text: str, *, before: str = "", whole: str = "") -> ast.expr:
    """Return the syntax tree of an expression; columns in it count from the beginning of `before`.

    Args:
        text: The expression.
        before: Spaces in place of what stands before it in a template.
        whole: The template, for messages.

    Raises:
        ExpressionError: It is no expression, or larger than the limits.
    """
    if not isinstance(text, str):
        raise ExpressionError(f"expected the text of an expression, got {type(text).__name__} {text!r}")
    if not text.strip():
        raise ExpressionError("the expression is empty")
    if len(text) > MAX_LENGTH:
        raise ExpressionError(f"the expression has {len(text)} characters, more than {MAX_LENGTH}")
    whole = whole or text
    # In parentheses an expression may go over several lines, as in YAML it often does, and begin with a space.
    source = f"({before}{text}\n)"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # "\d" in a pattern is what its writer means
            tree = ast.parse(source, mode="eval").body
    except SyntaxError as error:
        raise _unreadable(before + text, whole, error) from None
    except (RecursionError, MemoryError):
        raise ExpressionError("the expression is nested too deep", hint=f"{MAX_DEPTH} levels are allowed") from None
    except ValueError as error:
        raise ExpressionError(f"the expression cannot be read: {error}") from None
    if tree.col_offset == 0 and tree.lineno == 1:  # it begins with our parenthesis, which something else has closed
        raise _not_one_expression(before + text, whole, tree)
    _check_size(tree, whole)
    return tree


def column(node: ast.AST, text: str) -> int:
    """Return the column of a node in `text`, from 1 and over all its lines."""
    return _offset(text, getattr(node, "lineno", 1), getattr(node, "col_offset", 0)) + 1


def end_column(node: ast.expr, text: str) -> int:
    """Return the column behind a node."""
    return _offset(text, node.end_lineno or 1, node.end_col_offset or 0) + 1


def _offset(text: str, line: int, column_in_bytes: int) -> int:
    """Return the index in `text` of a place that the parser names by line and by bytes of UTF-8."""
    lines = f"({text}".split("\n")
    if line > len(lines):
        return len(text)
    in_line = len(lines[line - 1].encode()[:column_in_bytes].decode(errors="ignore"))
    return max(sum(len(one) + 1 for one in lines[: line - 1]) + in_line - 1, 0)


_MEANT = {"&&": "and", "||": "or", "!": "not"}


def _unreadable(text: str, whole: str, error: SyntaxError) -> ExpressionError:
    lines = f"({text}".split("\n")
    line = error.lineno or 1
    closing = _closes_too_much(text)
    if closing and error.msg.startswith("unmatched"):
        return ExpressionError("')' is not expected here", column=closing, text=whole)
    # Here the parser counts characters from 1, and the first of all is our parenthesis.
    place = sum(len(one) + 1 for one in lines[: line - 1]) + (error.offset or 1) - 1
    if line > len(lines) or place > len(text) or (place < 1 and "never closed" in error.msg):
        return ExpressionError("the expression ends too early", column=len(text.rstrip()) + 1, text=whole)
    place = max(place, 1)
    said = error.msg.partition(". ")[0]
    if "'=='" in error.msg and "=" in text[place - 1 :]:
        place = text.index("=", place - 1) + 1
        return ExpressionError("'=' is not expected here", column=place, text=whole, hint="write '=='")
    if text[max(place - 2, 0) : place] in _MEANT:
        place -= 1  # the parser names the second of two signs
    hint = next((f"write '{meant}'" for sign, meant in _MEANT.items() if text.startswith(sign, place - 1)), "")
    if text[place - 1] == "@":
        hint = 'write the name of such a field as event["@..."]'
    if "forgot a comma" in error.msg and error.end_lineno == error.lineno:
        # The place is that of all that cannot be read as one, and not where it begins to be wrong.
        part = text[place - 1 : place - 1 + (error.end_offset or 0) - (error.offset or 0)]
        said = f"an operator or a ',' is missing in '{part}'"
    elif said.startswith(("invalid syntax", "unmatched")):
        found = re.match(r"\w+|.", text[place - 1 :])
        said = f"'{found[0] if found else ''}' is not expected here"
    return ExpressionError(said, column=place, text=whole, hint=hint)


def _not_one_expression(text: str, whole: str, tree: ast.expr) -> ExpressionError:
    closing = _closes_too_much(text)
    if closing:
        return ExpressionError("')' is not expected here", column=closing, text=whole)
    if isinstance(tree, ast.Tuple):
        return ExpressionError("several values are written as a list", column=1, text=whole, hint="write [a, b]")
    return ExpressionError("there are no loops here", column=1, text=whole)


def _closes_too_much(text: str) -> int:
    """Return the column of a `)` that nothing has opened, 0 if there is none."""
    depth, offset, quote = 0, 0, ""
    while offset < len(text):
        char = text[offset]
        if quote:
            if char == "\\":
                offset += 1
            elif char == quote:
                quote = ""
        elif char in "\"'":
            quote = char
        elif char == "#":
            offset = text.find("\n", offset) % (len(text) + 1)
        elif char in "()":
            depth += 1 if char == "(" else -1
            if depth < 0:
                return offset + 1
        offset += 1
    return 0


def _check_size(tree: ast.expr, text: str) -> None:
    count = 0
    level: list[ast.AST] = [tree]
    for _ in range(MAX_DEPTH + 1):
        count += len(level)
        if count > MAX_NODES:
            raise ExpressionError(f"the expression has more than {MAX_NODES} parts", hint="make two of it")
        level = [
            child
            for node in level
            for child in ast.iter_child_nodes(node)
            if not isinstance(child, ast.expr_context | ast.operator | ast.boolop | ast.unaryop | ast.cmpop)
        ]
        if not level:
            return
    deepest = level[0]
    raise ExpressionError(
        f"the expression has more than {MAX_DEPTH} levels", column=column(deepest, text) if hasattr(deepest, "lineno") else 0,
        text=text, hint="make two of it",
    )  # fmt: skip

"""DeclarationError: what is wrong in a declaration, and in which line."""

from __future__ import annotations

from ..expression import ExpressionError


class DeclarationError(ExpressionError):
    """A declaration that cannot be used. It is a ConfigError and a ValueError.

    Args:
        message: What is wrong, one sentence.
        line: In which line of the declaration, from 1; 0 if unknown.
        column: In which column, from 1.
        source: What the declaration is called.
        hint: The remedy.
    """

    def __init__(self, message: str, *, line: int = 0, column: int = 0, source: str = "", hint: str = "") -> None:
        """Put the place before the message."""
        place = f"{source or 'line'}{':' if source else ' '}{line}" if line else source
        if line and column:
            place = f"{place}, column {column}"
        super().__init__(f"{place}: {message}" if place else message, hint=hint)
        self.line = line
        self.column = column

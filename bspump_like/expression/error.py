"""ExpressionError: what is wrong with the text of an expression, and in which column."""

from __future__ import annotations

from ..errors import ConfigError, Problem


class ExpressionError(ConfigError, ValueError):
    """An expression or a template that cannot be used.

    It is a ConfigError, so that it can be raised where a part is built, and a ValueError, so that an option whose `parse`
    compiles an expression reports it with its file and line.

    Args:
        message: What is wrong, one sentence.
        column: Where, from 1; 0 when the whole text is at fault.
        text: The text; with it the message shows the place.
        hint: The remedy.
    """

    def __init__(self, message: str, *, column: int = 0, text: str = "", hint: str = "") -> None:
        """Keep the parts and compose the message."""
        self.column = column
        self.text = text
        self.reason = message
        said = f"column {column}: {message}" if column else message
        if hint:
            said = f"{said}; {hint}"
        if column and text:
            line, place = _line_at(text, column - 1)
            said = f"{said}\n    {line}\n    {' ' * place}^"
        super().__init__([Problem(said)])


def _line_at(text: str, offset: int) -> tuple[str, int]:
    """Return the line of `text` around `offset`, at most 100 characters of it, and the place in it."""
    begin = text.rfind("\n", 0, offset) + 1
    end = text.find("\n", offset)
    line, place = text[begin : end if end >= 0 else len(text)], offset - begin
    cut = max(place - 60, 0)
    return line[cut : cut + 100].replace("\t", " "), place - cut

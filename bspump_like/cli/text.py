"""Foreign text on a terminal: one line, no control characters, not too long."""

from __future__ import annotations


def printable(text: str) -> str:
    """Return `text` with control characters written out: an event must not steer the terminal of who looks at it."""
    return "".join(char if char.isprintable() or char == "\t" else repr(char)[1:-1] for char in text)


def one_line(text: str, width: int) -> str:
    """Return `text` as one printable line of at most `width` characters."""
    text = printable(" ".join(text.split()))
    return text if len(text) <= width else f"{text[: width - 1]}…"

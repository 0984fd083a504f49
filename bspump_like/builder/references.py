"""`${...}` in the texts of a definition: how it is spelled, and what a value becomes inside a text."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

REFERENCE = re.compile(r"\$?\$\{(?:file:(?P<file>[^{}]+)|(?P<name>[A-Za-z_]\w*)(?::(?P<default>[^{}]*))?)\}")
"""`${name}`, `${name:default}`, `${file:PATH}`; with a second `$` in front it is the text itself."""

_SHOWN = 40
"""Characters shown of a text that is not closed."""

NAME = re.compile(r"[A-Za-z_]\w*")
"""What a variable or a parameter may be called."""


_BEGIN = re.compile(r"\$?\$\{(?P<name>file:[^\s{}]*|[A-Za-z_]\w*)")


def broken(text: str) -> Iterator[tuple[re.Match[str], int | None]]:
    """Yield what begins like a reference and is none: it is not closed, or has another one as its default.

    `${...}` of any other form is text, which shells and patterns may have. With a second `$` in front it is meant as text.

    Yields:
        The match of its beginning, and where it is closed.
    """
    closing: dict[int, int] = {}
    opened: list[int] = []
    for brace in re.finditer(r"[{}]", text):
        if brace[0] == "{":
            opened.append(brace.start())
        elif opened:
            closing[opened.pop()] = brace.start()
    for begin in _BEGIN.finditer(text):
        if REFERENCE.match(text, begin.start()):
            continue
        closed = closing.get(begin.start("name") - 1)
        if closed is None or (text.startswith(":", begin.end()) and text.find("${", begin.end(), closed) >= 0):
            yield begin, closed


def explain(text: str, begin: re.Match[str], closed: int | None) -> tuple[str, str]:
    """Return what is wrong with something that `broken` has found, and what to do."""
    name, rest = begin["name"], text[begin.end() : closed]
    if closed is not None:
        hint = f"give '{rest[1:]}' a name under 'variables', and write that variable here"
        return f"the reference '${{{name}{rest}}}' has another one as its default", hint
    if len(rest) > _SHOWN:
        rest = f"{rest[:_SHOWN]}..."
    return f"the reference '${{{name}{rest}' is not closed", f"write ${{{name}}}{rest}, or $${{{name}{rest} for the text itself"


def whole(text: str) -> re.Match[str] | None:
    """Return the match when a text is one reference and nothing else, so that it may stand for any value."""
    match = REFERENCE.fullmatch(text)
    return match if match is not None and not text.startswith("$$") else None


def as_text(value: Any) -> str:
    """Return a value as it is written inside a text: as in JSON, without quotes.

    Raises:
        TypeError: It is a list or an object.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, dict | list):
        raise TypeError("a list" if isinstance(value, list) else "an object")
    return json.dumps(value, default=str)

"""Templates: text with expressions in it, `access-{{ host }}`.

Two braces, as in Jinja, Ansible, dbt, Airflow and Vector: one brace is too common in the texts of pumps (JSON, patterns), and
`${...}` means the environment in a definition.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from .compiler import Code, Compiler
from .error import ExpressionError
from .functions.conversion import written
from .generated import Scope
from .program import Source
from .syntax import parse

Missing = Literal["error", "none", "empty"]
"""What a value that is None does to the text."""


def split(text: str) -> list[str | Source]:
    """Return the texts and the expressions of a template, in their order.

    Raises:
        ExpressionError: A brace is not closed, or an expression is none; columns count from the beginning of the template.
    """
    if not isinstance(text, str):
        raise ExpressionError(f"expected the text of a template, got {type(text).__name__} {text!r}")
    parts: list[str | Source] = []
    at = 0
    while (begin := text.find("{{", at)) >= 0:
        if begin > at:
            parts.append(text[at:begin])
        end = _end_of_expression(text, begin + 2)
        # What stands before it becomes space, so that columns are those of the template.
        blank = "".join(char if char == "\n" else " " for char in text[: begin + 2])
        inside = text[begin + 2 : end]
        if not inside.strip():
            raise ExpressionError("there is no expression between {{ and }}", column=begin + 3, text=text)
        parts.append(Source(parse(inside, before=blank, whole=text), text))
        at = end + 2
    if at < len(text):
        parts.append(text[at:])
    return parts


def _end_of_expression(text: str, begin: int) -> int:
    """Return where the `}}` stands that ends an expression: not in a text in quotes, and not one that closes a `{`."""
    quote, depth, at = "", 0, begin
    while at < len(text):
        char = text[at]
        if quote:
            if char == "\\":
                at += 1
            elif char == quote:
                quote = ""
        elif char in "\"'":
            quote = char
        elif char == "{":
            depth += 1
        elif char == "}" and depth:
            depth -= 1
        elif text.startswith("}}", at):
            return at
        at += 1
    raise ExpressionError("'{{' is not closed by '}}'", column=begin - 1, text=text)


def writer(missing: Missing) -> Callable[[list[str | Code], Compiler, Scope], list[str]]:
    """Return what writes the lines of a function that returns the text of a template."""

    def write(parts: list[str | Code], compiler: Compiler, scope: Scope) -> list[str]:
        lines, texts = [], []
        convert = scope.bind(_written_or_empty if missing == "empty" else written)
        for part in parts:
            if isinstance(part, str):
                texts.append(f"{{{scope.bind(part)}}}")
                continue
            held = compiler.declare("t")
            if missing == "none":
                lines += [f"{held} = {part.text}", f"if {held} is None:", "    return None"]
                texts.append(f"{{({held} if {held}.__class__ is str else {convert}({held}))}}")
            else:
                texts.append(f"{{({held} if ({held} := {part.text}).__class__ is str else {convert}({held}))}}")
        return [*lines, f'return f"{"".join(texts)}"']

    return write


def _written_or_empty(value: Any) -> str:
    return "" if value is None else written(value)

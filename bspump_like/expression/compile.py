"""compile_expression and compile_template: from text to a function of context and event."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from .compiler import Compiler
from .generated import Scope
from .program import Evaluate, Source, build
from .reading import fields_of
from .runtime import explanation
from .template import Missing, split, writer


def compile_expression(text: str, *, names: Mapping[str, Any] | None = None) -> Evaluate:
    """Return a function that computes an expression.

    Args:
        text: The expression, `delay > 15 and carrier in ["UA", "AA"]`.
        names: What names mean besides the fields of the event and the functions of the language: values, and functions by
            callables. They win over fields.

    Returns:
        A function of context and event. It raises ProcessingError, which names the expression and the values, if the
        expression cannot be computed for an event. It changes nothing.

    Raises:
        ExpressionError: The text is no expression; with the column.
    """
    known = names or {}
    source = Source.of(text)

    def body(compiler: Compiler, scope: Scope) -> list[str]:
        return [f"return {compiler.write(*source).text}"]

    return build([source], body, explanation(text, fields_of(source.tree, known.keys())), known)


def compile_template(
    text: str, *, names: Mapping[str, Any] | None = None, missing: Missing = "error"
) -> Callable[[Any, Any], Any]:
    """Return a function that fills in a template: `access-{{ format_time(time, "%Y.%m.%d") }}`.

    Args:
        text: Text with expressions in `{{ }}`; `{{ "{{" }}` stands for two braces.
        names: See `compile_expression`.
        missing: What a value that is None does: `error` raises ProcessingError, `none` makes the whole result None, `empty`
            writes nothing in its place.

    Returns:
        A function of context and event that returns a text (or None, see `missing`). It raises ProcessingError, if an
        expression cannot be computed.

    Raises:
        ExpressionError: The text is no template; with the column.
    """
    known = names or {}
    parts = split(text)
    sources = [part for part in parts if isinstance(part, Source)]
    if not sources:
        constant = "".join(part for part in parts if isinstance(part, str))
        return lambda context, event: constant
    write = writer(missing)

    def body(compiler: Compiler, scope: Scope) -> list[str]:
        return write([part if isinstance(part, str) else compiler.write(*part) for part in parts], compiler, scope)

    fields = [field for source in sources for field in fields_of(source.tree, known.keys())]
    return build(sources, body, explanation(text, fields), known)

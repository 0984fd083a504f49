"""From compiled expressions to one function: the frame around the fast and the careful form."""

# What is generated:
#
#     def run(context, event):                    # fast
#         if event.__class__ is not dict:
#             return careful(context, event)
#         try:
#             ... body ...
#         except Exception:
#             pass
#         return careful(context, event)
#
#     def run(context, event):                    # careful
#         try:
#             ... body ...
#         except BSPumpError:
#             raise
#         except Exception as error:
#             raise explain(error, context, event) from error

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from ..errors import BSPumpError
from .compiler import Code, Compiler, fields_of, used_twice
from .generated import Scope, generate
from .runtime import Explain
from .syntax import parse

Evaluate = Callable[[Any, Any], Any]
"""Takes context and event."""


class Source(NamedTuple):
    """An expression before it is compiled.

    Attributes:
        tree: Its syntax tree.
        text: The text that columns in messages count in.
    """

    tree: ast.expr
    text: str

    @classmethod
    def of(cls, text: str) -> Source:
        """Return the source of an expression.

        Raises:
            ExpressionError: It is none.
        """
        return cls(parse(text), text)


Body = Callable[[Compiler, Scope], list[str]]
"""Writes the sources with the compiler and returns the lines of a function that ends in `return`.

It is called twice, once for each form. Nothing that it writes may change anything before everything is computed.
"""


def build(sources: list[Source], body: Body, explain: Explain, names: Mapping[str, Any]) -> Evaluate:
    """Return the function of context and event that `body` writes.

    Args:
        sources: What it writes, in the order in which it runs.
        body: See `Body`.
        explain: Makes the error to raise of one that came up.
        names: What names mean besides fields and functions.

    Raises:
        ExpressionError: A source is not in the language.
    """
    trees = [source.tree for source in sources]
    reads = sum(1 for tree in trees for _ in fields_of(tree, names.keys()))
    careful = _form(trees, body, names, fast=False, by_get=True)
    fast = _form(trees, body, names, fast=True, by_get=reads < 2)
    handled = [
        "try:", *_indented(careful.lines), "except BSPumpError:", "    raise",
        "except Exception as error:", "    raise explain(error, context, event) from error",
    ]  # fmt: skip
    careful.scope.values.update(BSPumpError=BSPumpError, explain=explain)
    run = generate("expression", handled, careful.scope, "context, event")
    if careful.lines == fast.lines:
        return run
    # Reading one field by `get` costs less than asking first whether the event is a dict, which `event[...]` needs: a
    # defaultdict would grow by it.
    guard = [] if reads < 2 else ["if event.__class__ is not dict:", "    return careful(context, event)"]
    tried = [*guard, "try:", *_indented(fast.lines), "except Exception:", "    pass", "return careful(context, event)"]
    fast.scope.values["careful"] = run
    return generate("expression", tried, fast.scope, "context, event")


class _Form(NamedTuple):
    lines: list[str]
    scope: Scope


def _form(trees: list[ast.expr], body: Body, names: Mapping[str, Any], *, fast: bool, by_get: bool) -> _Form:
    scope = Scope()
    compiler = Compiler(scope, names, fast=fast, by_get=by_get)
    lines = []
    for field in used_twice(trees, names.keys()):
        variable = compiler.declare("v")
        lines.append(f"{variable} = event.get({scope.bind(field)})")
        compiler.known[field] = Code(variable, nullable=not fast)
    return _Form([*lines, *body(compiler, scope)], scope)


def _indented(lines: list[str]) -> list[str]:
    return [f"    {line}" for line in lines]

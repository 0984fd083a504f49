"""Declarations turned into one small function each.

A loop over declared fields costs two to four times what the same steps cost written down one after the other. So operators
that are declared by field (cast, filter, derive, select, group by, enrich) write their steps down, once, when they are made.

What was declared, names and values, never stands in the text: it is bound to names of ours in the function's scope. The text
comes from this package alone, so a definition can make no function do anything else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any


class Scope:
    """Binds declared names and values to names of ours."""

    def __init__(self, **known: Any) -> None:
        """Begin with what the text refers to by itself."""
        self.values: dict[str, Any] = dict(known)

    def bind(self, value: Any) -> str:
        """Return a new name that means `value` in the function."""
        name = f"c{len(self.values)}"
        self.values[name] = value
        return name


def generate(title: str, lines: Iterable[str], scope: Scope, arguments: str = "event") -> Callable[..., Any]:
    """Return a function of one argument, `event`, or of those named.

    Args:
        title: Shown in tracebacks in place of a file name.
        lines: Its body.
        scope: What the names in it mean.
        arguments: Names of the arguments, as `def` has them.
    """
    text = "\n".join([f"def run({arguments}):", *(f"    {line}" for line in lines)])
    exec(compile(text, f"<{title}>", "exec"), scope.values)  # noqa: S102 - our own text, see above
    run: Callable[..., Any] = scope.values["run"]
    return run

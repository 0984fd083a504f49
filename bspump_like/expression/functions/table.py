"""The table of functions: what one is, and how it gets in."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, Literal

from ..access import shown

MANY = 1000
"""Arguments of a function that takes any number."""


@dataclasses.dataclass(frozen=True)
class Function:
    """One function of the language.

    Attributes:
        name: What it is called.
        usage: `substring(text, begin, end)`; the number of its arguments is read from it.
        help: What it returns, one sentence.
        example: An expression, and after `->` its value.
        group: Where the page lists it.
        call: What is called.
        takes_none: It is called with None, too. Otherwise the compiler looks for None before: None as the first argument gives
            None; what tells whether something is so (`nullable` is false) gives false when any argument is None.
        kind: What it returns, if that is known.
        nullable: It may return None.
        grows: Its value can be much larger than its arguments.
        provided: The pump provides what is called, under this name, in `names`.
        takes: Least and largest number of arguments.
        prepare: Takes the constant arguments (`...` for the others); returns a function and the indices of the arguments that
            it takes, or None. Raises ValueError, if a constant does not fit.
    """

    name: str
    usage: str
    help: str
    example: str
    group: str
    call: Callable[..., Any]
    takes: tuple[int, int]
    takes_none: bool = False
    kind: Literal["number", "text", "flag", "any"] = "any"
    nullable: bool = True
    grows: bool = False
    provided: bool = False
    prepare: Callable[[list[Any]], tuple[Callable[..., Any], list[int]] | None] | None = None


FUNCTIONS: dict[str, Function] = {}


def function(usage: str, help: str, example: str, group: str, **more: Any) -> Callable[[Callable[..., Any]], Any]:
    """Put a function into the table.

    Args:
        usage: See `Function`; `x=...` marks an argument that may be left out, `...` any number of them.
        help: See `Function`.
        example: See `Function`.
        group: See `Function`.
        **more: Other fields of `Function`.
    """

    def register(call: Callable[..., Any]) -> Callable[..., Any]:
        name, _, rest = usage.partition("(")
        arguments = [part.strip() for part in rest.rstrip(")").split(",") if part.strip()]
        required = sum(1 for part in arguments if "=" not in part and part != "...")
        most = MANY if "..." in arguments else len(arguments)
        FUNCTIONS[name] = Function(name, usage, help, example, group, call, (required, most), **more)
        return call

    return register


MAX_TEXT = 4 * 1024 * 1024
"""Characters of the longest text, and items of the longest list, that an expression may make."""


def bounded(size: int) -> None:
    """Refuse to make a text or a list that is too long.

    Raises:
        ValueError: It is.
    """
    if size > MAX_TEXT:
        raise ValueError(f"the result would have {size} characters or items, more than {MAX_TEXT}")


def needs_text(value: Any, name: str) -> str:
    """Return a value that must be text.

    Raises:
        TypeError: It is not; names the function.
    """
    if not isinstance(value, str):
        raise TypeError(f"{name} takes text, not {shown(value)}")
    return value

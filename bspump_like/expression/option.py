"""Types for options: `when: Expression = option("", ...)`, `topic: Template = option("events", ...)`.

A value is the text, so it can be shown and compared, and is checked when the definition is read; a mistake in it is reported like
any other mistake in an option. What runs is made once, by `compile`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Self

from .compile import compile_expression, compile_template
from .program import Evaluate, Source
from .provided import ANYWHERE, lookups_of
from .template import Missing, split


def _as_text(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else value


class Expression(str):
    """The text of an expression; empty where an option allows it to be left out.

    Raises:
        ExpressionError: The text is no expression; with the column.
    """

    __slots__ = ()

    def __new__(cls, text: Any = "") -> Self:
        """Check the text; `true` and `5`, which YAML does not read as text, are expressions, too."""
        text = _as_text(text)
        if text != "":
            compile_expression(text, names=ANYWHERE)
        return super().__new__(cls, text)

    def compile(self, names: Mapping[str, Any] | None = None) -> Evaluate:
        """Return a function of context and event; see `compile_expression`."""
        return compile_expression(str(self), names=names)

    @property
    def lookups(self) -> frozenset[str]:
        """The ids of the lookups that it asks."""
        return lookups_of([Source.of(self).tree]) if self else frozenset()


class Template(str):
    """The text of a template, `access-{{ host }}`; a text without braces is itself.

    Raises:
        ExpressionError: The text is no template; with the column.
    """

    __slots__ = ()

    missing: ClassVar[Missing] = "error"
    """What a value that is None does; see `compile_template`."""

    def __new__(cls, text: Any = "") -> Self:
        """Check the text."""
        text = _as_text(text)
        compile_template(text, names=ANYWHERE)
        return super().__new__(cls, text)

    @property
    def constant(self) -> bool:
        """Whether it is the same for every event."""
        return "{{" not in self

    def compile(self, names: Mapping[str, Any] | None = None) -> Callable[[Any, Any], Any]:
        """Return a function of context and event that returns the text; see `compile_template`."""
        return compile_template(str(self), names=names, missing=self.missing)

    @property
    def lookups(self) -> frozenset[str]:
        """The ids of the lookups that it asks."""
        return lookups_of([part.tree for part in split(self) if isinstance(part, Source)])


class OptionalTemplate(Template):
    """A template whose text is None when one of its values is: a key that an event may have or not."""

    __slots__ = ()

    missing: ClassVar[Missing] = "none"

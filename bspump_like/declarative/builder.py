"""ExpressionBuilder: makes callables of declarations."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..expression.provided import ANYWHERE, provided_by
from . import control, dictionaries, moments, text, values  # each registers its tags
from .error import DeclarationError
from .loader import Node, load
from .translate import TAGS, Translator

if TYPE_CHECKING:
    from ..application import BSPumpApplication

__all__ = ["Declaration", "ExpressionBuilder", "compile_declaration"]

_MODULES = (control, dictionaries, moments, text, values)
_ENDINGS = ("", ".yaml", ".yml")

Library = Mapping[str, str] | str | os.PathLike[str]
"""What `!INCLUDE` finds: name -> text, or the folder where NAME.yaml stands."""


class Declaration:
    """A compiled declaration; call it with context and event.

    Attributes:
        run: The function itself: takes context, event, argument (`!ARG`) and a dict of named ones (`!KWARG`).
    """

    def __init__(self, run: Callable[..., Any]) -> None:
        """Keep the function."""
        self.run = run

    def __call__(self, context: Any, event: Any, *args: Any, **kwargs: Any) -> Any:
        """Return the value for an event.

        Raises:
            ProcessingError: It cannot be computed; names expression and values.
        """
        return self.run(context, event, args[0] if args else None, kwargs)


class ExpressionBuilder:
    """Makes callables of declarations: YAML with tags, `!ADD [!ITEM EVENT a, 1]`.

    Args:
        app: The application, whose lookups are asked; None to compile without them.
        library: What `!INCLUDE` finds.
        include_paths: More folders for it.
    """

    def __init__(
        self, app: BSPumpApplication | None, library: Library | None = None, include_paths: Iterable[str] | None = None
    ) -> None:
        """Begin with an empty configuration."""
        self.App = app
        self.Config: dict[str, Any] = {}
        self.lookups: set[str] = set()
        """Ids of the lookups that what was compiled asks, those that are written down."""
        self._library = library if isinstance(library, Mapping) else None
        folders = [library] if library is not None and not isinstance(library, Mapping) else []
        self._folders = [Path(folder) for folder in (*folders, *(include_paths or ()))]

    def add_config_value(self, key: str, value: Any) -> None:
        """Set what `!CONFIG key` finds."""
        self.Config[key] = value

    def update_config(self, config: Mapping[str, Any]) -> None:
        """Set several such values."""
        self.Config.update(config)

    async def read(self, identifier: str) -> str:
        """Return the text of a declaration of the library.

        Raises:
            KeyError: There is none.
        """
        return self.included(identifier)

    async def parse(self, declaration: str, source_name: str | None = None) -> Any:
        """Return what a text declares: a `Declaration`; of several documents the list; of names with expressions the dict.

        Raises:
            DeclarationError: It is no declaration; names line and column.
        """
        made = [self._compiled(node) for node in self.nodes(declaration, source_name or "")]
        return made[0] if len(made) == 1 else made

    async def parse_ext(self, declaration: str, source_name: str | None = None) -> list[Any]:
        """Return the list of what the documents of a text declare, see `parse`."""
        return [self._compiled(node) for node in self.nodes(declaration, source_name or "")]

    def nodes(self, declaration: str, source_name: str) -> list[Node]:
        """Return the documents of a declaration."""
        include = self.included if self._library is not None or self._folders else None
        return load(declaration, source=source_name, include=include, config=self.Config)

    def included(self, identifier: str) -> str:
        """Return the text that an identifier means in the library.

        Raises:
            KeyError: There is none, or the identifier leads out of the library.
        """
        if self._library is not None and identifier in self._library:
            return self._library[identifier]
        for folder in self._folders:
            for ending in _ENDINGS:
                path = (folder / f"{identifier}{ending}").resolve()
                if path.is_relative_to(folder.resolve()) and path.is_file():
                    return path.read_text(encoding="utf-8")
        raise KeyError(identifier)

    def _compiled(self, node: Node) -> Any:
        if not node.tag and isinstance(node.value, dict) and any(one.tag for one in node.value.values()):
            return {name: self._compiled(one) for name, one in node.value.items()}
        return Declaration(self.function(node))

    def function(self, node: Node) -> Callable[..., Any]:
        """Return the function of a node."""
        translator = Translator(provided_by(self.App) if self.App is not None else ANYWHERE)
        made = translator.function(node)
        self.lookups |= translator.lookups
        return made


def compile_declaration(
    declaration: str, *, app: BSPumpApplication | None = None, library: Library | None = None, source: str = "",
    lookups: set[str] | None = None,
) -> Callable[..., Any]:  # fmt: skip
    """Return the function of context and event that one document declares.

    Args:
        declaration: YAML with tags.
        app: The application, whose lookups are asked; None to compile without them.
        library: What `!INCLUDE` finds.
        source: What messages call the text.
        lookups: Takes the ids of the lookups that it asks.

    Raises:
        DeclarationError: It is no declaration, or holds several documents.
    """
    if not isinstance(declaration, str):
        raise DeclarationError(f"expected the text of a declaration, got {type(declaration).__name__}")
    builder = ExpressionBuilder(app, library)
    nodes = builder.nodes(declaration, source)
    if len(nodes) != 1:
        raise DeclarationError(f"expected one document, got {len(nodes)}", source=source)
    made = builder.function(nodes[0])
    if lookups is not None:
        lookups |= builder.lookups
    return made


def known_tags() -> list[str]:
    """Return the names of all tags."""
    return sorted({*TAGS, "INCLUDE", "CONFIG"})

"""`${NAME}`, `${NAME:default}` and `${file:PATH}` in the strings of a definition.

What comes from outside the file may be a password: it is remembered and never shown.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ..errors import Problem
from .positions import MAX_NODES, KeyPath

_REFERENCE = re.compile(r"\$?\$\{(?:file:(?P<file>[^{}]+)|(?P<name>[A-Za-z_]\w*)(?::(?P<default>[^{}]*))?)\}")
_MAX_DEPTH = 100
_SHORTEST_SECRET = 4


def plain_copy(tree: Any, problems: list[Problem], path: KeyPath = ()) -> Any:
    """Return a copy of `tree` in which no part is shared or circular; report what cannot be copied to `problems`."""
    return _Copy(problems).copy(tree, path)


class _Copy:
    def __init__(self, problems: list[Problem]) -> None:
        self._problems = problems
        self._left = MAX_NODES

    def copy(self, tree: Any, path: KeyPath) -> Any:
        self._left -= 1
        if self._left < 0 or len(path) > _MAX_DEPTH:
            if self._left != _SPENT:
                what = (
                    f"nested deeper than {_MAX_DEPTH} levels"
                    if len(path) > _MAX_DEPTH
                    else f"more than {MAX_NODES} values"
                )
                self._problems.append(Problem(what, path[:4], hint="look for an alias (*name) inside what it names"))
            self._left = _SPENT + 1
            return None
        if isinstance(tree, Mapping):
            for key in tree:
                if not isinstance(key, str):
                    self._problems.append(
                        Problem(f"the key {key!r} is not text", (*path, str(key)), hint="put it in quotes")
                    )
            return {key: self.copy(value, (*path, key)) for key, value in tree.items()}
        if isinstance(tree, list | tuple):
            return [self.copy(value, (*path, index)) for index, value in enumerate(tree)]
        return tree


_SPENT = -MAX_NODES  # what _Copy._left is after the first complaint, so that there is only one


class Expansion:
    """Replaces the references in the strings of a tree.

    Attributes:
        problems: What could not be replaced.
        templates: Path -> the text as it stands in the file, of each string that took a value from outside.
        secrets: The values from outside.
    """

    def __init__(self) -> None:
        """Nothing found yet."""
        self.problems: list[Problem] = []
        self.templates: dict[KeyPath, str] = {}
        self.secrets: set[str] = set()

    def expand(self, tree: Any, path: KeyPath = ()) -> Any:
        """Return `tree` with its references replaced; lists and dicts are new."""
        if isinstance(tree, dict):
            return {key: self.expand(value, (*path, key)) for key, value in tree.items()}
        if isinstance(tree, list):
            return [self.expand(value, (*path, index)) for index, value in enumerate(tree)]
        return self._text(tree, path) if isinstance(tree, str) and "${" in tree else tree

    def _text(self, text: str, path: KeyPath) -> str:
        def replace(match: re.Match[str]) -> str:
            if match[0].startswith("$$"):
                return match[0][1:]
            if match["file"]:
                return self._outside(text, path, lambda: _read(match["file"]))
            name = match["name"]
            if name not in os.environ and match["default"] is not None:
                return match["default"]
            return self._outside(text, path, lambda: _variable(name))

        return _REFERENCE.sub(replace, text)

    def _outside(self, text: str, path: KeyPath, read: Callable[[], str]) -> str:
        try:
            value = read()
        except _MissingError as error:
            self.problems.append(Problem(str(error), path, hint=error.hint))
            return ""
        self.templates[path] = text
        if value:
            self.secrets.add(value)
        return value


class _MissingError(Exception):
    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


def _variable(name: str) -> str:
    try:
        return os.environ[name]
    except KeyError:
        hint = f"set it, give a default as ${{{name}:default}}, or write $${{{name}}} for the text itself"
        raise _MissingError(f"the environment variable {name} is not set", hint) from None


def _read(name: str) -> str:
    try:
        return Path(name).read_text(encoding="utf-8").rstrip("\r\n")
    except OSError as error:
        raise _MissingError(f"cannot read the file {name}: {error.strerror}", "create it or mend its rights") from None
    except UnicodeDecodeError:
        raise _MissingError(f"the file {name} is not UTF-8 text", "store text in it") from None


def redact(text: str, secrets: frozenset[str] | set[str]) -> str:
    """Return `text` with every secret of four characters or more shown as stars."""
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) >= _SHORTEST_SECRET:
            text = text.replace(secret, "***")
    return text

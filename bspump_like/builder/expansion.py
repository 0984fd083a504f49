"""`${name}`, `${NAME:default}` and `${file:PATH}` in the texts of a definition.

A name is a variable of the definition, else one of the environment. What comes from outside may be a password: it is
remembered and never shown.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

from ..config import nearest
from ..errors import Problem
from .includes import is_below
from .limits import MAX_SECRET, MAX_VARIABLES_DEEP, Budget
from .origins import Origins
from .positions import KeyPath
from .references import NAME, REFERENCE, as_text, broken, explain, whole
from .settings import settings

SECRETS = (Path("/run/secrets"), Path("/var/run/secrets"), Path("/run/credentials"))
"""Where containers, Kubernetes and systemd put secrets: a definition may read them without being allowed to."""

_SECRET_PLACES = ("config", "args")


class Expansion:
    """Replaces the references in the texts of a tree.

    Args:
        origins: Of the tree: a path in `${file:...}` is relative to the file in which it stands.
        variables: Name -> value.
        budget: What may still be made.
        parameters: Of templates: what a name in a template that is not found may have meant, besides a variable.

    Attributes:
        problems: What could not be replaced, with its path.
        templates: Path -> the text as it stands in the file, of each text that took a value from outside.
        secrets: The values from outside.
    """

    def __init__(
        self, origins: Origins, variables: Mapping[str, Any], budget: Budget, parameters: Collection[str] = ()
    ) -> None:
        """Nothing found yet."""
        self.problems: list[Problem] = []
        self.templates: dict[KeyPath, str] = {}
        self.secrets: set[str] = set()
        self._origins = origins
        self._variables = variables
        self._budget = budget
        self._parameters = parameters
        self._values: dict[str, _Value] = {}
        self._open: list[str] = []
        document = origins.at(()).document
        here = document.path.parent if document.path is not None else Path.cwd()
        self._directories = [here, *(one.resolve() for one in SECRETS), *SECRETS, *settings().secrets]

    def expand(self, tree: Any, path: KeyPath = ()) -> Any:
        """Return `tree` with its references replaced; lists and dicts are new.

        Raises:
            TooLargeError: Variables that hold others make more than there may be.
        """
        if isinstance(tree, dict):
            return {key: self.expand(value, (*path, key)) for key, value in tree.items()}
        if isinstance(tree, list):
            return [self.expand(value, (*path, index)) for index, value in enumerate(tree)]
        if not isinstance(tree, str) or "${" not in tree:
            return tree
        return self._text(tree, path)

    def check_variables(self) -> None:
        """Look at all variables, those that nothing names too."""
        for name in self._variables:
            if not NAME.fullmatch(name):
                hint = "a name has letters, digits and _"
                self.problems.append(Problem(f"'{name}' is no name of a variable", ("variables", name), hint=hint))
            else:
                self._variable(name)

    def _text(self, text: str, path: KeyPath) -> Any:
        found = self._replaced(text, path)
        if found.outside:
            self.templates[path] = text
        written = self._origins.at(path).path or path  # not where a branch or a template has put it
        if found.secret and path[0] != "variables" and not any(key in _SECRET_PLACES for key in written):
            self.problems.append(Problem(
                f"a secret from a file may not stand in '{path[-1]}', which is shown", path, hint="only in 'config' and 'args'",
            ))  # fmt: skip
            return ""
        return found.value

    def _replaced(self, text: str, path: KeyPath) -> _Value:
        """Return a text with its references replaced; one that is nothing but a reference is the value itself."""
        match = whole(text)
        if match is not None:
            found = self._value(match, path)
            return _Value(self._copied(found.value), outside=found.outside, secret=found.secret)
        outside = secret = False

        def replace(match: re.Match[str]) -> str:
            nonlocal outside, secret
            if match[0].startswith("$$"):
                return match[0][1:]
            found = self._value(match, path)
            outside, secret = outside or found.outside, secret or found.secret
            try:
                made = as_text(found.value)
            except TypeError as error:
                message = f"the variable '{match['name']}' is {error}, which cannot stand inside a text"
                self.problems.append(Problem(message, path, hint=f'alone, as "${{{match["name"]}}}", it can'))
                return ""
            self._budget.take(characters=len(made))
            return made

        made, end = "", 0
        for begin, closed in broken(text):
            if begin[0].startswith("$$"):
                made += REFERENCE.sub(replace, text[end : begin.start()])
                end = begin.start() + 1
            else:
                message, hint = explain(text, begin, closed)
                self.problems.append(Problem(message, path, hint=hint))
                return _Value("")
        return _Value(made + REFERENCE.sub(replace, text[end:]), outside=outside, secret=secret)

    def _copied(self, value: Any) -> Any:
        """Return a copy of a variable's value: no part of a definition is shared."""
        self._budget.take(nodes=1, characters=len(value) if isinstance(value, str) else 0)
        if isinstance(value, dict):
            return {key: self._copied(item) for key, item in value.items()}
        return [self._copied(item) for item in value] if isinstance(value, list) else value

    def _value(self, match: re.Match[str], path: KeyPath) -> _Value:
        if match["file"]:
            file = match["file"]
            return self._outside(path, lambda: self._read(file, path), secret=True)
        name, default = match["name"], match["default"]
        if name in self._variables:
            return self._variable(name)
        if name not in os.environ and default is not None:
            return _Value(default)
        return self._outside(path, lambda: self._environment(name, path))

    def _variable(self, name: str) -> _Value:
        if name in self._values:
            return self._values[name]
        path: KeyPath = ("variables", name)
        if name in self._open:
            names = " -> ".join([*self._open[self._open.index(name) :], name])
            self.problems.append(Problem(f"variables refer to one another in a circle: {names}", path))
            return _Value("")
        if len(self._open) >= MAX_VARIABLES_DEEP:
            self.problems.append(Problem(f"variables refer to one another over more than {MAX_VARIABLES_DEEP} steps", path))
            return _Value("")
        self._open.append(name)
        outside = secret = False

        def resolve(value: Any, path: KeyPath) -> Any:
            nonlocal outside, secret
            if isinstance(value, dict):
                return {key: resolve(item, (*path, key)) for key, item in value.items()}
            if isinstance(value, list):
                return [resolve(item, (*path, index)) for index, item in enumerate(value)]
            if not isinstance(value, str) or "${" not in value:
                return value
            found = self._replaced(value, path)
            outside, secret = outside or found.outside, secret or found.secret
            return found.value

        value = resolve(self._variables[name], path)
        self._open.pop()
        self._values[name] = _Value(value, outside=outside, secret=secret)
        return self._values[name]

    def _outside(self, path: KeyPath, read: Callable[[], str], *, secret: bool = False) -> _Value:
        try:
            value = read()
        except _MissingError as error:
            self.problems.append(Problem(str(error), path, hint=error.hint))
            return _Value("")
        if value:
            self.secrets.add(value)
        return _Value(value, outside=True, secret=secret)

    def _environment(self, name: str, path: KeyPath) -> str:
        try:
            return os.environ[name]
        except KeyError:
            hint = f"set it, give a default as ${{{name}:default}}, or write $${{{name}}} for the text itself"
            in_template = self._parameters if self._origins.at(path).used else ()
            close = nearest(name, {*self._variables, *in_template})
            if close.startswith("did you mean"):
                hint = close
            missing = f"the environment variable {name} is not set"
            if not name.isupper():
                missing = f"there is no variable '{name}', and no environment variable of this name"
            raise _MissingError(missing, hint) from None

    def _read(self, name: str, path: KeyPath) -> str:
        if "\0" in name:
            raise _MissingError(f"cannot read the file {name!r}: this is no name of a file", "")
        document = self._origins.at(path).document
        file = document.path.parent / name if document.path is not None else Path(name)
        if not is_below(file.resolve(), self._directories):
            raise _MissingError(
                f"may not read the file {name}: secrets lie in {SECRETS[0]} or beside the definition",
                f"allow its directory: [pumpbuilder] secrets={file.resolve().parent} in the configuration file",
            )
        try:
            if not stat.S_ISREG(file.stat().st_mode):
                raise _MissingError(f"cannot read {name}: it is no file", "")  # a pipe or a device would never end
            with file.open("rb") as stream:
                data = stream.read(MAX_SECRET + 1)
        except OSError as error:
            raise _MissingError(f"cannot read the file {name}: {error.strerror}", "create it or mend its rights") from None
        if len(data) > MAX_SECRET:
            raise _MissingError(f"the file {name} has more than {MAX_SECRET // 1024} KiB, which is no secret", "")
        try:
            return data.decode("utf-8-sig").rstrip("\r\n")
        except UnicodeDecodeError:
            raise _MissingError(f"the file {name} is not UTF-8 text", "store text in it") from None


class _Value:
    """What a reference stands for, whether it came from outside, and whether from a file."""

    __slots__ = ("outside", "secret", "value")

    def __init__(self, value: Any, *, outside: bool = False, secret: bool = False) -> None:
        self.value = value
        self.outside = outside
        self.secret = secret


class _MissingError(Exception):
    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.hint = hint

"""Read a definition: files are put together, templates and branches written out, references replaced.

    files -> include -> --set variables -> templates -> --set -> branches -> --set -> ${...} -> a plain tree

Each step has a file of its own. Every mistake on the way is kept with its file and line, and so is the way from each key of
the finished tree back to where it was written.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ..errors import ConfigError, Problem
from ..secrecy import redact
from .branches import Branches
from .document import IN_CODE, Document, document_in_code, read_document
from .expansion import Expansion
from .includes import Includes
from .limits import Budget, TooLargeError
from .origins import Origins
from .overrides import NoSuchPlaceError, apply_overrides, is_early
from .positions import KeyPath
from .templates import Templates

__all__ = ["IN_CODE", "Definition", "load"]

_NOT_PARTS = ("include", "variables", "templates")


@dataclasses.dataclass(frozen=True)
class Definition:
    """A definition as data.

    Attributes:
        tree: Plain dicts, lists, strings, numbers; nothing is left to replace; no part is shared.
        file: Where it came from, for messages; `IN_CODE` for a dict.
        directory: The directory of the file, None for a dict.
        files: All files that it was read from.
        secrets: Values that came from the environment or from files; they must not be shown.
        problems: Mistakes found while reading, with file and line; `load` raises them unless it is told to keep them.
        incomplete: True when parts are missing for such a mistake, so that what refers to them is not to blame.
    """

    tree: dict[str, Any] = dataclasses.field(repr=False)  # passwords stand in it
    file: str
    directory: Path | None = None
    files: tuple[str, ...] = ()
    secrets: frozenset[str] = dataclasses.field(default=frozenset(), repr=False)
    problems: tuple[Problem, ...] = dataclasses.field(default=(), repr=False)
    incomplete: bool = False
    _top: Mapping[str, Any] = dataclasses.field(default_factory=dict, repr=False)
    _origins: Origins | None = dataclasses.field(default=None, repr=False)
    _templates: Mapping[KeyPath, str] = dataclasses.field(default_factory=dict, repr=False)
    _unknown: frozenset[KeyPath] = dataclasses.field(default=frozenset(), repr=False)

    @property
    def top(self) -> dict[str, Any]:
        """The top level of the first file as it is written, and what was joined to it."""
        return {**self._top, **self.tree}

    def place(self, path: KeyPath) -> tuple[str, int]:
        """Return file and line of the deepest part of `path` that stands in a file; `--set` counts as a file."""
        problem = self.located(Problem("", path))
        return problem.file, problem.line

    def located(self, problem: Problem) -> Problem:
        """Return `problem` with file and line, and without the values that must not be shown.

        A problem that has a file keeps it. In a dict the path says where, since there are no lines.
        """
        message = problem.message
        for path, text in self._templates.items():
            if path[: len(problem.path)] == problem.path:  # the value itself, or one in it
                message = message.replace(repr(self._at(path)), repr(text))
        found = self._origins.locate(problem) if self._origins is not None else problem
        return dataclasses.replace(
            found, message=redact(message, self.secrets), hint=redact(problem.hint, self.secrets),
            where=redact(found.where, self.secrets),
        )  # fmt: skip

    def follows_from_a_mistake(self, path: KeyPath) -> bool:
        """Tell whether a value is not what was meant, because a reference in it leads nowhere: that is said already."""
        return path in self._unknown or any((*path, key) in self._unknown for key in ("class", "module", "id"))

    def has_mistake_in(self, path: KeyPath) -> bool:
        """Tell whether a value below a path is not what was meant, because a reference in it leads nowhere."""
        return any(one[: len(path)] == path for one in self._unknown)

    def _at(self, path: KeyPath) -> Any:
        value: Any = self.tree
        for key in path:
            value = value[key]
        return value


def load(
    source: str | os.PathLike[str] | Mapping[str, Any], overrides: Iterable[str] = (), *, keep_problems: bool = False
) -> Definition:
    """Return the definition at a path, or of a dict.

    Relative paths in options are relative to the working directory; those in `include` and `${file:...}` to the file they
    stand in.

    Args:
        source: A path ending in `.json`, `.yaml` or `.yml`, or the tree itself.
        overrides: `PATH=VALUE` texts, see `overrides.py`.
        keep_problems: Return a definition with mistakes, too; whoever builds it says them together with its own.

    Raises:
        ConfigError: It cannot be read or is not well-formed; an override fits nowhere. Unless `keep_problems`: an include,
            a template, a branch or a reference has a mistake. With file and line.
    """
    if isinstance(source, Mapping):
        document = document_in_code(source)
    else:
        document = read_document(os.fspath(source))
    definition = _finish(document, tuple(overrides))
    if definition.problems and not keep_problems:
        raise ConfigError(definition.problems)
    return definition


def _apply(origins: Origins, overrides: Iterable[str]) -> list[str]:
    """Write the overrides that fit, and return the others: they may mean a pipeline that will be made of a branch."""
    late = []
    for override in overrides:
        try:
            apply_overrides(origins, [override])
        except NoSuchPlaceError:
            late.append(override)
    return late


def _finish(document: Document, overrides: tuple[str, ...]) -> Definition:
    includes = Includes(document)
    origins = includes.join()
    budget = Budget()
    problems = list(includes.problems)
    try:
        apply_overrides(origins, [one for one in overrides if is_early(one)])
        templates = Templates(origins, budget)
        templates.write_out()
        late = _apply(origins, [one for one in overrides if not is_early(one)])
        branches = Branches(origins)
        branches.write_out()
        apply_overrides(origins, late)
        variables = origins.tree.get("variables")
        variables = variables if isinstance(variables, dict) else {}
        expansion = Expansion(origins, variables, budget, templates.parameters())
        expansion.check_variables()
        tree = {key: value for key, value in origins.tree.items() if key not in _NOT_PARTS}
        expanded = expansion.expand(tree)
    except TooLargeError as error:
        raise ConfigError([*problems, Problem(str(error), file=document.file)]) from None
    definition = Definition(
        expanded, document.file, document.path.parent if document.path is not None else None, tuple(includes.files),
        frozenset(expansion.secrets), (), bool(problems) or templates.incomplete, document.tree, origins, expansion.templates,
        frozenset(problem.path for problem in expansion.problems),
    )  # fmt: skip
    problems += [*templates.problems, *branches.problems, *map(definition.located, expansion.problems)]
    return dataclasses.replace(definition, problems=tuple(map(definition.located, problems)))

"""`include`: put several files together into one definition.

    include: [connections.yaml, "pipelines/*.yaml"]

A path is relative to the file that names it. Lists (`pipelines`, `connections`, ...) are joined, the included ones first;
`variables` of the including file win, so that a file can be included as it is and still be told something. A file that is
included over two ways counts once.

A definition opens nothing that it was not given: included files lie below the directory of the first one, or below those
that the operator names in `[pumpbuilder] include`.
"""

from __future__ import annotations

import difflib
import glob
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..errors import ConfigError, Problem
from .document import SUFFIXES, Document, read_document
from .limits import MAX_FILES, MAX_INCLUDES_DEEP, MAX_SIZE
from .origins import Origin, Origins
from .settings import settings
from .shape import GROUPS, check_top

_MAPPINGS = ("variables", "templates")


def is_below(path: Path, directories: list[Path]) -> bool:
    """Tell whether a resolved path lies in one of the directories."""
    return any(path.is_relative_to(directory) for directory in directories)


class Includes:
    """Reads what a document includes and joins it.

    Args:
        main: The document to begin with.

    Attributes:
        problems: What is wrong, with file and line.
        files: All files that were read.
    """

    def __init__(self, main: Document) -> None:
        """Read nothing yet."""
        self.problems: list[Problem] = []
        self.files: list[str] = [main.file]
        self._main = main
        directory = main.path.parent if main.path is not None else Path.cwd()
        self._roots = [directory, *settings().include]
        self._seen: set[Path] = {main.path} if main.path is not None else set()
        self._size = main.size

    def join(self) -> Origins:
        """Return the whole tree, with the origins of its parts."""
        tree = {key: value for key, value in self._main.tree.items() if key not in ("include", *GROUPS, *_MAPPINGS)}
        origins = Origins(tree, self._main)
        self._add(self._main, (self._main,), origins)
        return origins

    def _add(self, document: Document, chain: tuple[Document, ...], origins: Origins) -> None:
        """Add what a document includes, then what stands in it, so that it comes behind and wins."""
        if len(chain) > 1:  # the first is checked with the parts, when it is built
            self.problems += [Origin(document, problem.path).locate(problem) for problem in check_top(document.tree)]
        for one in self._included(document, chain):
            self._add(one, (*chain, one), origins)
        tree, here = origins.tree, Origin(document, ())
        for group in GROUPS:
            if isinstance(document.tree.get(group), list):
                joined = tree.setdefault(group, [])
                for index, item in enumerate(document.tree[group]):
                    joined.append(item)
                    origins.mark_member(joined, len(joined) - 1, here.below(group, index))
        for group in _MAPPINGS:
            if isinstance(document.tree.get(group), dict):
                joined = tree.setdefault(group, {})
                for name, value in document.tree[group].items():
                    if group == "templates" and name in joined:
                        self._refuse_second(name, origins, here)
                        continue
                    joined[name] = value
                    origins.mark_member(joined, name, here.below(group, name))

    def _refuse_second(self, name: str, origins: Origins, here: Origin) -> None:
        first = origins.at(("templates", name)).place
        problem = Problem(f"the template '{name}' is there already, at {first}", hint="give one of them another name")
        self.problems.append(here.below("templates", name).locate(problem))

    def _included(self, document: Document, chain: tuple[Document, ...]) -> Iterator[Document]:
        named = document.tree.get("include") or []
        for index, name in enumerate(named if isinstance(named, list) else [named]):
            origin = Origin(document, ("include", index) if isinstance(named, list) else ("include",))
            try:
                yield from self._read_all(name, document, chain)
            except ConfigError as error:
                self.problems += [problem if problem.file else origin.locate(problem) for problem in error.problems]

    def _read_all(self, name: Any, document: Document, chain: tuple[Document, ...]) -> Iterator[Document]:
        if len(chain) > MAX_INCLUDES_DEEP:
            raise ConfigError(f"files include one another over more than {MAX_INCLUDES_DEEP} steps")
        for path, shown in self._paths(name, document):
            above = [one.path for one in chain]
            if path in above:
                if path == document.path and _is_pattern(name):
                    continue  # 'pipelines/*.yaml' in a file that lies there itself
                names = " -> ".join([*(one.file for one in chain[above.index(path) :]), shown])
                raise ConfigError(f"the includes go in a circle: {names}", hint="take one of them out")
            if path in self._seen:
                continue
            self._seen.add(path)
            yield self._read(path, shown)

    def _read(self, path: Path, shown: str) -> Document:
        if path.suffix.lower() not in SUFFIXES:
            raise ConfigError(f"cannot include {shown}: a definition ends in {', '.join(SUFFIXES)}")
        self._check_allowed(path.parent, shown)
        if len(self._seen) > MAX_FILES:
            raise ConfigError(f"more than {MAX_FILES} files are included")
        if not path.exists():
            raise ConfigError(f"cannot include {shown}: there is no such file", hint=_hint(path, shown))
        document = read_document(shown)
        self.files.append(shown)
        self._size += document.size
        if self._size > MAX_SIZE:
            raise ConfigError(f"with {shown} the definition is larger than {MAX_SIZE // 1024**2} MiB")
        return document

    def _check_allowed(self, directory: Path, shown: str) -> None:
        if not is_below(directory, self._roots):
            raise ConfigError(
                f"may not include {shown}: it lies outside of {self._roots[0]}",
                hint=f"allow its directory: [pumpbuilder] include={directory} in the configuration file",
            )

    def _paths(self, name: Any, document: Document) -> list[tuple[Path, str]]:
        if not isinstance(name, str) or not name:
            raise ConfigError(f"'include' takes paths of files, here is {name!r}")
        if "${" in name or "\0" in name:
            hint = "files are put together before variables"
            raise ConfigError(f"cannot include {name!r}: a path is taken as it is", hint=hint)
        directory = os.path.dirname(document.file) if document.path is not None else ""
        shown = os.path.normpath(os.path.join(directory, name))
        if not _is_pattern(name):
            return [(Path(shown).resolve(), shown)]
        fixed = re.split(r"[*?[]", shown, maxsplit=1)[0]
        self._check_allowed(Path(os.path.dirname(fixed)).resolve(), shown)  # else its files could be found out by guessing
        found = sorted(glob.glob(shown))[: MAX_FILES + 1]
        if not found:
            raise ConfigError(f"nothing fits the pattern {shown}", hint=_RELATIVE)
        return [(Path(one).resolve(), one) for one in found]


def _is_pattern(name: str) -> bool:
    return glob.has_magic(name)


_RELATIVE = "relative paths start at the including file"


def _hint(path: Path, shown: str) -> str:
    try:
        there = [one.name for one in path.parent.iterdir() if one.suffix.lower() in SUFFIXES]
    except OSError:
        return _RELATIVE
    close = difflib.get_close_matches(path.name, there, n=1, cutoff=0.6)
    return f"did you mean '{os.path.join(os.path.dirname(shown), close[0])}'?" if close else _RELATIVE

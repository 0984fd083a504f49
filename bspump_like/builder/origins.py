"""From a place in a tree back to where it was written, however often the tree was rearranged meanwhile.

Includes, templates and branches move parts of a tree. A part that was moved or made is marked here with the place that it
came from; everything else is where it stands. Objects and lists are known by identity, since each stands in one place only.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from ..errors import Problem
from .document import Document
from .positions import KeyPath


@dataclasses.dataclass(frozen=True)
class Origin:
    """Where something was written.

    Attributes:
        document: The file.
        path: The keys that lead to it there.
        used: Where the template was used that it stands in, the value given first.
    """

    document: Document
    path: KeyPath
    used: tuple[Origin, ...] = ()

    def below(self, *keys: str | int) -> Origin:
        """Return the origin of a part of it."""
        return dataclasses.replace(self, path=(*self.path, *keys))

    def within(self, *used: Origin) -> Origin:
        """Return the origin as a part of a template that is used there."""
        return dataclasses.replace(self, used=(*used, *self.used))

    @property
    def place(self) -> str:
        """`FILE:LINE`."""
        line = self.document.line(self.path)
        return f"{self.document.file}:{line}" if line else self.document.file

    def locate(self, problem: Problem) -> Problem:
        """Return a problem with file, line, and the uses of the template it stands in."""
        line = self.document.line(self.path)
        where = problem.where or ("" if line or self.document.path else ".".join(map(str, self.path)))
        used = tuple(dict.fromkeys(one.place for one in self.used))
        return dataclasses.replace(problem, file=self.document.file, line=line, where=where, used=used)


class Origins:
    """The origins of all parts of one tree.

    Args:
        tree: The tree; it may be changed in place.
        document: Where it was written, as far as nothing else is marked.
    """

    def __init__(self, tree: dict[str, Any], document: Document) -> None:
        """Begin with everything where it stands."""
        self.tree = tree
        self._root = Origin(document, ())
        self._of: dict[int, Origin] = {}
        self._members: dict[tuple[int, str | int], Origin] = {}
        self._alive: list[Any] = []  # an identity is unique only as long as its object lives

    def mark(self, part: Any, origin: Origin) -> None:
        """Note where an object or a list came from, wherever it stands or will stand."""
        self._of[id(part)] = origin
        self._alive.append(part)

    def mark_member(self, owner: Any, key: str | int, origin: Origin) -> None:
        """Note where one member of an object or list came from, as long as it stands there."""
        self._members[id(owner), key] = origin
        self._alive.append(owner)
        if isinstance(owner[key], dict | list):
            self.mark(owner[key], origin)

    def at(self, path: KeyPath) -> Origin:
        """Return where the part at a path was written; of one that is not there, where it would stand."""
        origin, part = self._root, self.tree
        for key in path:
            part, origin = self.step(part, key, origin)
        return origin

    def step(self, part: Any, key: str | int, origin: Origin) -> tuple[Any, Origin]:
        """Return a member of a part with its origin, when that of the part is known."""
        member = None
        if isinstance(part, dict):
            member = part.get(key)
        elif isinstance(part, list) and isinstance(key, int) and key < len(part):
            member = part[key]
        found = self._members.get((id(part), key)) or (self._of.get(id(member)) if member is not None else None)
        return member, found if found is not None else origin.below(key)

    def locate(self, problem: Problem) -> Problem:
        """Return a problem with the file and the line of its path; one that has a file keeps it."""
        return problem if problem.file else self.at(problem.path).locate(problem)

"""Comments of a YAML definition that is to become JSON."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..builder.document import Document

_COMMENT = re.compile(r"^\s*#\s?(?!\s*yaml-language-server)(.*)$")
_BEHIND = re.compile(r"\s#\s")
_LISTS = ("pipelines", "connections", "lookups", "matrices", "processors", "sources", "source")
_PARTS = ("source", "sink", "trigger")


class Comments:
    """The comments of one file: those that can be descriptions, and those that cannot.

    Args:
        text: The file; empty for one that has no comments.
    """

    def __init__(self, text: str) -> None:
        """Find the lines."""
        self._lines = text.splitlines()
        self._left = {number for number, line in enumerate(self._lines, 1) if _COMMENT.match(line)}

    @property
    def lost(self) -> list[int]:
        """Lines whose comments found no place."""
        behind = {
            number for number, line in enumerate(self._lines, 1)
            if not _COMMENT.match(line) and _BEHIND.search(re.sub(r"\"[^\"]*\"|'[^']*'", "", line))
        }  # fmt: skip
        return sorted(self._left | behind)

    def described(self, document: Document) -> Any:
        """Return the tree of a document; an object under a comment has it as `description`, unless it has one."""
        head = self._take_head() if "description" not in document.tree else ""
        tree = self._walk(document.tree, (), document)
        return {"description": head, **tree} if head else tree

    def _take_head(self) -> str:
        """Take the comment at the very top of the file."""
        count = 0
        while count < len(self._lines) and _COMMENT.match(self._lines[count]):
            count += 1
        return self._take(1, count + 1)

    def _walk(self, value: Any, path: tuple[str | int, ...], document: Document) -> Any:
        if isinstance(value, list):
            return [self._walk(item, (*path, index), document) for index, item in enumerate(value)]
        if not isinstance(value, dict):
            return value
        said = ""
        if path and "description" not in value and (path[-1] in _PARTS or (isinstance(path[-1], int) and path[-2] in _LISTS)):
            said = self._above(document.line(path))
        built = {key: self._walk(item, (*path, key), document) for key, item in value.items()}
        return {"description": said, **built} if said else built

    def _above(self, line: int) -> str:
        first = line
        while first > 1 and first - 1 in self._left:
            first -= 1
        return self._take(first, line)

    def _take(self, first: int, end: int) -> str:
        """Return the comment in lines `first` to before `end`, and count it as kept."""
        found = [_COMMENT.match(self._lines[number - 1]) for number in range(first, end)]
        self._left -= set(range(first, end))
        return "\n".join(match[1].rstrip() for match in found if match).strip()

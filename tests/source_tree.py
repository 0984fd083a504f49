"""The package's source as syntax trees, for the tests that judge it."""

from __future__ import annotations

import ast
import dataclasses
import functools
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).parent.parent / "bspump_like"


@dataclasses.dataclass(frozen=True)
class SourceFile:
    """One file of the package.

    Attributes:
        path: Relative to the package: `file/line.py`.
        lines: Its text.
        tree: Its syntax tree.
    """

    path: Path
    lines: list[str]
    tree: ast.Module

    @property
    def module(self) -> str:
        """Name of the module, `bspump_like.file.line`."""
        parts = [PACKAGE.name, *self.path.with_suffix("").parts]
        return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)

    def explained(self, line: int) -> bool:
        """Tell whether a comment stands on the line or on the one above."""
        return "#" in self.lines[line - 1] or (line > 1 and self.lines[line - 2].lstrip().startswith("#"))


@functools.cache
def source_files() -> tuple[SourceFile, ...]:
    """Return all files of the package."""
    files = []
    for path in sorted(PACKAGE.rglob("*.py")):
        text = path.read_text()
        files.append(SourceFile(path.relative_to(PACKAGE), text.splitlines(), ast.parse(text, str(path))))
    return tuple(files)


@dataclasses.dataclass(frozen=True)
class Import:
    """One import statement, one imported module.

    Attributes:
        target: Absolute name of what is imported; of `from a import b` it is `a.b`.
        line: Where.
        local: It stands in a function, so it runs only when that is called.
    """

    target: str
    line: int
    local: bool


def imports(file: SourceFile) -> Iterator[Import]:
    """Return what a file imports when it runs: all but what stands under `if TYPE_CHECKING`."""
    yield from _imports(file.tree, file, local=False)


def _imports(node: ast.AST, file: SourceFile, *, local: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            for other in child.orelse:
                yield from _imports(other, file, local=local)
        elif isinstance(child, ast.Import):
            yield from (Import(alias.name, child.lineno, local) for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            base = _absolute(child, file)
            yield from (Import(f"{base}.{alias.name}", child.lineno, local) for alias in child.names)
        else:
            inside = local or isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            yield from _imports(child, file, local=inside)


def _absolute(statement: ast.ImportFrom, file: SourceFile) -> str:
    if not statement.level:
        return statement.module or ""
    package = [PACKAGE.name, *file.path.parent.parts]
    base = package[: len(package) - (statement.level - 1)]
    return ".".join([*base, *([statement.module] if statement.module else [])])

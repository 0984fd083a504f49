"""Cases beside a definition: what is given, what is mocked, what is expected. This reads them and says what is wrong in them.

    # pump.test.yaml, for pump.yaml
    cases:
      - name: small cities are dropped
        clock: 2026-01-01T00:00:00Z
        mocks: {"lookup:Countries": {table: {CZ: Czechia}}}
        given: {Cities: [{name: Brno, population: "402739"}, {name: Lhota, population: "12"}]}
        expect:
          outputs: {Cities: [{name: Brno, population: 402739}]}
          dropped: 1

docs/how-to/testing.md has all of it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeAlias

from ..builder.document import Document, read_document
from ..config import nearest
from ..errors import ConfigError, Problem
from .values import check_value

KeyPath: TypeAlias = tuple[str | int, ...]

SUFFIXES = (".test.yaml", ".test.yml", ".test.json")

_TEXT, _OBJECT, _LIST, _NUMBER, _ANY = "text", "an object", "a list", "a number", "anything"
_TYPES: dict[str, Any] = {_TEXT: str, _OBJECT: Mapping, _LIST: list, _NUMBER: int | float, _ANY: object}

_FILE = {"cases": _LIST, "definition": _ANY, "allow": _LIST, "config": _OBJECT, "description": _TEXT}
_CASE = {
    "name": _TEXT, "description": _TEXT, "clock": _ANY, "advance": _ANY, "set": _LIST, "real": _LIST, "mocks": _OBJECT,
    "given": _OBJECT, "expect": _OBJECT,
}  # fmt: skip
_MOCK = {"output": _ANY, "outputs": _LIST, "error": _TEXT, "table": _OBJECT}
_GIVEN = {"events": _LIST, "contexts": _LIST, "file": _TEXT}
_EXPECT = {"outputs": _OBJECT, "dropped": _ANY, "errors": _LIST, "dead_letters": _LIST, "halted": _OBJECT}
_OUTPUT = {"equal": _LIST, "in_any_order": _LIST, "contains": _LIST, "matches": _ANY, "count": _NUMBER, "contexts": _LIST}
_FAILURE = {"at": _TEXT, "reason": _TEXT, "event": _ANY}


@dataclasses.dataclass(frozen=True)
class Case:
    """One case.

    Attributes:
        name: What it is about; unique in its file.
        tree: Its keys, as they stand in the file.
        file: The file it stands in.
        path: Where it stands there.
    """

    name: str
    tree: Mapping[str, Any]
    file: CaseFile = dataclasses.field(repr=False)
    path: KeyPath

    @property
    def line(self) -> int:
        """The line of the case in its file."""
        return self.file.document.line(self.path)

    def get(self, key: str, default: Any = None) -> Any:
        """Return what stands under a key; the default when nothing does."""
        value = self.tree.get(key)
        return default if value is None else value

    def problem(self, message: str, *keys: str | int, hint: str = "") -> ConfigError:
        """Return a mistake of the case as an error with file and line."""
        return ConfigError([self.file.problem(message, (*self.path, *keys), hint)])


class CaseFile:
    """A file of cases.

    Args:
        path: The file.

    Raises:
        ConfigError: It cannot be read, or it is no file of cases; with everything that is wrong, each with its line.
    """

    def __init__(self, path: str) -> None:
        """Read and check the file."""
        self.path = path
        self.document: Document = read_document(path)
        problems = list(self._check())
        if problems:
            raise ConfigError(problems)
        tree = self.document.tree
        self.allow: list[str] = [str(module) for module in tree.get("allow") or ()]
        self.config: Mapping[str, Mapping[str, Any]] = tree.get("config") or {}
        self.cases = [Case(case["name"], case, self, ("cases", index)) for index, case in enumerate(tree["cases"])]

    @property
    def definitions(self) -> list[str]:
        """Paths of what is tested: `definition`, relative to this file; else the file this one is named after."""
        named = self.document.tree.get("definition")
        here = Path(self.path).parent
        if named:
            return [str(here / one) for one in (named if isinstance(named, list) else [named])]
        stem = next(self.path.removesuffix(suffix) for suffix in SUFFIXES if self.path.endswith(suffix))
        beside = [f"{stem}{suffix}" for suffix in (".yaml", ".yml", ".json") if Path(f"{stem}{suffix}").exists()]
        if not beside:
            message = f"there is no {Path(stem).name}.yaml or .json beside it"
            raise ConfigError([self.problem(message, (), "say definition: FILE")])
        return beside[:1]

    def problem(self, message: str, path: KeyPath, hint: str = "") -> Problem:
        """Return a mistake with file and line."""
        return Problem(message, path, hint=hint, file=self.path, line=self.document.line(path))

    def _check(self) -> Iterator[Problem]:
        tree = self.document.tree
        yield from self._object(tree, _FILE, (), "a file of cases")
        cases = tree.get("cases")
        if not isinstance(cases, list) or not cases:
            yield self.problem("there are no cases", (), "it needs 'cases', a list")
            return
        if not self.path.endswith(SUFFIXES) and not tree.get("definition"):
            yield self.problem("nothing says which definition the cases are for", (), "definition: FILE")
        seen = set[str]()
        for index, case in enumerate(cases):
            yield from self._case(case, ("cases", index), seen)

    def _case(self, case: Any, path: KeyPath, seen: set[str]) -> Iterator[Problem]:
        problems = list(self._object(case, _CASE, path, "a case"))
        yield from problems
        if problems or not isinstance(case, Mapping):
            return
        name = case.get("name")
        if not name:
            yield self.problem("a case needs 'name'", path)
        elif name in seen:
            yield self.problem(f"there is a case '{name}' already", (*path, "name"))
        seen.add(str(name))
        if not case.get("expect"):
            yield self.problem("a case needs 'expect': without it nothing could fail", path)
        for address, mock in (case.get("mocks") or {}).items():
            yield from self._object(mock or {}, _MOCK, (*path, "mocks", address), "a mock")
            yield from self._values(mock, (*path, "mocks", address))
        for address, given in (case.get("given") or {}).items():
            if not isinstance(given, list):
                yield from self._object(given, _GIVEN, (*path, "given", address), "given events")
            yield from self._values(given, (*path, "given", address))
        yield from self._expect(case.get("expect") or {}, (*path, "expect"))

    def _expect(self, expect: Mapping[str, Any], path: KeyPath) -> Iterator[Problem]:
        yield from self._object(expect, _EXPECT, path, "'expect'")
        outputs = expect.get("outputs")
        for address, wanted in outputs.items() if isinstance(outputs, Mapping) else ():
            if not isinstance(wanted, list):
                yield from self._object(wanted, _OUTPUT, (*path, "outputs", address), "an expected output")
            yield from self._values(wanted, (*path, "outputs", address))
        for key in ("errors", "dead_letters"):
            failures = expect.get(key)
            for index, failure in enumerate(failures if isinstance(failures, list) else ()):
                yield from self._object(failure, _FAILURE, (*path, key, index), "an expected failure")

    def _object(self, value: Any, keys: Mapping[str, str], path: KeyPath, name: str) -> Iterator[Problem]:
        if not isinstance(value, Mapping):
            yield self.problem(f"{name} must be an object with {', '.join(keys)}", path)
            return
        for key, item in value.items():
            wanted = keys.get(key)
            if wanted is None:
                yield self.problem(f"unknown key '{key}' in {name}", (*path, key), nearest(key, keys))
            elif item is not None and not isinstance(item, _TYPES[wanted]):
                yield self.problem(f"'{key}' must be {wanted}", (*path, key))

    def _values(self, value: Any, path: KeyPath) -> Iterator[Problem]:
        """Check the `$...` words in events."""
        if isinstance(value, Mapping):
            said = check_value(value)
            if said:
                yield self.problem(said, path)
                return
        for key, item in value.items() if isinstance(value, Mapping) else enumerate(value if isinstance(value, list) else ()):
            yield from self._values(item, (*path, key))


def case_file_of(definition: str) -> str | None:
    """Return the file of cases beside a definition, or the file itself if it is one; None when there is none."""
    if definition.endswith(SUFFIXES):
        return definition
    stem = Path(definition).with_suffix("")
    return next((f"{stem}{suffix}" for suffix in SUFFIXES if Path(f"{stem}{suffix}").is_file()), None)

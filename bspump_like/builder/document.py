"""One file of a definition: JSON or YAML into a plain tree, with a way from each key back to its line."""

from __future__ import annotations

import dataclasses
import functools
import json
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..errors import ConfigError, Problem
from .limits import MAX_DEPTH, MAX_NODES, MAX_SIZE
from .positions import KeyPath, Lines, json_lines, yaml_lines

IN_CODE = "<definition>"
"""The name of a definition that was given as a dict."""

_SAFE_DEPTH = 1000
"""So many levels of YAML can be parsed without a look at them before."""

SUFFIXES = (".json", ".yaml", ".yml")


@dataclasses.dataclass(frozen=True, eq=False)
class Document:
    """A file as it stands there: nothing is included or replaced yet.

    Attributes:
        file: Where it came from, for messages; `IN_CODE` for a dict.
        tree: Plain dicts, lists, strings, numbers; no part is shared.
        path: The file, None for a dict.
        size: Its length in bytes.
    """

    file: str
    tree: dict[str, Any] = dataclasses.field(repr=False)
    path: Path | None = None
    size: int = 0
    _text: str | None = dataclasses.field(default=None, repr=False)

    @functools.cached_property
    def _lines(self) -> Lines:
        if self._text is None:
            return {}
        if is_json(self.file):
            try:
                return json_lines(self._text)[0]
            except RecursionError:
                return {(): 1}  # json reads a few levels more than we can follow; such a tree is refused anyway
        return yaml_lines(_compose(self._text, self.file)[0])[0]

    def line(self, path: KeyPath) -> int:
        """Return the line of the deepest part of `path` that stands in the file; 0 when there are no lines."""
        for length in range(len(path), -1, -1):
            if path[:length] in self._lines:
                return self._lines[path[:length]]
        return 0


def read_document(file: str) -> Document:
    """Return the document in a file.

    Raises:
        ConfigError: It cannot be read, is not well-formed, has a key twice, is too large or too deep; with file and line.
    """
    text, size = _read(file)
    tree = _parse_json(text, file) if is_json(file) else _parse_yaml(text, file)
    if not isinstance(tree, Mapping):
        raise ConfigError([Problem("expected an object with 'pipelines'", file=file, line=1)])
    return _checked(Document(file, {}, Path(file).resolve(), size, text), tree)


def document_in_code(tree: Mapping[str, Any]) -> Document:
    """Return a document that a program gives as a dict.

    Raises:
        ConfigError: It is too large, too deep or circular, or has keys that are not text.
    """
    return _checked(Document(IN_CODE, {}), tree)


def is_json(file: str) -> bool:
    """Tell whether a file is JSON, by its name; any other is YAML."""
    return file.lower().endswith(".json")


def _checked(document: Document, tree: Mapping[str, Any]) -> Document:
    copy = _Copy(data_only=document.path is not None)
    plain = copy.copy(dict(tree), ())
    if copy.problems:
        raise ConfigError([
            dataclasses.replace(
                problem, file=document.file, line=document.line(problem.path),
                where="" if document.path else ".".join(map(str, problem.path)),
            ) for problem in copy.problems
        ])  # fmt: skip
    return dataclasses.replace(document, tree=plain)


class _Copy:
    """Copies a tree so that no part is shared or circular; aliases are written out, up to the limits."""

    def __init__(self, *, data_only: bool) -> None:
        self.problems: list[Problem] = []
        self._data_only = data_only
        self._left = MAX_NODES
        self._refused = False

    def copy(self, tree: Any, path: KeyPath) -> Any:
        self._left -= 1
        if self._left < 0 or len(path) > MAX_DEPTH:
            self._refuse(path)
            return None
        if isinstance(tree, Mapping):
            for key in tree:
                if not isinstance(key, str):
                    self.problems.append(
                        Problem(f"the key {key!r} is not text", (*path, str(key)), hint="put it in quotes")
                    )
            return {key: self.copy(value, (*path, key)) for key, value in tree.items() if not self._refused}
        if isinstance(tree, list | tuple):
            return [self.copy(value, (*path, index)) for index, value in enumerate(tree) if not self._refused]
        if self._data_only and tree is not None and not isinstance(tree, str | int | float):
            self.problems.append(Problem(f"a {type(tree).__name__} is no value of a definition", path, hint="put it in quotes"))
        return tree

    def _refuse(self, path: KeyPath) -> None:
        if self._refused:
            return
        self._refused = True  # one complaint is enough, and the rest need not be looked at
        deep = len(path) > MAX_DEPTH
        what = f"nested deeper than {MAX_DEPTH} levels" if deep else f"more than {MAX_NODES} values"
        self.problems.append(Problem(what, path[:4], hint="look for an alias (*name) inside what it names"))


def _read(file: str) -> tuple[str, int]:
    try:
        if os.path.exists(file) and not os.path.isfile(file):
            raise ConfigError([Problem("cannot read the definition: it is no file", file=file)])
        with open(file, "rb") as stream:
            data = stream.read(MAX_SIZE + 1)
    except OSError as error:
        missing = isinstance(error, FileNotFoundError) and not os.path.isabs(file)
        hint = "relative paths start at the working directory" if missing else ""
        raise ConfigError([Problem(f"cannot read the definition: {error.strerror}", file=file, hint=hint)]) from None
    if len(data) > MAX_SIZE:
        raise ConfigError([Problem(f"larger than {MAX_SIZE // 1024**2} MiB, which is no definition", file=file)])
    try:
        return data.decode("utf-8-sig"), len(data)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigError([Problem("not UTF-8 text", file=file, line=line, hint="save it as UTF-8")]) from None


def _parse_json(text: str, file: str) -> Any:
    repeated = False

    def pairs(members: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal repeated
        built = dict(members)
        repeated = repeated or len(built) != len(members)
        return built

    try:
        tree = json.loads(text, object_pairs_hook=pairs, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        raise ConfigError(
            [Problem(f"not JSON: {_uncapital(error.msg)} at column {error.colno}", file=file, line=error.lineno,
                     hint=_json_hint(text, error.pos))]
        ) from None  # fmt: skip
    except _ConstantError as error:
        raise ConfigError([Problem(f"not JSON: {error} is no number", file=file, hint="leave it out")]) from None
    except ValueError as error:  # a number with more digits than Python reads
        raise ConfigError([Problem(f"not JSON: {_uncapital(str(error).partition(';')[0])}", file=file)]) from None
    except RecursionError:
        raise ConfigError([Problem("nested too deep", file=file)]) from None
    if repeated:
        _refuse_repeated(file, *json_lines(text))
    return tree


class _ConstantError(Exception):
    pass


def _refuse_constant(name: str) -> Any:
    raise _ConstantError(name)


def _parse_yaml(text: str, file: str) -> Any:
    import yaml

    if not text.strip():
        raise ConfigError([Problem("the file is empty", file=file, line=1, hint="it needs 'pipelines:'")])
    node, loader = _compose(text, file)
    _refuse_repeated(file, *yaml_lines(node))
    try:
        if _merged_size(node, {}) > MAX_NODES:
            raise ConfigError([Problem(f"more than {MAX_NODES} values", file=file, hint="look for a merge (<<) of merges")])
        tree = loader.construct_document(node)
    except yaml.MarkedYAMLError as error:
        raise ConfigError([_yaml_problem(error, file, text)]) from None
    except (RecursionError, ValueError) as error:
        raise ConfigError([Problem(f"not YAML: {error}", file=file)]) from None
    finally:
        loader.dispose()
    return tree


def _compose(text: str, file: str) -> tuple[Any, Any]:
    import yaml

    loader = yaml_loader()(text)
    try:
        _check_depth(text, file)
        return loader.get_single_node(), loader
    except yaml.MarkedYAMLError as error:
        raise ConfigError([_yaml_problem(error, file, text)]) from None
    except yaml.YAMLError as error:
        raise ConfigError([Problem(f"not YAML: {error}", file=file)]) from None
    except RecursionError:
        raise ConfigError([Problem("nested too deep", file=file)]) from None


def _check_depth(text: str, file: str) -> None:
    """Refuse what is nested so deep that the parser, which calls itself for each level, would take the process with it."""
    import yaml

    brackets = text.count("[") + text.count("{")
    # A level of blocks is a column further in, or a list at the column of the key it belongs to.
    if brackets + 2 * max(map(len, text.splitlines())) <= _SAFE_DEPTH:
        return
    depth = 0
    for event in yaml.parse(text, yaml_loader()):
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            line = event.start_mark.line + 1 if event.start_mark else 0
            raise ConfigError([Problem(f"nested deeper than {MAX_DEPTH} levels", file=file, line=line)])


def _merged_size(node: Any, known: dict[int, int]) -> int:
    """Return how many members all objects have once their merges are written out, which the parser does without a limit."""
    import yaml

    total, waiting, seen = 0, [node], set[int]()
    while waiting:
        one = waiting.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        if isinstance(one, yaml.MappingNode):
            total += _members(one, known)
            waiting += [part for pair in one.value for part in pair]
        elif isinstance(one, yaml.SequenceNode):
            waiting += one.value
    return total


def _members(node: Any, known: dict[int, int]) -> int:
    """Return how many members one object has with those it merges; an object that merges itself has none."""
    if id(node) not in known:
        known[id(node)] = 0
        merged = [value for key, value in getattr(node, "value", ()) if key.tag == "tag:yaml.org,2002:merge"]
        parts = [part for value in merged for part in (value.value if value.id == "sequence" else [value])]
        mappings = [part for part in parts if part.id == "mapping"]
        known[id(node)] = len(node.value) + sum(_members(part, known) for part in mappings)
    return known[id(node)]


def _yaml_problem(error: Any, file: str, text: str) -> Problem:
    mark = error.problem_mark or error.context_mark
    said = " ".join(part for part in (error.context, error.problem) if part)
    lines = text.splitlines()
    at = mark.line if mark else 0
    hint = _yaml_hint(said, "\n".join(lines[max(at - 1, 0) : at + 1]))
    return Problem(f"not YAML: {said}", file=file, line=at + 1 if mark else 0, hint=hint)


def _yaml_hint(said: str, lines: str) -> str:
    """Return what to do about an error of the parser, whose words are about its grammar, from the lines around it."""
    if "cannot start any token" in said:  # it does not name the character: a tab, or one that YAML keeps for itself
        return "indent with spaces; quote text that begins with @, ` or %"
    if "could not determine a constructor" in said:
        return "a definition is data: it has no tags of its own"
    if re.search(r"[{\[][^\n]*(?<![\"'])\$\{", lines):
        return 'inside { } and [ ] a reference needs quotes: "${name}"'
    if re.search(r"[:-]\s+(\"[^\"]*\"|'[^']*')\s*[^\s,}\]#:]", lines):
        return "a text that begins with a quote ends with it: put quotes of the other kind around the whole"
    if "mapping values are not allowed" in said:
        return "quote a text that has ': ' in it"
    return ""


@functools.cache
def yaml_loader() -> Any:
    """Return the safe loader with the scalars of YAML 1.2.

    In YAML 1.1 `no` is False, `12:30` is 750 and `2024-01-01` is an object; in a definition they are text.
    """
    import yaml

    class DefinitionLoader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
        yaml_implicit_resolvers: dict[str, list[Any]] = {}

    def resolve(tag: str, pattern: str, first: str) -> None:
        DefinitionLoader.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", re.compile(pattern), list(first))

    resolve("bool", r"^(?:true|True|TRUE|false|False|FALSE)$", "tTfF")
    resolve("int", r"^[-+]?(?:0|[1-9][0-9_]*)$|^0x[0-9a-fA-F_]+$", "-+0123456789")
    resolve(
        "float", r"^[-+]?(?:[0-9][0-9_]*)?\.[0-9_]*(?:[eE][-+]?[0-9]+)?$|^[-+]?[0-9]+[eE][-+]?[0-9]+$", "-+0123456789."
    )
    DefinitionLoader.add_implicit_resolver(
        "tag:yaml.org,2002:null", re.compile(r"^(?:~|null|Null|NULL|)$"), ["~", "n", "N", ""]
    )
    resolve("merge", r"^<<$", "<")
    return DefinitionLoader


def _refuse_repeated(file: str, lines: Lines, repeated: Sequence[KeyPath]) -> None:
    if repeated:
        raise ConfigError(
            [Problem(f"the key '{path[-1]}' stands twice here", path, file=file, line=lines[path],
                     hint="the first would be lost: remove one") for path in repeated]
        )  # fmt: skip


def _json_hint(text: str, at: int) -> str:
    before, behind = text[:at].rstrip()[-1:], text[at:]
    if re.match(r"\s*,\s*[\]}]", before + behind if before == "," else behind):  # newer Pythons point at the comma itself
        return "JSON has no ',' behind the last one"
    return "JSON has its texts in double quotes" if text[at : at + 1] == "'" else ""


def _uncapital(text: str) -> str:
    return text[:1].lower() + text[1:]

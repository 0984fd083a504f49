"""Read a definition: JSON or YAML into a plain tree, with a way from each key back to its file and line."""

from __future__ import annotations

import dataclasses
import functools
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..errors import ConfigError, Problem
from .expansion import Expansion, plain_copy, redact
from .overrides import apply_overrides
from .positions import KeyPath, Lines, json_lines, yaml_lines

MAX_SIZE = 16 * 1024 * 1024
"""Bytes of the largest definition that is read."""

IN_CODE = "<definition>"
"""The name of a definition that was given as a dict."""


@dataclasses.dataclass(frozen=True)
class Definition:
    """A definition as data.

    Attributes:
        tree: Plain dicts, lists, strings, numbers; references are expanded; no part is shared.
        file: Where it came from, for messages; `IN_CODE` for a dict.
        directory: The directory of the file, None for a dict.
        secrets: Values that came from the environment or from files; they must not be shown.
    """

    tree: dict[str, Any] = dataclasses.field(repr=False)  # passwords stand in it
    file: str
    directory: Path | None = None
    secrets: frozenset[str] = dataclasses.field(default=frozenset(), repr=False)
    _text: str | None = dataclasses.field(default=None, repr=False)
    _templates: Mapping[KeyPath, str] = dataclasses.field(default_factory=dict, repr=False)
    _overridden: Mapping[KeyPath, str] = dataclasses.field(default_factory=dict, repr=False)

    @functools.cached_property
    def _lines(self) -> Lines:
        if self._text is None:
            return {}
        if _is_json(self.file):
            try:
                return json_lines(self._text)[0]
            except RecursionError:
                return {(): 1}  # json reads a few levels more than we can follow; such a tree is refused anyway
        return yaml_lines(_compose(self._text, self.file)[0])[0]

    def place(self, path: KeyPath) -> tuple[str, int]:
        """Return file and line of the deepest part of `path` that stands in the file; `--set` counts as a file."""
        for length in range(len(path), -1, -1):
            if path[:length] in self._overridden:
                return self._overridden[path[:length]], 0
            if path[:length] in self._lines:
                return self.file, self._lines[path[:length]]
        return self.file, 0

    def located(self, problem: Problem) -> Problem:
        """Return `problem` with file and line, and without the values that must not be shown.

        A problem that has a file keeps it. In a dict the path says where, since there are no lines.
        """
        file, line = (problem.file, problem.line) if problem.file else self.place(problem.path)
        message = problem.message
        if problem.path in self._templates:
            message = message.replace(repr(self._at(problem.path)), repr(self._templates[problem.path]))
        where = problem.where or ("" if line else ".".join(map(str, problem.path)))
        return dataclasses.replace(
            problem, message=redact(message, self.secrets), hint=redact(problem.hint, self.secrets),
            where=redact(where, self.secrets), file=file, line=line,
        )  # fmt: skip

    def _at(self, path: KeyPath) -> Any:
        value: Any = self.tree
        for key in path:
            value = value[key]
        return value


def load(source: str | os.PathLike[str] | Mapping[str, Any], overrides: Iterable[str] = ()) -> Definition:
    """Return the definition at a path, or of a dict.

    Relative paths inside the definition are relative to the working directory, not to the file.

    Args:
        source: A path ending in `.json`, `.yaml` or `.yml`, or the tree itself.
        overrides: `PATH=VALUE` texts, see `overrides.py`.

    Raises:
        ConfigError: It cannot be read, is not well-formed, has a key twice, a reference to nothing, or an override
            that fits nowhere; with file and line.
    """
    text: str | None = None
    file, directory, tree = IN_CODE, None, source
    if not isinstance(source, Mapping):
        file, directory = os.fspath(source), Path(source).resolve().parent
        text = _read(file)
        tree = _parse_json(text, file) if _is_json(file) else _parse_yaml(text, file)
    if not isinstance(tree, Mapping):
        raise ConfigError([Problem("expected an object with 'pipelines'", file=file, line=1)])
    return _finish(dict(tree), file, directory, text, tuple(overrides))


def _finish(
    tree: dict[str, Any], file: str, directory: Path | None, text: str | None, overrides: Sequence[str]
) -> Definition:
    # The copy comes first: overrides write into the tree, and YAML aliases share parts of it.
    problems: list[Problem] = []
    plain = plain_copy(tree, problems)
    if problems:
        raise ConfigError([Definition({}, file, _text=text).located(problem) for problem in problems])
    overridden = apply_overrides(plain, overrides)
    expansion = Expansion()
    definition = Definition(
        expansion.expand(plain), file, directory, frozenset(expansion.secrets), text, expansion.templates, overridden
    )
    if expansion.problems:
        raise ConfigError([definition.located(problem) for problem in expansion.problems])
    return definition


def _is_json(file: str) -> bool:
    return file.lower().endswith(".json")


def _read(file: str) -> str:
    try:
        with open(file, "rb") as stream:
            data = stream.read(MAX_SIZE + 1)
    except OSError as error:
        missing = isinstance(error, FileNotFoundError) and not os.path.isabs(file)
        hint = "relative paths start at the working directory" if missing else ""
        raise ConfigError([Problem(f"cannot read the definition: {error.strerror}", file=file, hint=hint)]) from None
    if len(data) > MAX_SIZE:
        raise ConfigError([Problem(f"larger than {MAX_SIZE // 1024**2} MiB, which is no definition", file=file)])
    try:
        return data.decode("utf-8-sig")
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
            [Problem(f"not JSON: {_uncapital(error.msg)} at column {error.colno}", file=file, line=error.lineno)]
        ) from None
    except _ConstantError as error:
        raise ConfigError([Problem(f"not JSON: {error} is no number", file=file, hint="leave it out")]) from None
    except RecursionError:
        raise ConfigError([Problem("nested too deep", file=file)]) from None
    if repeated:
        _refuse_repeated(file, *json_lines(text))
    return tree


class _ConstantError(ValueError):
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
        tree = loader.construct_document(node)
    except yaml.MarkedYAMLError as error:
        raise ConfigError([_yaml_problem(error, file)]) from None
    except (RecursionError, ValueError) as error:
        raise ConfigError([Problem(f"not YAML: {error}", file=file)]) from None
    finally:
        loader.dispose()
    return tree


def _compose(text: str, file: str) -> tuple[Any, Any]:
    import yaml

    loader = _yaml_loader()(text)
    try:
        return loader.get_single_node(), loader
    except yaml.MarkedYAMLError as error:
        raise ConfigError([_yaml_problem(error, file)]) from None
    except yaml.YAMLError as error:
        raise ConfigError([Problem(f"not YAML: {error}", file=file)]) from None
    except RecursionError:
        raise ConfigError([Problem("nested too deep", file=file)]) from None


def _yaml_problem(error: Any, file: str) -> Problem:
    mark = error.problem_mark or error.context_mark
    said = " ".join(part for part in (error.context, error.problem) if part)
    # The C parser does not name the character: a tab, or one that YAML keeps for itself.
    hint = "indent with spaces; quote text that begins with @, ` or %" if "cannot start any token" in said else ""
    return Problem(f"not YAML: {said}", file=file, line=mark.line + 1 if mark else 0, hint=hint)


@functools.cache
def _yaml_loader() -> Any:
    """Return the safe loader with the scalars of YAML 1.2.

    In YAML 1.1 `no` is False, `12:30` is 750 and `2024-01-01` is an object; in a definition they are text.
    """
    import re

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


def _uncapital(text: str) -> str:
    return text[:1].lower() + text[1:]

"""Where each key of a definition stands in its text: path of keys -> line.

Looked at only when there is a problem to report, so that loading stays fast.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, TypeAlias

from .limits import MAX_NODES

KeyPath: TypeAlias = tuple[str | int, ...]
Lines: TypeAlias = dict[KeyPath, int]
"""Path -> line from 1: of the key for a member of an object, of the first character for an item of a list."""

_TOKEN = re.compile(r'\s*(?:("(?:[^"\\]|\\.)*")|([{}\[\],:])|([^\s{}\[\],:"]+))', re.DOTALL)


def json_lines(text: str) -> tuple[Lines, list[KeyPath]]:
    """Return the lines of every path in well-formed JSON, and the paths of keys that stand twice in one object.

    For a key that stands twice the line is that of its last place.
    """
    lines: Lines = {(): 1}
    repeated: list[KeyPath] = []
    tokens = _tokens(text)
    kind, _, line = next(tokens)
    lines[()] = line
    _scan_json(kind, (), tokens, lines, repeated)
    return lines, repeated


def _tokens(text: str) -> Iterator[tuple[str, str, int]]:
    line, end = 1, 0
    for match in _TOKEN.finditer(text):
        start = match.start(match.lastindex or 0)
        line += text.count("\n", end, start)
        end = start
        string, mark, _ = match.groups()
        yield mark or ("string" if string else "scalar"), string or "", line


def _scan_json(
    kind: str, path: KeyPath, tokens: Iterator[tuple[str, str, int]], lines: Lines, repeated: list[KeyPath]
) -> None:
    import json

    if kind == "{":
        keys = set[str | int]()  # of this object: what stands in the second of two values of one key is written once
        for kind, text, line in tokens:
            if kind == "}":
                return
            if kind == ",":
                continue
            key = (*path, json.loads(text, strict=False))
            if key[-1] in keys:
                repeated.append(key)
            keys.add(key[-1])
            lines[key] = line
            next(tokens)  # the colon
            _scan_json(next(tokens)[0], key, tokens, lines, repeated)
    elif kind == "[":
        index = 0
        for kind, _, line in tokens:
            if kind == "]":
                return
            if kind == ",":
                continue
            item = (*path, index)
            lines[item] = line
            _scan_json(kind, item, tokens, lines, repeated)
            index += 1


def yaml_lines(root: Any) -> tuple[Lines, list[KeyPath]]:
    """Return the same as `json_lines` for the root node of a composed YAML document."""
    import yaml

    lines: Lines = {}
    repeated: list[KeyPath] = []
    waiting: list[tuple[KeyPath, Any, frozenset[int]]] = [((), root, frozenset())]
    while waiting:
        path, node, above = waiting.pop()
        lines.setdefault(path, node.start_mark.line + 1)
        if id(node) in above or len(lines) > MAX_NODES:
            continue  # an alias of what contains it: the loader refuses it
        above |= {id(node)}
        if isinstance(node, yaml.MappingNode):
            keys = set[str | int]()  # of this object: what stands in the second of two values of one key is written once
            for key, value in node.value:
                place = (*path, key.value if isinstance(key, yaml.ScalarNode) else str(key.tag))
                if place[-1] in keys and key.tag != "tag:yaml.org,2002:merge":
                    repeated.append(place)
                keys.add(place[-1])
                lines[place] = key.start_mark.line + 1
                waiting.append((place, value, above))
        elif isinstance(node, yaml.SequenceNode):
            for index, value in enumerate(node.value):
                lines[(*path, index)] = value.start_mark.line + 1
                waiting.append(((*path, index), value, above))
    return lines, repeated

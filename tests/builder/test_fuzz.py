"""Whatever stands at any place of a definition: it is built, or each mistake is said with its file and line."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from bspump_like.builder import PumpBuilder
from bspump_like.errors import ConfigError
from bspump_like.testing import fresh_application

SOUND: dict[str, Any] = {
    "description": "d",
    "variables": {"limit": 60, "name": "F", "list": [1, 2]},
    "templates": {
        "T": {
            "parameters": {"carrier": None, "longest": {"default": 5, "description": "d"}},
            "pipeline": {
                "id": "Of-${carrier}", "source": {"class": "InternalSource", "config": {"queue_max_size": "${longest}"}},
                "processors": [{"when": "n > ${longest}", "branch": {"sink": {"class": "NullSink"}}}],
                "sink": {"class": "NullSink"},
            },
        },
    },
    "lookups": [{"id": "L", "class": "FileLookup", "lazy": True, "config": {"path": "x.csv", "key": "a"}}],
    "pipelines": [
        {
            "id": "${name}", "config": {
                "on_error": {"retry": {"attempts": 2}, "then": {"route": {"sink": {"class": "NullSink"}}}},
                "error_scopes": [{"from": "Cast", "on_error": "drop"}], "commit_interval": "1s",
            },
            "sources": [
                {
                    "class": "IteratorSource", "args": {"iterator": "${list}"},
                    "trigger": {"class": "PeriodicTrigger", "args": {"interval": 1}},
                },
            ],
            "processors": [
                {"id": "Cast", "module": "bspump.common", "class": "CastProcessor", "config": {"fields": {"n": "int"}}},
                {"class": "LookupEnricher", "args": {"lookup": "L"}, "config": {"key": "n"}},
                {"id": "Late", "when": "n > ${limit}", "to": "Of-UA"},
                {"case": [
                    {"when": "n == 1", "branch": {"processors": []}}, {"id": "X", "branch": {"sink": {"class": "NullSink"}}},
                ]},
                {"fork": [{"sink": {"class": "NullSink"}}, "Of-UA"], "copy_event": False},
            ],
            "sink": {"class": "InternalSink", "config": {"target": "Of-UA"}},
        },
        {"template": "T", "with": [{"carrier": "UA"}, {"carrier": "DL", "longest": 7}]},
    ],
}  # fmt: skip

JUNK = st.sampled_from([
    None, True, 0, -1, 1.5, "", "x", "${limit}", "${nothing}", "${list}", "${file:x}", "\x1b\n", [], {}, [None], [[]], {"": 1},
    {"class": "NullSink"},
    {"x": {"y": []}}, "n >", "a" * 300, {"when": "n"}, {"template": "T"}, ["x", 5], {"branch": {}}, {"route": {}}, "drop",
    "../x.yaml",
])  # fmt: skip


def places(tree: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Iterate over the paths of all values below the top."""
    for key in tree if isinstance(tree, dict) else range(len(tree)) if isinstance(tree, list) else ():
        yield (*path, key)
        yield from places(tree[key], (*path, key))


PLACES = list(places(SOUND))
changes = st.lists(
    st.tuples(st.sampled_from(PLACES), st.sampled_from(["replace", "remove", "rename", "add"]), JUNK),
    min_size=1,
    max_size=3,
)


def changed(tree: Any, path: tuple[Any, ...], how: str, junk: Any) -> None:
    """Change a tree at a place, if that is still there."""
    owner = tree
    for key in path[:-1]:
        try:
            owner = owner[key]
        except (KeyError, IndexError, TypeError):
            return
    key = path[-1]
    if key not in (owner if isinstance(owner, dict) else range(len(owner)) if isinstance(owner, list) else ()):
        return
    if how == "remove":
        del owner[key]
    elif how == "replace":
        owner[key] = junk
    elif isinstance(owner, list):
        owner.insert(key, junk)
    elif how == "rename":
        owner[f"{key}x"] = owner.pop(key)
    else:
        owner["include" if len(path) == 1 else "unknown"] = junk


def mistakes(path: Path, tree: Any) -> tuple[Any, ...]:
    path.write_text(json.dumps(tree, indent=1))
    with fresh_application() as app:
        try:
            PumpBuilder(str(path)).construct_pump(app, app.pump_service)
        except ConfigError as error:
            return error.problems
    return ()


def test_what_is_changed_below_is_sound(tmp_path: Path) -> None:
    assert mistakes(tmp_path / "pump.json", SOUND) == ()


@settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
@example([(("pipelines",), "replace", {})])
@example([(("templates", "T"), "replace", None)])
@given(changes)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_any_change_is_built_or_said_with_file_and_line(
    tmp_path: Path, changes: list[tuple[tuple[Any, ...], str, Any]]
) -> None:
    tree = copy.deepcopy(SOUND)
    for change in changes:
        changed(tree, *copy.deepcopy(change))

    for problem in mistakes(tmp_path / "pump.json", tree):
        assert problem.file == str(tmp_path / "pump.json")
        assert problem.line > 0
        assert str(problem).isprintable() or "\n" in str(problem)

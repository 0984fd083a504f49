"""A hostile definition gets nothing that it was not given: it imports, opens, runs, connects and grows nothing.

Every attempt is made while Python's audit hooks watch: what is imported, opened, started or connected is known, whatever way
it was reached.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import sys
import zoneinfo
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import urllib3  # noqa: F401 - the client of Elasticsearch imports it, and it tries a socket when it is imported first

from bspump_like.builder import PumpBuilder, limits
from bspump_like.builder.catalogue import Entry, entries
from bspump_like.errors import ConfigError
from bspump_like.testing import fresh_application

ROOT = Path(__file__).parents[2]
SOURCE = {"module": "bspump_like.testing", "class": "ListSource", "args": {"events": [{"a": 1}]}}
RUNS = (
    "os.system",
    "os.exec",
    "os.posix_spawn",
    "os.spawn",
    "subprocess.Popen",
    "os.fork",
    "ctypes.dlopen",
    "pty.spawn",
)
CONNECTS = ("socket.connect", "socket.bind", "socket.getaddrinfo", "urllib.Request")
CHANGES = ("os.remove", "os.rename", "os.mkdir", "os.chmod", "shutil.rmtree", "os.symlink", "os.putenv")

_watched: list[tuple[str, Any]] | None = None


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if _watched is not None and (event in ("open", "import") or event.startswith((*RUNS, *CONNECTS, *CHANGES))):
        _watched.append((event, arguments[0] if arguments else None))


sys.addaudithook(_hook)  # cannot be taken away again: it sleeps outside of `watch`


@contextlib.contextmanager
def watch() -> Iterator[list[tuple[str, Any]]]:
    """Yield what is opened, imported, run, connected and changed within the block."""
    global _watched
    _watched = seen = []
    try:
        yield seen
    finally:
        _watched = None


@pytest.fixture(scope="module", autouse=True)
def _everything_imported() -> None:
    """Import all components first, so that what an attempt imports is its own doing."""
    list(entries())


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with a definition's neighbours, and things outside that it must not reach."""
    directory = tmp_path / "pump"
    directory.mkdir()
    (directory / "evil.py").write_text(f"open({str(tmp_path / 'imported')!r}, 'w')\nclass Evil: pass\n")
    (tmp_path / "outside.yaml").write_text("pipelines: []\n# top secret\n")
    (tmp_path / "outside").write_text("top secret")
    (directory / "link.yaml").symlink_to(tmp_path / "outside.yaml")
    (directory / "link").symlink_to(tmp_path / "outside")
    for name in ("linked", "linked0"):
        (directory / name).symlink_to(tmp_path)
    monkeypatch.chdir(directory)  # folders are relative to the working directory
    (directory / "token").write_text("hunter22")
    os.mkfifo(directory / "fifo.yaml")
    monkeypatch.setenv("EVIL", "evil")
    return directory


def attempt(place: Path, definition: Any) -> tuple[str, list[tuple[str, Any]]]:
    """Build a definition; return what was said, and what happened meanwhile."""
    path = place / ("pump.json" if isinstance(definition, dict) else "pump.yaml")
    path.write_text(json.dumps(definition) if isinstance(definition, dict) else definition)
    with fresh_application() as app, watch() as seen:
        try:
            PumpBuilder(str(path)).construct_pump(app, app.pump_service)
        except ConfigError as error:
            return str(error), seen
    return "", seen


def trespasses(place: Path, seen: list[tuple[str, Any]]) -> list[tuple[str, Any]]:
    """Return what a definition may not do: everything but reading itself, its neighbours, and the code of the package."""
    places = (str(place), str(ROOT / "bspump_like"), sys.prefix, sys.base_prefix, *zoneinfo.TZPATH)
    allowed = tuple(map(os.path.realpath, places))  # any of them may be reached by a link
    found = []
    for event, what in seen:
        if event == "open" and isinstance(what, str) and os.path.realpath(what).startswith(allowed):
            continue
        if event == "open" and isinstance(what, int):
            continue  # a descriptor that was open already
        if event == "import" and not str(what).startswith("evil"):
            continue  # modules of Python and of the package are imported when they are needed
        found.append((event, what))
    return found


def pipeline(**keys: Any) -> dict[str, Any]:
    return {"pipelines": [{"id": "P", "source": SOURCE, "sink": {"class": "NullSink"}, **keys}]}


def sink(**keys: Any) -> dict[str, Any]:
    return pipeline(sink=keys)


def step(**keys: Any) -> dict[str, Any]:
    return pipeline(processors=[keys])


def when(condition: str) -> dict[str, Any]:
    return step(when=condition, branch={"sink": {"class": "NullSink"}})


def secret(text: str) -> dict[str, Any]:
    return pipeline(config={"on_error": text})


def doubled(count: int) -> dict[str, Any]:
    return {"v0": "x" * 100, **{f"v{n}": f"${{v{n - 1}}}${{v{n - 1}}}" for n in range(1, count)}}


def declared(folder: str, key: str = "config", **keys: Any) -> dict[str, Any]:
    part = {"class": "DeclarativeProcessor", "config": {"declaration": "!INCLUDE outside"}}
    return {**step(**{**part, key: {**part.get(key, {}), "library": folder}}), **keys}


MODULES: Mapping[str, Any] = {
    "a module of Python": sink(module="os", **{"class": "system"}),
    "a class of Python": sink(module="subprocess", **{"class": "Popen"}),
    "code beside the definition": sink(module="evil", **{"class": "Evil"}),
    "code beside the definition, in the name of the package": sink(module="bspump.evil", **{"class": "Evil"}),
    "code beside the definition, by its environment": sink(module="${EVIL}", **{"class": "Evil"}),
    "code beside the definition, by a variable": {**sink(module="${m}", **{"class": "Evil"}), "variables": {"m": "evil"}},
    "code beside the definition, as a pipeline": pipeline(module="evil", **{"class": "Evil"}),
    "code beside the definition, as a trigger": pipeline(source={
        "class": "IteratorSource", "args": {"iterator": [1]}, "trigger": {"module": "evil", "class": "Evil"}}),
    "code beside the definition, as a lookup": {"lookups": [{"id": "L", "module": "evil", "class": "Evil"}]},
    "a relative module": sink(module="..evil", **{"class": "Evil"}),
    "a module with an empty part": sink(module="bspump..os", **{"class": "system"}),
    "a path as a module": sink(module="bspump/../evil", **{"class": "Evil"}),
    "the command line": sink(module="bspump_like.cli.__main__", **{"class": "main"}),
    "the builder": sink(module="bspump_like.builder.registry", **{"class": "Registry"}),
    "a dunder module": sink(module="bspump_like.common.__init__", **{"class": "NullSink"}),
    "a module that a module imports": sink(module="bspump_like.file.sink", **{"class": "os"}),
    "a function of a module": sink(module="bspump_like.common.print", **{"class": "print"}),
    "a call as a class": sink(**{"class": "__import__('os').system('id')"}),
    "an attribute as a class": sink(**{"class": "NullSink.__init__"}),
    "a dunder as a class": sink(module="bspump.common", **{"class": "__builtins__"}),
    "a part that runs programs": step(**{"class": "CommandProcessor", "config": {"command": "touch ran"}}),
    "a part that runs programs, by its file": step(
        module="bspump.subprocess.command", **{"class": "CommandProcessor", "config": {"command": "touch ran"}}),
    "arguments that replace what the pump gives": sink(**{"class": "NullSink", "args": {"app": 1, "pipeline": 2, "self": 3}}),
    "arguments named like internals": sink(**{"class": "NullSink", "args": {"__class__": "x"}}),
    "options named like internals": sink(**{"class": "NullSink", "config": {"__class__": "x", "App": 1}}),
}  # fmt: skip

YAML: Mapping[str, str] = {
    "a tag that calls": "pipelines: !!python/object/apply:os.system [touch ran]\n",
    "a tag that makes": "pipelines: !!python/object/new:os.system [touch ran]\n",
    "a tag that names a function": "pipelines: !!python/name:os.system\n",
    "a tag that names a module": "pipelines: !!python/module:evil\n",
    "a tag that includes": "pipelines: !include /etc/passwd\n",
    "a tag of a value that is none": "pipelines: !!set {a, b}\n",
    "bytes": "description: !!binary aGVsbG8=\n",
    "aliases that multiply": "\n".join(
        ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]", *(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12))]),
    "merges that multiply": "\n".join(
        ["a0: &a0 {k: 1}", *(f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 10)}]}}" for n in range(1, 12))]),
    "an object that merges itself": "x-a: &a {<<: *a}\n",
    "a list in itself": "x-a: &a [*a]\n",
    "brackets without end": "x-a: " + "[" * 100_000,
    "objects in objects": "{a: " * 1000 + "1" + "}" * 1000,
    "more than may be read": "x-a: '" + "x" * (17 * 1024 * 1024) + "'\n",
    "a number without end": "x-a: " + "9" * 100_000 + "\n",
}  # fmt: skip

FILES: Mapping[str, Any] = {
    "include: a file of the system": {"include": "/etc/passwd"},
    "include: a definition outside": {"include": "../outside.yaml"},
    "include: a definition outside, by a detour": {"include": "./x/../../outside.yaml"},
    "include: a link that leads outside": {"include": "link.yaml"},
    "include: a pattern outside": {"include": "../*.yaml"},
    "include: a pattern over the system": {"include": "/*/*.yaml"},
    "include: a pattern that climbs": {"include": "*/../../outside*"},
    "include: a pipe": {"include": "fifo.yaml"},
    "include: the environment": {"include": "${EVIL}.py"},
    "include: a zero in the name": {"include": "a\0.yaml"},
    "include: itself": {"include": "pump.json"},
    "include: a network address": {"include": "http://localhost/x.yaml"},
    "secret: a file of the system": secret("${file:/etc/passwd}"),
    "secret: a file outside": secret("${file:../outside}"),
    "secret: a link that leads outside": secret("${file:link}"),
    "secret: the environment": secret("${file:/proc/self/environ}"),
    "secret: a device without end": secret("${file:/dev/zero}"),
    "secret: a pipe": secret("${file:fifo.yaml}"),
    "secret: a directory": secret("${file:.}"),
    "secret: a zero in the name": secret("${file:a\0b}"),
    "secret: as a name that is shown": pipeline(id="${file:token}"),
    "secret: as a class": sink(**{"class": "${file:token}"}),
    "secret: as a condition": when("a == '${file:token}'"),
    "secret: by a variable": {**pipeline(description="${v}"), "variables": {"v": "x${file:token}"}},
}

GROWTH: Mapping[str, Any] = {
    "variables that double a text": {**pipeline(), "variables": doubled(60)},
    "variables that double a list": {
        **pipeline(), "variables": {"v0": ["x"], **{f"v{n}": [f"${{v{n - 1}}}", f"${{v{n - 1}}}"] for n in range(1, 60)}}},
    "variables in a circle": {**pipeline(), "variables": {"a": "${b}", "b": "${a}"}},
    "variables in a long row": {**pipeline(), "variables": {f"v{n}": f"${{v{n + 1}}}" for n in range(1000)}},
    "a template used too often": {
        "templates": {"T": {"parameters": {"n": None}, "pipeline": {"id": "P${n}", "x": ["x"] * 1000}}},
        "pipelines": [{"template": "T", "with": [{"n": n} for n in range(1000)]}]},
    "a template that doubles its parameters": {
        "templates": {"T": {"parameters": doubled(60), "pipeline": {"id": "${v59}"}}}, "pipelines": [{"template": "T"}]},
    "templates in one another": {"templates": {"T": {"pipeline": {"template": "T"}}}, "pipelines": [{"template": "T"}]},
}  # fmt: skip

FOLDERS: Mapping[str, Any] = {
    "declarations of any folder": declared("/etc"),
    "declarations above": declared(".."),
    "declarations above, behind a folder that is not there": declared("nothing/../.."),
    "declarations above, as an argument": declared("..", "args"),
    "declarations above, by a variable": declared("${v}", variables={"v": ".."}),
    "declarations behind a link": declared("linked"),
    "declarations behind a link, by the number of the worker": declared("linked{worker}"),
    "declarations above, in a branch": pipeline(processors=[
        {"when": "a > 1", "branch": {**declared("..")["pipelines"][0], "sink": {"class": "NullSink"}}}]),
}  # fmt: skip

CONDITIONS = (
    "__import__('os').system('touch ran')", "open('/etc/passwd').read()", "eval('1')", "exec('1')", "compile('1','','eval')",
    "a.__class__", "().__class__.__bases__[0].__subclasses__()", "event.__class__.__init__.__globals__", "globals()", "vars()",
    "getattr(a, '__class__')", "(lambda: 1)()", "[x for x in (1).__class__.__mro__]", "'{0.__class__}'.format(a)",
    "f'{a.__class__}'", "(b := 1)", "a if True else __builtins__", "context['bspump.settlement'].__class__", "print(a)",
    "input()", "breakpoint()", "help()", "exit()", "dir(a)", "id(a)", "9 ** 9 ** 9 ** 9", "'x' * 10 ** 12", "1 << 10 ** 10",
    "(" * 5000 + "a" + ")" * 5000, "a + " * 5000 + "a", "not " * 5000 + "a", "x" * 100_000, "await a", "(yield a)", "import os",
    "a; b", "a = 1", "del a", "*a", "event['a'].__dict__",
)  # fmt: skip


@pytest.mark.timeout(60)
@pytest.mark.parametrize("definition", [
    pytest.param(definition, id=title) for group in (MODULES, YAML, FILES, FOLDERS, GROWTH) for title, definition in group.items()
])  # fmt: skip
def test_a_hostile_definition_is_refused_and_has_done_nothing(place: Path, definition: Any) -> None:
    said, seen = attempt(place, definition)

    assert said
    assert len(said) < 20_000
    assert trespasses(place, seen) == []
    assert not (place.parent / "imported").exists()
    assert not [one for one in ("top secret", "hunter22", "root:") if one in said]


@pytest.mark.timeout(60)
@pytest.mark.parametrize("condition", CONDITIONS, ids=lambda condition: condition[:40])
def test_a_hostile_condition_is_refused_or_means_nothing(place: Path, condition: str) -> None:
    said, seen = attempt(place, when(condition))

    assert said
    assert trespasses(place, seen) == []


@pytest.mark.timeout(60)
def test_a_sound_definition_opens_nothing_but_itself_before_it_runs(place: Path) -> None:
    definition = {
        "$schema": "http://localhost:1/schema.json",
        "lookups": [{"id": "L", "class": "FileLookup", "config": {"path": "/etc/passwd"}, "args": {"key": "x"}}],
        **pipeline(source={"class": "FileLineSource", "config": {"path": "/etc/passwd"}}, sink={
            "class": "FileLineSink", "config": {"path": "/tmp/written-by-a-hostile-definition"}}),
    }  # fmt: skip
    _, seen = attempt(place, definition)

    assert trespasses(place, seen) == []


def test_what_is_said_cannot_command_a_terminal(place: Path) -> None:
    said, _ = attempt(
        place, pipeline(**{"\x1b[2J\x07": 1, "id": "a\x1b]0;evil\x07"}, sink={"class": "\x9b31mNullSink"})
    )

    assert said
    assert not [one for one in said if one != "\n" and not one.isprintable()]


def test_the_watch_sees_what_a_definition_might_do(place: Path) -> None:
    with watch() as seen:
        open("/etc/hostname", "rb").close()
        with contextlib.suppress(ImportError):
            __import__("evil_module_that_is_not_there")

    assert [event for event, _ in trespasses(place, seen)] == ["open", "import"]


@pytest.mark.parametrize(
    "one", [one for one in entries() if re.match(r"[a-z]+:\n", one.example)], ids=lambda one: one.name
)
def test_no_component_opens_connects_or_runs_anything_before_it_runs(place: Path, one: Entry) -> None:
    path = place / "pump.yaml"
    path.write_text(one.example)
    with fresh_application() as app, watch() as seen:
        PumpBuilder(str(path), allow=["bspump_like.subprocess"]).construct_pump(app, app.pump_service)

    assert trespasses(place, seen) == []


def test_the_limits_are_those_that_the_page_tells() -> None:
    page = (ROOT / "docs" / "how-to" / "definitions.md").read_text()
    told = re.findall(r"^\| [^|]+ \| ([\d,; ]+(?:[KM]iB)?) \|$", page.partition("| limit | |")[2], re.MULTILINE)

    assert told == [
        f"{limits.MAX_SIZE // 1024**2} MiB", f"{limits.MAX_NODES:,}", f"{limits.MAX_DEPTH}",
        f"{limits.MAX_FILES}; {limits.MAX_INCLUDES_DEEP}", f"{limits.MAX_VARIABLES_DEEP}", f"{limits.MAX_SECRET // 1024} KiB",
    ]  # fmt: skip

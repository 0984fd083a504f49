"""Imports point one way: technologies -> core -> abc -> nothing (design, section 10)."""

from __future__ import annotations

import configparser
import re
import subprocess
import sys

import pytest

from tests.source_tree import PACKAGE, Import, SourceFile, imports, source_files

ABC = {"abc", "errors", "config", "expression"}
CORE = {path.stem for path in PACKAGE.glob("*.py")} - {"__init__"} - ABC
TOOLS = {"builder", "cli", "web", "testing", "unittest"}
FOLDERS = {path.name for path in PACKAGE.iterdir() if path.is_dir() and path.name != "__pycache__"}
TECHNOLOGIES = FOLDERS - TOOLS - ABC
PUBLIC = "__init__"

# What each layer may import when it is imported itself. A technology may import itself, never another.
MAY_IMPORT = {
    **dict.fromkeys(ABC, ABC),
    **dict.fromkeys(CORE, ABC | CORE),
    **{name: ABC | CORE | {name} for name in TECHNOLOGIES},
    **{name: ABC | CORE | {name, "matrix"} for name in ("analyzer", "lookup")},  # they work on matrices
    "avro": ABC | CORE | {"avro", "file", "common"},  # formats of files: they read and write as all file parts do
    "declarative": ABC | CORE | {"declarative", "analyzer"},  # one of its parts is an analyzer
    "parquet": ABC | CORE | {"parquet", "file"},
    "columnar": ABC | CORE | {"columnar", "file", "matrix", "parquet"},
    "builder": ABC | CORE | {"builder"},
    "web": ABC | CORE | {"builder", "web"},
    "cli": ABC | CORE | {"builder", "web", "cli", PUBLIC},
    "testing": ABC | CORE | {"builder", "testing"},
    "unittest": ABC | CORE | {"testing", "unittest"},
    PUBLIC: ABC | CORE,
}

# What a function may import when it is called, besides: always of a layer above, so the line needs a comment that says why.
MAY_IMPORT_WITH_A_REASON = {
    **dict.fromkeys(ABC, ABC | CORE),
    **dict.fromkeys(CORE, frozenset({"builder", "web"})),
    **dict.fromkeys(TECHNOLOGIES, frozenset[str]()),
    "builder": {"cli", *TECHNOLOGIES},
    "web": set(),
    "cli": {"testing", *TECHNOLOGIES},
    "testing": set(TECHNOLOGIES),
    "unittest": set(),
    PUBLIC: {"builder"},
}


def layer_of(file: SourceFile) -> str:
    return file.path.parts[0].removesuffix(".py")


def layer_of_target(target: str) -> str | None:
    """Return the layer of an imported name; None when it is not of this package."""
    parts = target.split(".")
    if parts[0] != PACKAGE.name:
        return None
    return parts[1] if len(parts) > 1 and parts[1] in FOLDERS | CORE | ABC else PUBLIC


def problem_of(file: SourceFile, one: Import) -> str | None:
    layer, target = layer_of(file), layer_of_target(one.target)
    if target is None or target in MAY_IMPORT[layer]:
        return None
    place = f"{file.path}:{one.line}: {layer} imports {one.target}"
    if not one.local or target not in MAY_IMPORT_WITH_A_REASON[layer]:
        return f"{place}; it may import {', '.join(sorted(MAY_IMPORT[layer]))}"
    if not file.explained(one.line):
        return f"{place} inside a function; a comment must say why"
    return None


def test_imports_point_one_way():
    problems = [problem for file in source_files() for one in imports(file) if (problem := problem_of(file, one))]
    assert not problems, "\n".join(problems)


def optional_packages() -> set[str]:
    """Return the names that only an extra installs, as one imports them."""
    setup = configparser.ConfigParser()
    setup.read(PACKAGE.parent / "setup.cfg")
    named = {
        re.split(r"[ <>=!\[;]", line, maxsplit=1)[0].lower()
        for extra, lines in setup["options.extras_require"].items()
        if extra not in ("all", "dev")
        for line in lines.split("\n")
        if line
    }
    return {name.replace("-", "_") for name in named} - {PACKAGE.name}


def test_optional_packages_are_imported_in_technologies_only():
    optional = optional_packages()
    assert "zstandard" in optional
    problems = [
        f"{file.path}:{one.line}: imports {one.target}, which may not be installed"
        for file in source_files()
        if layer_of(file) not in TECHNOLOGIES
        for one in imports(file)
        if one.target.partition(".")[0] in optional and not one.local
    ]
    # The web server's package comes with asab.
    assert not [problem for problem in problems if not problem.startswith("web/")], "\n".join(problems)


def test_the_package_is_imported_without_what_only_a_part_needs():
    program = "import sys, asab; before = set(sys.modules); import bspump_like; print(*sorted(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in done.stdout.split()}
    own = {name.split(".")[1] for name in done.stdout.split() if name.startswith(f"{PACKAGE.name}.")}
    assert not loaded & {"numpy", "aiohttp", "rich", "zstandard", "aiokafka", "elasticsearch", "msgpack_numpy"}
    assert not own & (TECHNOLOGIES | TOOLS)


@pytest.mark.parametrize("name", sorted(TECHNOLOGIES | TOOLS))
def test_every_folder_can_be_imported_first(name):
    """No folder relies on another having been imported before: each gets a fresh interpreter."""
    subprocess.run([sys.executable, "-c", f"import {PACKAGE.name}.{name}"], capture_output=True, check=True)

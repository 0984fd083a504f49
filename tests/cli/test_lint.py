from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable

import pytest

from bspump_like import cli

from .conftest import Pump

# The example of the seed, character for character, as its page has it.
SEED = (
    '{ "pipelines" : [ { "id": "MyPipeline0", "args": {}, "config": {}, "sources": [ { "id": "FileCSVSource", '
    '"module": "bspump.file", "class" : "FileCSVSource", "args": {}, "config": {"path":"etc/test.csv", "post":"noop"}, '
    '"trigger": { "module": "bspump.trigger", "class": "OpportunisticTrigger", "id": "", "args": {} } } ], '
    '"processors": [ { "module":"bspump-pumpbuilder", "class": "Processor00", "args": {}, "config": {} } ], "sink": '
    '{ "module":"bspump.common", "class": "PPrintSink", "args": {}, "config": {} } } ] }'
)
PROCESSOR00 = """import bspump_like
class Processor00(bspump_like.Processor):
    def process(self, context, event):
        event["seen"] = True
        return event
"""


@pytest.fixture
def seed(pump: Pump, write: Callable[[str, str], str]) -> Pump:
    import yaml

    write("seed.json", SEED)
    write("seed.yaml", yaml.safe_dump(json.loads(SEED)))
    write("bspump-pumpbuilder.py", PROCESSOR00)
    write("etc/test.csv", "name,price\ntea,3\ncoffee,4\n")
    return pump


@pytest.mark.parametrize("name", ["seed.json", "seed.yaml"])
def test_the_example_of_the_seed_is_sound(seed: Pump, name: str) -> None:
    done = seed("lint", name, "--allow", "bspump-pumpbuilder")

    assert (done.returncode, done.stdout) == (0, "OK: 1 pipeline\n"), done.stdout


@pytest.mark.parametrize("name", ["seed.json", "seed.yaml"])
def test_the_example_of_the_seed_runs(seed: Pump, name: str) -> None:
    done = seed("run", name, "--allow", "bspump-pumpbuilder", "--once")

    assert done.returncode == 0, done.stderr
    assert "{'name': 'tea', 'price': '3', 'seen': True}" in done.stdout
    assert "MyPipeline0: 2 in, 2 out" in done.stderr


def test_lint_says_that_delivered_files_will_be_renamed_when_nobody_decided_it(
    pump: Pump, write: Callable[[str, str], str]
) -> None:
    for post in ("", ", post: noop"):
        write(
            "f.yaml",
            f"pipelines: [{{id: F, source: {{class: FileCSVSource, config: {{path: f.csv{post}}}}}, sink: {{class: NullSink}}}}]",
        )
        done = pump("lint", "f.yaml")
        assert done.returncode == 0
        assert done.stdout.startswith("note: F.*FileCSVSource: files that have been delivered are renamed") is (
            not post
        )
        assert done.stdout.endswith("OK: 1 pipeline\n")


MISSING = """lookups:
  - {id: L, class: FileLookup, config: {path: "package:no_such_data/a.csv", key: k}}
pipelines:
  - id: P
    source: {class: FileCSVSource, config: {path: "in/*.csv:package:no_such_data/b.csv", post: noop}}
    sink: {class: NullSink}
"""


def test_lint_names_the_package_of_a_file_that_is_not_installed(pump: Pump, write: Callable[[str, str], str]) -> None:
    write("f.yaml", MISSING)
    done = pump("lint", "f.yaml")
    told = "the Python package 'no_such_data' is not installed (pip install no_such_data)"
    assert done.stdout.splitlines() == [
        f"f.yaml:2: 'package:no_such_data/a.csv': {told}", f"f.yaml:5: 'package:no_such_data/b.csv': {told}",
    ]  # fmt: skip


def test_lint_starts_and_writes_nothing(pump: Pump) -> None:
    before = sorted(pump.directory.iterdir())
    done = pump("lint", "pump.yaml", "--allow", "parts")

    assert (done.returncode, done.stdout, done.stderr) == (0, "OK: 1 pipeline\n", "")
    assert [path for path in sorted(pump.directory.iterdir()) if path.name != "__pycache__"] == before


def test_lint_says_all_that_is_wrong_in_all_files(pump: Pump, write: Callable[[str, str], str]) -> None:
    write(
        "one.yaml",
        "pipelines:\n- id: P\n  source: {module: parts, class: Number}\n  sink: {class: NullSink, confg: {}}\n",
    )
    write("two.json", '{"pipelines": [{"id": "Q",\n "sink": {"class": "NullSink"}}\n]')
    write("three.json", '{"pipelines": [{"id": "Q",\n "sink": {"class": "NullSink"}}\n]}')
    done = pump("lint", "one.yaml", "three.json", "--allow", "parts")

    assert done.returncode == 1
    assert done.stdout.splitlines() == [
        "one.yaml:3: the module 'parts' has no class 'Number' (did you mean 'Numbers'?)",
        "one.yaml:4: unknown key 'confg' in a sink (did you mean 'config'?)",
        'three.json:1: a pipeline needs a source ("source": {"class": ...}, or "sources" with a list)',
    ]
    assert done.stderr == "3 problems\n"
    done = pump("lint", "two.json")
    assert done.stdout.startswith("two.json:3: not JSON: expecting ',' delimiter at column")


@pytest.mark.parametrize("verb", cli.VERBS)
def test_every_verb_has_a_help_with_examples(pump: Pump, verb: str) -> None:
    done = pump(verb, "--help")

    assert done.returncode == 0
    assert f"pump {verb}" in done.stdout
    assert "examples:" in done.stdout


def test_without_a_verb_the_help_is_told(pump: Pump) -> None:
    done = pump()
    assert (done.returncode, done.stdout) == (2, "")
    assert all(verb in done.stderr for verb in cli.VERBS)


def test_the_help_lists_the_verbs_and_imports_none_of_them() -> None:
    script = (
        "import sys\nfrom bspump_like.cli import main\ntry:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
        "print([name for name in sys.modules if name in ('rich', 'yaml', 'bspump_like.builder', 'bspump_like.cli.run')])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=120)

    assert all(verb in done.stdout for verb in cli.VERBS)
    assert done.stdout.splitlines()[-1] == "[]"


COMMON = "connections: []\npipelines:\n- id: Common\n  source: {class: InternalSource}\n  sink: {class: NullSink}\n"
MAIN = (
    "include: ../shared/common.yaml\npipelines:\n- id: P\n  source: {class: InternalSource}\n"
    "  sink: {class: InternalSink, config: {target: Common}}\n"
)


def test_the_configuration_says_where_a_definition_may_include_files_from(
    pump: Pump, write: Callable[[str, str], str]
) -> None:
    write("shared/common.yaml", COMMON)
    write("pumps/main.yaml", MAIN)
    write("pump.conf", f"[pumpbuilder]\ninclude={pump.directory / 'shared'}\n")

    done = pump("lint", "pumps/main.yaml")
    assert done.stdout == (
        f"pumps/main.yaml:1: may not include shared/common.yaml: it lies outside of {pump.directory / 'pumps'} (allow its "
        f"directory: [pumpbuilder] include={pump.directory / 'shared'} in the configuration file)\n"
    )
    done = pump("lint", "pumps/main.yaml", "-c", "pump.conf")
    assert (done.returncode, done.stdout) == (0, "OK: 2 pipelines\n"), done.stdout


def test_a_definition_that_cannot_be_read_whole_is_not_held_against_another(
    pump: Pump, write: Callable[[str, str], str]
) -> None:
    write("one.yaml", "include: none.yaml\n" + COMMON.replace("NullSink", "NulSink"))
    write("two.yaml", MAIN.partition("\n")[2].replace("Common", "Elsewhere"))

    done = pump("lint", "one.yaml", "two.yaml")
    assert [line.partition(": ")[0] for line in done.stdout.splitlines()] == ["one.yaml:1", "one.yaml:6"]


LOOP = """pipelines:
- id: P
  sources: [{class: IteratorSource, args: {iterator: [{n: 0}]}}, {class: InternalSource}]
  processors: [{class: DeriveProcessor, config: {fields: {n: n + 1}}}, {when: n < 3, to: P}]
  sink: {class: PrintSink}
"""
WARNING = "loop.yaml:4: warning: events may go round in P -> P: one that never leaves holds up all others"


def test_a_warning_is_said_and_refuses_nothing(pump: Pump, write: Callable[[str, str], str]) -> None:
    write("loop.yaml", LOOP)
    lint, quiet, run = pump("lint", "loop.yaml"), pump("lint", "-q", "loop.yaml"), pump("run", "loop.yaml")

    assert (lint.returncode, quiet.returncode, run.returncode) == (0, 0, 0)
    assert lint.stdout.startswith(WARNING)
    assert lint.stdout.endswith("\nOK: 1 pipeline\n")
    assert (quiet.stdout, quiet.stderr.partition(" (")[0]) == ("", WARNING)
    assert "loop.yaml:4: events may go round in P -> P" in run.stderr
    assert run.stdout == "{'n': 3}\n"

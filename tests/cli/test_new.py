"""A new project does what its README says, at once."""

from __future__ import annotations

import subprocess
import sys

import pytest

from bspump_like.cli import main
from bspump_like.cli.new import KINDS

OUTPUT = {
    "file": ("large.ndjson", '{"name":"Praha","country":"CZ","population":1397880}\n'),
    "python": ("greetings.txt", "Good morning Ada!\n"),
}


@pytest.fixture
def make(tmp_path, monkeypatch, capsys):
    def make(kind):
        monkeypatch.chdir(tmp_path)
        assert main(["new", "My project", "--kind", kind]) == 0
        capsys.readouterr()
        monkeypatch.chdir(tmp_path / "My project")
        return tmp_path / "My project"

    return make


@pytest.mark.parametrize("kind", KINDS)
def test_its_cases_pass(make, kind, capsys):
    make(kind)
    assert main(["test", "pump.yaml"]) == 0, capsys.readouterr().out


@pytest.mark.parametrize("kind", KINDS)
def test_its_tests_pass_and_nothing_is_left_to_fill_in(make, kind):
    directory = make(kind)
    done = subprocess.run([sys.executable, "-m", "pytest", "-q", "-W", "error", "-W", "ignore::pytest.PytestDeprecationWarning"],
                          cwd=directory, capture_output=True, text=True, timeout=60, check=False)  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    for path in directory.iterdir():
        if path.is_file():
            assert not any(word in path.read_text() for word in ("@NAME@", "@LINT@", "@ABOUT@", "@FILES@")), path


@pytest.mark.parametrize("kind", OUTPUT)
def test_make_runs_it(make, kind):
    directory = make(kind)
    environment = {"PATH": f"{sys.prefix}/bin:/usr/bin:/bin"}
    done = subprocess.run(["make", "check", "run"], cwd=directory, env=environment, capture_output=True, text=True,
                          timeout=60, check=False)  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    name, first = OUTPUT[kind]
    assert (directory / name).read_text().startswith(first)


def test_the_definition_for_servers_is_sound(make, capsys):
    make("kafka")
    assert main(["lint", "pump.yaml"]) == 0
    assert capsys.readouterr().out == "OK: 2 pipelines, 2 connections\n"


def test_it_writes_over_nothing(make, capsys):
    directory = make("file")
    assert main(["new", str(directory)]) == 1
    assert capsys.readouterr().err.startswith(f"pump: there is something in {directory} already")

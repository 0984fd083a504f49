"""Completion, asked by the shells themselves."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys

import pytest

from bspump_like.cli import VERBS

# How each shell is made to say what it would offer for the line in $line.
ASK = {
    "bash": """
        eval "$(pump completion bash)"
        COMP_LINE=$line; COMP_POINT=${#line}; COMP_TYPE=9; COMP_WORDS=($line); [[ $line == *' ' ]] && COMP_WORDS+=("")
        COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _python_argcomplete pump; printf '%s\\n' "${COMPREPLY[@]}" """,
    "zsh": """
        autoload -U compinit is-at-least; compinit -u -D; eval "$(pump completion zsh)"
        _describe() { print -l -- "${(@P)2}" }
        words=(pump); BUFFER=$line; CURSOR=$#line; _python_argcomplete pump""",
    "fish": """pump completion fish | source; complete -C "$line" """,
}


@pytest.fixture(params=ASK)
def offered(request, tmp_path):
    """Return a function that tells what a shell offers for a line."""
    shell = request.param
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    for name in ("pump.yaml", "other.txt", "etc/b.json"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("{}")

    def ask(line):
        environment = {**os.environ, "PATH": f"{sys.prefix}/bin:{os.environ['PATH']}", "line": line, "HOME": str(tmp_path)}
        quiet = ["-f"] if shell == "zsh" else []
        done = subprocess.run([shell, *quiet, "-c", ASK[shell]], cwd=tmp_path, env=environment, capture_output=True,
                              text=True, timeout=120, check=False)  # fmt: skip
        # fish sets a description behind a tab, zsh behind a colon, and bash a blank behind a word that is complete.
        return [re.split(r"\t|:", word)[0].rstrip() for word in done.stdout.splitlines()]

    return ask


def test_verbs(offered):
    assert set(VERBS) <= set(offered("pump "))
    assert set(offered("pump li")) == {"lint", "list"}


def test_options_and_their_values(offered):
    assert offered("pump graph x.yaml --form") == ["--format"]
    assert set(offered("pump graph x.yaml --format ")) == {"text", "mermaid", "dot", "svg"}


def test_components(offered):
    assert offered("pump list FilterP") == ["FilterProcessor"]


def test_definitions(offered):
    assert set(offered("pump run ")) >= {"pump.yaml", "etc/"}
    assert "other.txt" not in offered("pump run ")
    assert offered("pump run etc/") == ["etc/b.json"]

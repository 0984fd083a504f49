"""Every example in the documentation runs, and prints what the page says.

A block behind `<!-- file: NAME -->` is that file. A `console` block is run: lines with `$` are commands, what stands below
them is their output, `...` is any output. Other JSON and Python must at least be JSON and Python.
"""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = sorted(
    page for page in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")] if "reference" not in page.parts
)

_BLOCK = re.compile(r"(?:<!-- file: (?P<file>\S+) -->\n)?^```(?P<language>\w+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)


def commands(console: str) -> Iterator[tuple[str, str]]:
    """Return each command of a console block with the output that the page shows for it."""
    for part in re.split(r"^\$ ", console, flags=re.MULTILINE)[1:]:
        command, _, output = part.partition("\n")
        yield command, output


def run(command: str, directory: Path) -> str:
    """Run a command as a reader would, with this interpreter's programs first; return what it prints."""
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", "-c", command], cwd=directory, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, f"$ {command}\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_examples_of_the_page(page, tmp_path):
    for block in _BLOCK.finditer(page.read_text()):
        language, text = block["language"], block["text"]
        if language == "console":
            for command, expected in commands(text):
                printed = run(command, tmp_path)
                if expected and expected != "...\n":
                    assert printed == expected, f"$ {command}"
        elif block["file"]:
            (tmp_path / block["file"]).write_text(text)
        elif language == "json":
            json.loads(text)
        elif language == "python":
            ast.parse(text)

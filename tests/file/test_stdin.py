"""StdinSource: a pump behind a pipe, before a file, and without standard input."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.faults.harness import ROOT


def run(tmp_path: Path, stdin: Any, **config: Any) -> subprocess.CompletedProcess[bytes]:
    sink = {"class": "FileLineSink", "config": {"path": "out"}}
    source = {"class": "StdinSource", "config": {"batch_size": 7, **config}}
    (tmp_path / "pump.json").write_text(json.dumps({"pipelines": [{"id": "P", "sources": [source], "sink": sink}]}))
    arguments = {"input": stdin} if isinstance(stdin, bytes) else {"stdin": stdin}
    return subprocess.run(
        [sys.executable, "-m", "bspump_like.cli", "run", "pump.json", "--plain"], cwd=tmp_path, capture_output=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)}, timeout=120, check=False, **arguments,
    )  # fmt: skip


LINES = b"".join(b"line %d\n" % number for number in range(20_000)) + b"the end"


def test_lines_from_a_pipe_and_from_a_file(tmp_path):
    for strip in (False, True):
        assert run(tmp_path, LINES, strip=strip).returncode == 0
        assert (tmp_path / "out").read_bytes() == LINES + b"\n"
        (tmp_path / "out").unlink()
    (tmp_path / "in").write_bytes(LINES)
    with (tmp_path / "in").open("rb") as file:
        assert run(tmp_path, file).returncode == 0
    assert (tmp_path / "out").read_bytes() == LINES + b"\n"


def test_no_input_at_all_ends_the_pump(tmp_path):
    assert run(tmp_path, subprocess.DEVNULL).returncode == 0
    assert (tmp_path / "out").read_bytes() == b""


def test_a_line_that_is_too_long_ends_the_reading_and_is_said(tmp_path):
    done = run(tmp_path, b"good\n" + b"x" * 1000 + b"\nlost\n", max_line_length=100)
    assert done.returncode == 1
    assert b"standard input, line 2: longer than 100 bytes" in done.stderr
    assert (tmp_path / "out").read_bytes() == b"good\n"


@pytest.mark.parametrize("encoding", ["utf-8"])
def test_text_in_an_encoding(tmp_path, encoding):
    assert run(tmp_path, "č\n".encode(), encoding=encoding, strip=True).returncode == 0
    assert (tmp_path / "out").read_text() == "č\n"

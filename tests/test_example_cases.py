"""The cases beside the examples pass, and every example that can be tried without servers of its own has some."""

from __future__ import annotations

from pathlib import Path

import pytest

from bspump_like.testing.cases import SUFFIXES, CaseFile
from bspump_like.testing.trying import run_case

ROOT = Path(__file__).parent.parent
FILES = [path for path in sorted(ROOT.glob("examples/**/*")) if path.name.endswith(SUFFIXES)]
CASES = [case for path in FILES for case in CaseFile(str(path)).cases]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{Path(case.file.path).parent.name}: {case.name}")
def test_case(case, monkeypatch):
    monkeypatch.chdir(ROOT)
    result = run_case(case)
    assert result.passed, "\n".join([*map(str, result.problems), *result.mismatches])

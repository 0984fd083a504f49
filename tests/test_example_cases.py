"""The cases beside the examples pass."""

from __future__ import annotations

from pathlib import Path

import pytest

from bspump_like.testing import check_case, load_cases

ROOT = Path(__file__).parent.parent
CASES = [case for path in sorted(ROOT.glob("examples/**/*.test.yaml")) for case in load_cases(path)]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{Path(case.file.path).name.partition('.')[0]}: {case.name}")
def test_case(case, monkeypatch):
    monkeypatch.chdir(ROOT)
    check_case(case)

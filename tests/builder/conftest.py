"""Definitions in files, and what is wrong with them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from bspump_like.builder import PumpBuilder
from bspump_like.errors import ConfigError
from bspump_like.testing import fresh_application

Write = Callable[..., Path]
Mistakes = Callable[..., list[str]]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write files given by name, `.` and `-` spelled `_`; return the path of the first."""

    def write(**files: str) -> Path:
        paths = []
        for name, text in files.items():
            stem, _, suffix = name.rpartition("_")
            path = tmp_path / f"{stem.replace('__', '/')}.{suffix}"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            paths.append(path)
        return paths[0]

    return write


@pytest.fixture
def mistakes(tmp_path: Path) -> Mistakes:
    """Build a definition and return what is wrong with it, as it is printed, without the directory and lines of our code."""

    def mistakes(
        text: str, files: Mapping[str, str] | None = None, config: Mapping[str, Mapping[str, str]] | None = None,
        **arguments: object,
    ) -> list[str]:  # fmt: skip
        directory = tmp_path / "pump"
        directory.mkdir(exist_ok=True)
        for name, content in {"pump.yaml": text, **(files or {})}.items():
            (directory / name).parent.mkdir(parents=True, exist_ok=True)
            (directory / name).write_text(content, encoding="utf-8")
        with fresh_application(config) as app:
            try:
                PumpBuilder(str(directory / "pump.yaml"), **arguments).construct_pump(app, app.pump_service)  # type: ignore[arg-type]
            except ConfigError as error:
                said = (re.sub(r"\.py:\d+", ".py:N", str(problem)).replace(f"{directory}/", "") for problem in error.problems)
                return [one.replace(str(directory), "HERE").replace(str(tmp_path), "ABOVE") for one in said]
        return []

    return mistakes

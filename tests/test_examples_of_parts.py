"""The example of every part without a server runs: as a pump to its end and without an error, or as a Python program."""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from bspump_like.builder import PumpBuilder
from bspump_like.builder.catalogue import example_of
from bspump_like.testing import run_pump

FOLDERS = ["aio", "avro", "cache", "common", "crypto", "file", "filter", "integrity", "parquet", "random", "subprocess"]
NEEDS_A_FILE = {"AsyncLookupEnricher"}  # a database that stands beside the definition


def examples() -> list[Any]:
    found = []
    for folder in FOLDERS:
        module = importlib.import_module(f"bspump_like.{folder}")
        for name in module.__all__:
            component = getattr(module, name)
            text = example_of(component) if isinstance(component, type) else ""
            if text and name not in NEEDS_A_FILE:
                found.append(pytest.param(text, id=name))
    return found


@pytest.mark.parametrize("text", examples())
def test_the_example_runs(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    if "pipelines:" not in text:
        exec(compile(text, "<example>", "exec"), {"__name__": "example"})
        return
    (tmp_path / "pump.yaml").write_text(text)

    def build(app: Any) -> None:
        PumpBuilder("pump.yaml", allow=["bspump_like.subprocess"]).construct_pump(app, app.pump_service)

    with open(os.devnull) as nothing:
        monkeypatch.setattr(sys, "stdin", nothing)
        app = run_pump(build)
    assert app.ExitCode == 0
    counted = {name: pipeline.counters.as_dict() for name, pipeline in app.pump_service.Pipelines.items()}
    refuses = "forged" in text or "ValidateProcessor" in text  # these show what is refused
    assert (sum(one["errors"] for one in counted.values()) > 0) == refuses, counted
    assert all(pipeline.ended for pipeline in app.pump_service.Pipelines.values())

"""Definitions written for BSPump: they load as they are, and what is not here is named with what to use instead."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bspump_like.builder import PumpBuilder
from bspump_like.builder.contract import CLASSES, MODULES
from bspump_like.builder.registry import own_components
from bspump_like.testing import run_pump

from .conftest import Mistakes

# Every key as BSPump's own example has it: modules of BSPump, a trigger with an empty id, a module with a dash.
BSPUMP = {
    "pipelines": [{
        "id": "MyPipeline0", "args": {}, "config": {},
        "sources": [{
            "id": "FileCSVSource", "module": "bspump.file", "class": "FileCSVSource", "args": {},
            "config": {"path": "etc/test.csv", "post": "noop"},
            "trigger": {"module": "bspump.trigger", "class": "OpportunisticTrigger", "id": "", "args": {}},
        }],
        "processors": [{"module": "bspump-pumpbuilder", "class": "Processor00", "args": {}, "config": {}}],
        "sink": {"module": "bspump.common", "class": "PPrintSink", "args": {}, "config": {}},
    }],
}  # fmt: skip


@pytest.fixture
def bspump_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "test.csv").write_text("name,n\na,1\nb,2\n")
    (tmp_path / "bspump-pumpbuilder.py").write_text(
        "import bspump_like\nclass Processor00(bspump_like.Processor):\n"
        "    def process(self, context, event):\n        return {**event, 'seen': True}\n"
    )
    (tmp_path / "pump.json").write_text(json.dumps(BSPUMP))
    monkeypatch.chdir(tmp_path)
    path = list(sys.path)
    yield tmp_path
    sys.path[:] = path
    sys.modules.pop("bspump-pumpbuilder", None)


def test_the_example_of_bspump_runs_unchanged(bspump_directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    builder = PumpBuilder("pump.json", allow=["bspump-pumpbuilder"])

    def end_after_the_file(app: object) -> None:
        builder.construct_pump(app, app.pump_service)  # type: ignore[attr-defined,arg-type]
        for source in app.pump_service.Pipelines["MyPipeline0"].Sources:  # type: ignore[attr-defined]
            source.once = True  # like `pump run --once`: the trigger would look for new files for ever

    run_pump(end_after_the_file)

    printed = " ".join(capsys.readouterr().out.split())
    assert printed == "{'n': '1', 'name': 'a', 'seen': True} {'n': '2', 'name': 'b', 'seen': True}"


@pytest.mark.parametrize("name", sorted(CLASSES))
def test_a_class_of_bspump_is_here_or_named_with_what_to_use(mistakes: Mistakes, name: str) -> None:
    said = mistakes(f"lookups:\n- {{id: L, class: {name}}}\n")

    if name not in own_components():
        assert said == [f"pump.yaml:2: {name} of BSPump is not here ({CLASSES[name]})"]


@pytest.mark.parametrize("name", sorted(MODULES))
def test_a_module_of_bspump_is_here_or_named_with_what_to_use(mistakes: Mistakes, name: str) -> None:
    said = mistakes(f"lookups:\n- {{id: L, module: bspump.{name}, class: Anything}}\n")

    if not (Path(sys.modules["bspump_like"].__path__[0]) / name).is_dir():
        assert said == [f"pump.yaml:2: bspump.{name} of BSPump is not here ({MODULES[name]})"]


def test_what_to_use_instead_is_here() -> None:
    named = set(
        re.findall(
            r"[A-Z]\w+(?:Source|Sink|Processor|Lookup|Aggregator|Matrix)\b",
            " ".join([*CLASSES.values(), *MODULES.values()]),
        )
    )

    assert named - {"ReaderSource"} <= own_components().keys()
    for page in re.findall(r"docs/\S+\.md", " ".join(CLASSES.values())):
        assert (Path(__file__).parents[2] / page).is_file()

"""Definitions written for BSPump: its modules are found, and what is not here is named with what to use instead.

That its own example runs as it is shows tests/cli/test_lint.py.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from bspump_like.builder import registry
from bspump_like.builder.catalogue import Entry, entries
from bspump_like.builder.contract import CLASSES, MODULES
from bspump_like.builder.registry import own_components

from .conftest import Mistakes

KINDS = {
    "source": registry.SOURCE, "sink": registry.SINK, "processor": registry.PROCESSOR, "generator": registry.PROCESSOR,
    "connection": registry.CONNECTION, "lookup": registry.LOOKUP, "matrix": registry.MATRIX, "trigger": registry.TRIGGER,
    "pipeline": registry.PIPELINE,
}  # fmt: skip


@pytest.mark.parametrize("one", [one for one in entries() if not one.is_base], ids=lambda one: one.name)
def test_each_component_is_found_as_definitions_of_bspump_name_it(one: Entry) -> None:
    found = registry.Registry(["bspump.subprocess"]).find(
        one.name, one.module.replace("bspump_like", "bspump", 1), KINDS[one.kind]
    )

    assert found is one.component


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

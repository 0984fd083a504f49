"""Components of other packages: installed, they are known like our own."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bspump_like.builder.catalogue import entries, entry
from bspump_like.builder.registry import PROCESSOR, Registry, announced_components
from bspump_like.builder.schema import definition_schema
from bspump_like.errors import ConfigError

from .conftest import Mistakes
from .mistake import HEAD, SINK

CODE = '''
from bspump_like import Processor
from bspump_like.abc import ProcessorOptions
from bspump_like.config import option

class Shout(Processor):
    """Say it louder."""

    class Options(ProcessorOptions):
        times: int = option(1, "exclamation marks", ge=1)

    def process(self, context, event):
        return str(event).upper() + "!" * self.options.times
'''


@pytest.fixture
def their_package(tmp_path: Path) -> Iterator[Path]:
    """Install a package as pip does, as far as Python looks at it."""
    package, info = tmp_path / "shouting", tmp_path / "shouting-1.0.dist-info"
    package.mkdir()
    info.mkdir()
    (package / "__init__.py").write_text("")
    (package / "parts.py").write_text(CODE)
    (package / "other.py").write_text("from .parts import Shout\nclass Whisper(Shout):\n    pass\n")
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: shouting\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[bspump_like.components]\nShout = shouting.parts:Shout\nGone = shouting.gone:Gone\nNullSink = shouting.parts:Shout\n"
    )
    sys.path.insert(0, str(tmp_path))
    announced_components.cache_clear()
    yield tmp_path
    sys.path.remove(str(tmp_path))
    announced_components.cache_clear()
    for name in [name for name in sys.modules if name.partition(".")[0] == "shouting"]:
        del sys.modules[name]


def step(**keys: object) -> str:
    return HEAD + f"  processors:\n  - {keys}\n" + SINK


@pytest.mark.usefixtures("their_package")
def test_a_component_of_another_package_is_found_by_its_class_alone(mistakes: Mistakes) -> None:
    assert Registry().find("Shout", None, PROCESSOR).__module__ == "shouting.parts"
    assert mistakes(step(**{"class": "Shout", "config": {"times": 3}})) == []
    assert mistakes(step(**{"class": "Shout", "config": {"time": 3}})) == [
        "pump.yaml:5: pipeline P, Shout: unknown option 'time' (did you mean 'times'?)"
    ]
    assert mistakes(step(**{"class": "Shuot"})) == ["pump.yaml:5: unknown class 'Shuot' (did you mean 'Shout'?)"]


@pytest.mark.usefixtures("their_package")
def test_a_package_that_announces_one_component_may_be_named_with_its_modules() -> None:
    assert Registry().find("Whisper", "shouting.other", PROCESSOR).__name__ == "Whisper"


def test_without_being_announced_it_may_not() -> None:
    with pytest.raises(ConfigError, match="the module 'shouting.other' is not allowed"):
        Registry().find("Whisper", "shouting.other", PROCESSOR)


@pytest.mark.usefixtures("their_package")
def test_it_cannot_take_the_name_of_one_of_ours(mistakes: Mistakes) -> None:
    assert mistakes(HEAD + SINK) == []


@pytest.mark.usefixtures("their_package")
def test_one_that_cannot_be_imported_is_said_where_it_is_used_and_nowhere_else(mistakes: Mistakes) -> None:
    assert mistakes(step(**{"class": "Gone"})) == [
        "pump.yaml:5: there is no module 'shouting.gone' (install it, or start where it can be found)"
    ]
    assert "Gone" not in [one.name for one in entries()]


@pytest.mark.usefixtures("their_package")
def test_it_is_listed_and_in_the_schema_with_its_options() -> None:
    assert entry("shout").summary == "Say it louder."
    options = definition_schema()["$defs"]["shouting.parts.Shout"]["properties"]["config"]["properties"]
    assert options["times"]["default"] == 1

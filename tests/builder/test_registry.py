from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bspump_like.builder import registry
from bspump_like.builder.registry import PROCESSOR, SINK, SOURCE, Registry
from bspump_like.common import NullSink
from bspump_like.errors import ConfigError


@pytest.fixture
def user_module(tmp_path: Path) -> Iterator[Path]:
    (tmp_path / "their-pumps.py").write_text(
        "from bspump_like import Processor\nclass Mine(Processor):\n    pass\nclass Other:\n    pass\n"
    )
    (tmp_path / "broken_pumps.py").write_text("1 / 0\n")
    (tmp_path / "needy_pumps.py").write_text("import package_that_is_nowhere\n")
    path = list(sys.path)
    yield tmp_path
    sys.path[:] = path
    for name in ("their-pumps", "broken_pumps", "needy_pumps"):
        sys.modules.pop(name, None)


def refusal(found: Registry, name: str, module: str | None, kind: registry.Kind) -> str:
    with pytest.raises(ConfigError) as caught:
        found.find(name, module, kind)
    (problem,) = caught.value.problems
    assert problem.path in (("class",), ("module",))
    return str(problem)


@pytest.mark.parametrize(
    "module", [None, "", "bspump.common", "bspump_like.common", "bspump.common.null", "bspump.common.nullsink"]
)
def test_a_class_is_found_under_the_names_of_the_contract_and_under_ours(module: str | None) -> None:
    assert Registry().find("NullSink", module, SINK) is NullSink


def test_known_components_are_listed_without_importing_them() -> None:
    assert registry.own_components()["NullSink"] == "bspump_like.common"


def test_a_class_alone_means_one_component() -> None:
    root = Path(registry.__file__).parents[1]
    inits = [
        init for init in root.glob("*/**/__init__.py") if init.relative_to(root).parts[0] not in registry._NOT_SCANNED
    ]
    names = [name for init in inits for name in registry._public_names(init) if name[:1].isupper()]

    assert [name for name in set(names) if names.count(name) > 1] == []


@pytest.mark.parametrize(
    ("name", "module", "said"),
    [
        ("NulSink", None, "did you mean 'NullSink'"),
        ("NulSink", "bspump.common", "did you mean 'NullSink'"),
        ("NullSink", "bspump.trigger", "it is in 'bspump_like.common'"),
        ("NullSink", "bspump.comon", "there is no module 'bspump.comon'"),
        ("Zzzqq", None, "a class of your own needs 'module'"),
        ("os.system", None, "is no name of a class"),
        ("system", "os", "not allowed"),
        ("Popen", "subprocess", "--allow subprocess"),
        ("NullSink", "bspump..common", "is no name of a module"),
        ("L", "bspump.service", "no component of a pump"),
    ],
)
def test_what_cannot_be_found_is_said_with_the_remedy(name: str, module: str | None, said: str) -> None:
    assert said in refusal(Registry(), name, module, SINK)


def test_a_class_of_another_kind_is_refused() -> None:
    assert "NullSink is a sink, and a source is expected here" in refusal(Registry(), "NullSink", None, SOURCE)


def test_a_module_that_is_not_allowed_is_not_imported(user_module: Path) -> None:
    assert "not allowed" in refusal(Registry(directories=[user_module]), "Mine", "broken_pumps", PROCESSOR)
    assert "broken_pumps" not in sys.modules


def test_an_allowed_module_beside_the_definition_is_found(user_module: Path) -> None:
    found = Registry(["their-pumps"], [user_module]).find("Mine", "their-pumps", PROCESSOR)

    assert found.__name__ == "Mine"


@pytest.mark.parametrize(
    ("module", "name", "said"),
    [
        ("their-pumps", "Min", "did you mean 'Mine'"),
        ("their-pumps", "Other", "Other is no component of a pump"),
        ("broken_pumps", "Mine", "ZeroDivisionError: division by zero at broken_pumps.py:1"),
        ("needy_pumps", "Mine", "needs 'package_that_is_nowhere', which is not installed"),
        ("absent_pumps", "Mine", "there is no module 'absent_pumps'"),
    ],
)
def test_faults_of_a_user_module_are_said(user_module: Path, module: str, name: str, said: str) -> None:
    assert said in refusal(Registry([module], [user_module]), name, module, PROCESSOR)


def test_an_allowed_package_allows_its_modules_and_not_its_namesakes() -> None:
    found = Registry(["xml"])

    assert "no class" in refusal(found, "Mine", "xml.dom", PROCESSOR)
    assert "not allowed" in refusal(found, "Mine", "xmlrpc", PROCESSOR)


def test_a_file_beside_the_definition_does_not_stand_in_for_a_package(tmp_path: Path) -> None:
    (tmp_path / "json.py").write_text("raise SystemExit('imported')\n")
    path = list(sys.path)
    try:
        assert "no class" in refusal(Registry(["json"], [tmp_path]), "Mine", "json", PROCESSOR)
    finally:
        sys.path[:] = path

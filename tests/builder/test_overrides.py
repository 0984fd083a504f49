from __future__ import annotations

from typing import Any

import pytest

from bspump_like.builder.loader import load
from bspump_like.errors import ConfigError, Problem


def tree() -> dict[str, Any]:
    return {
        "pipelines": [
            {"id": "A.b", "processors": [{"class": "X"}, {"class": "Y"}, {"class": "Y"}], "sink": {"class": "S"}},
            {"id": "C", "sink": {"class": "S", "config": {"path": "p"}}},
        ]
    }


@pytest.mark.parametrize(
    ("override", "path", "value"),
    [
        ("pipelines.C.sink.config.path=x=y", ("pipelines", 1, "sink", "config", "path"), "x=y"),
        ("pipelines.1.sink.class=T", ("pipelines", 1, "sink", "class"), "T"),
        ("pipelines.A.b.sink.config.path=out", ("pipelines", 0, "sink", "config", "path"), "out"),
        ("pipelines.A.b.processors.X.config.n=5", ("pipelines", 0, "processors", 0, "config", "n"), 5),
        ("pipelines.A.b.processors.2.config.on=true", ("pipelines", 0, "processors", 2, "config", "on"), True),
        ("pipelines.C.config.list=[1, 2]", ("pipelines", 1, "config", "list"), [1, 2]),
        ("pipelines.C.config.since=2024-01-01", ("pipelines", 1, "config", "since"), "2024-01-01"),
        ("pipelines.C.config.empty=", ("pipelines", 1, "config", "empty"), ""),
    ],
)
def test_an_override_writes_one_value(override: str, path: tuple[str | int, ...], value: object) -> None:
    found: Any = load(tree(), [override]).tree
    for key in path:
        found = found[key]

    assert found == value


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("pipelines.D.sink.class=T", "there is no 'D' in pipelines"),
        ("pipelines.A.b.processors.Y.config.n=1", "'Y' is the name of 2 items"),
        ("pipelines.C.sink.config.path.deep=1", "'path' is a single value"),
        ("pipelines", "expected PATH=VALUE"),
        ("=x", "expected PATH=VALUE"),
    ],
)
def test_an_override_that_fits_nowhere_is_said(override: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        load(tree(), [override])


def test_a_problem_with_an_override_names_the_option_and_no_line() -> None:
    definition = load(tree(), ["pipelines.C.sink.confg.path=x"])

    located = definition.located(Problem("unknown key", ("pipelines", 1, "sink", "confg", "path")))
    assert (located.file, located.line) == ("--set pipelines.C.sink.confg.path", 0)


def test_the_given_tree_is_left_alone() -> None:
    given = tree()
    load(given, ["pipelines.C.sink.config.path=other"])

    assert given == tree()


def test_an_override_reaches_into_branches_as_they_are_written_and_as_they_become() -> None:
    step = {"id": "Late", "when": "a", "branch": {"processors": [{"class": "X"}], "sink": {"class": "S"}}}
    tree = {"pipelines": [{"id": "P", "processors": [step], "sink": {"class": "S"}}]}

    for override in ("pipelines.P.processors.Late.branch.sink.class=T", "pipelines.P-Late.sink.class=T"):
        definition = load(tree, [override])
        assert definition.tree["pipelines"][1]["sink"]["class"] == "T"
        assert definition.place(("pipelines", 1, "sink", "class")) == (f"--set {override.partition('=')[0]}", 0)
    assert load(tree, ["pipelines.P.processors.Late.when=b"]).tree["pipelines"][0]["processors"][0]["config"]["when"] == "b"

"""Pipelines that are alike, written once."""

from __future__ import annotations

from typing import Any

import pytest

from bspump_like.builder.loader import load
from bspump_like.errors import ConfigError

from .conftest import Write


def made(template: dict[str, Any], *uses: dict[str, Any], **more: Any) -> list[dict[str, Any]]:
    tree = {"templates": {"T": template}, "pipelines": [{"template": "T", **use} for use in uses], **more}
    pipelines: list[dict[str, Any]] = load(tree).tree["pipelines"]
    return pipelines


def test_each_use_makes_a_pipeline_with_its_values() -> None:
    template = {"parameters": {"name": None, "n": 1}, "pipeline": {"id": "P-${name}", "config": {"n": "${n}", "s": "n=${n}"}}}

    assert made(template, {"with": {"name": "a"}}, {"with": {"name": "b", "n": 2}}) == [
        {"id": "P-a", "config": {"n": 1, "s": "n=1"}},
        {"id": "P-b", "config": {"n": 2, "s": "n=2"}},
    ]


def test_a_list_of_values_makes_one_pipeline_each() -> None:
    template = {"parameters": {"name": None}, "pipeline": {"id": "P-${name}"}}

    assert [one["id"] for one in made(template, {"with": [{"name": "a"}, {"name": "b"}]})] == ["P-a", "P-b"]


def test_a_template_may_make_several_pipelines_and_a_use_may_name_its_own() -> None:
    two = {"parameters": {"n": None}, "pipelines": [{"id": "A-${n}"}, {"id": "B-${n}"}]}
    one = {"parameters": {"n": None}, "pipeline": {"source": {}}}

    assert [each["id"] for each in made(two, {"with": {"n": 1}})] == ["A-1", "B-1"]
    assert made(one, {"id": "Mine-${n}", "description": "d", "with": {"n": 1}}) == [
        {"id": "Mine-1", "description": "d", "source": {}}
    ]


def test_parameters_defaults_and_variables_each_have_their_scope() -> None:
    template = {
        "parameters": {"name": None, "path": "out/${name}.csv", "copy": "${path}"},
        "pipeline": {"id": "${name}", "config": {"path": "${copy}", "v": "${v}", "text": "$${name}"}},
    }
    # What is given is looked up where it is given: ${path} there is the variable, not the parameter of the same name.
    uses = [{"with": {"name": "a"}}, {"with": {"name": "b", "path": "${path}/x"}}]

    assert made(template, *uses, variables={"v": 7, "path": "outer", "name": "no"}) == [
        {"id": "a", "config": {"path": "out/a.csv", "v": 7, "text": "${name}"}},
        {"id": "b", "config": {"path": "outer/x", "v": 7, "text": "${name}"}},
    ]


def test_a_value_is_put_in_as_it_is_whatever_it_is() -> None:
    template = {"parameters": {"x": None}, "pipeline": {"id": "P", "config": {"x": "${x}"}}}

    for value in (["${x}", 1], {"a": {"b": True}}, None, False, 1.5):
        (one,) = made(template, {"with": {"x": value}}, variables={"x": "outer"})
        assert one["config"]["x"] == (["outer", 1] if isinstance(value, list) else value)


def test_a_template_may_come_from_another_file_and_a_mistake_names_both_places(write: Write) -> None:
    path = write(
        main_yaml="include: t.yaml\npipelines:\n- template: T\n  with:\n    n: 1\n- template: T\n  with: {n: 2}\n",
        t_yaml="templates:\n  T:\n    parameters: {n: null}\n    pipeline:\n      id: P${n}\n      config:\n"
        "        a: ${n}\n        b: ${m}\n",
    )
    with pytest.raises(ConfigError) as caught:
        load(path)

    where = [(problem.file, problem.line, problem.used) for problem in caught.value.problems]
    template, main = str(path.parent / "t.yaml"), str(path)
    assert where == [(template, 8, (f"{main}:3",)), (template, 8, (f"{main}:6",))]


def test_a_given_value_is_traced_to_where_it_was_given(write: Write) -> None:
    path = write(
        p_yaml="templates:\n  T:\n    parameters: {n: null}\n    pipeline:\n      id: P\n      config:\n        a: ${n}\n"
        "pipelines:\n- template: T\n  with:\n    n: [1]\n"
    )
    from bspump_like.errors import Problem

    found = load(path).located(Problem("wrong", ("pipelines", 0, "config", "a")))
    assert (found.line, found.used) == (7, (f"{path}:11",))


def test_an_override_changes_one_of_the_pipelines_made() -> None:
    template = {"parameters": {"n": None}, "pipeline": {"id": "P${n}", "config": {"x": 1}}}
    tree = {"templates": {"T": template}, "pipelines": [{"template": "T", "with": [{"n": 1}, {"n": 2}]}]}

    tree = load(tree, ["pipelines.P2.config.x=5"]).tree
    assert [one["config"]["x"] for one in tree["pipelines"]] == [1, 5]


def test_an_override_of_a_template_changes_all_of_them() -> None:
    template = {"parameters": {"n": 0}, "pipeline": {"id": "P", "config": {"x": 1}}}
    tree = {"templates": {"T": template}, "pipelines": [{"template": "T"}]}

    assert load(tree, ["templates.T.pipeline.config.x=5"]).tree["pipelines"] == [{"id": "P", "config": {"x": 5}}]


def test_defaults_that_go_in_a_circle_are_said() -> None:
    template = {"parameters": {"a": "${b}", "b": "x${a}"}, "pipeline": {"id": "${a}"}}

    with pytest.raises(ConfigError, match="in a circle: a -> b -> a"):
        made(template, {})


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ([], "a template must be an object"),
        ({}, "needs 'pipeline', or 'pipelines' with a list"),
        ({"pipeline": {}, "pipelines": []}, "with a list, not both"),
        ({"pipeline": []}, "'pipeline' must be an object"),
        ({"pipelines": {}}, "'pipelines' must be a list"),
        ({"pipelines": [1]}, "a pipeline must be an object"),
        ({"pipeline": {"template": "T"}}, "a template cannot use another"),
        ({"parameters": [], "pipeline": {}}, "'parameters' must be an object"),
        ({"parameters": {"a b": 1}, "pipeline": {}}, "'a b' is no name of a parameter"),
        ({"parameters": {"a": {"defualt": 1}}, "pipeline": {}}, "unknown key 'defualt' in the parameter 'a' (did you mean"),
    ],
)
def test_a_template_is_checked_even_if_nothing_uses_it(template: Any, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load({"templates": {"T": template}, "pipelines": []})

    assert len(caught.value.problems) == 1
    assert said in str(caught.value)

"""Several files that make one definition."""

from __future__ import annotations

from pathlib import Path

import pytest

from bspump_like.builder.limits import MAX_INCLUDES_DEEP
from bspump_like.builder.loader import load
from bspump_like.errors import ConfigError
from bspump_like.testing import fresh_application

from .conftest import Mistakes, Write
from .mistake import HEAD, SINK


def ids(path: Path) -> list[str]:
    return [one["id"] for one in load(path).tree["pipelines"]]


def test_lists_are_joined_with_the_included_ones_first(write: Write) -> None:
    path = write(
        main_yaml="include: [a.yaml, b.json]\npipelines: [{id: M}]\n", a_yaml="pipelines: [{id: A}]\n",
        b_json='{"pipelines": [{"id": "B"}], "lookups": [{"id": "L"}]}',
    )  # fmt: skip

    assert ids(path) == ["A", "B", "M"]
    assert load(path).tree["lookups"] == [{"id": "L"}]
    assert [Path(one).name for one in load(path).files] == ["main.yaml", "a.yaml", "b.json"]


def test_a_path_is_relative_to_the_file_it_stands_in(write: Write, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = write(
        main_yaml="include: parts/a.yaml\n", parts__a_yaml="include: [deep/b.yaml, ../c.yaml]\npipelines: [{id: A}]\n",
        parts__deep__b_yaml="pipelines: [{id: B}]\n", c_yaml="pipelines: [{id: C}]\n",
    )  # fmt: skip
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")

    assert ids(path) == ["B", "C", "A"]
    assert ids(Path("../main.yaml")) == ["B", "C", "A"]


def test_a_pattern_takes_all_files_in_order_and_not_the_one_it_stands_in(write: Write) -> None:
    a, b, z = (f"pipelines: [{{id: {name}}}]\n" for name in "ABZ")
    path = write(z_yaml=f"include: '*.yaml'\n{z}", b_yaml=b, a_yaml=a)

    assert ids(path) == ["A", "B", "Z"]


def test_a_file_that_is_included_twice_counts_once(write: Write) -> None:
    path = write(
        main_yaml="include: [a.yaml, b.yaml]\n", a_yaml="include: c.yaml\npipelines: [{id: A}]\n",
        b_yaml="include: c.yaml\npipelines: [{id: B}]\n", c_yaml="pipelines: [{id: C}]\n",
    )  # fmt: skip

    assert ids(path) == ["C", "A", "B"]


def test_the_variables_of_the_including_file_win(write: Write) -> None:
    path = write(
        main_yaml="include: a.yaml\nvariables: {topic: mine}\n",
        a_yaml="variables: {topic: theirs, group: g}\npipelines: [{id: 'A-${topic}-${group}'}]\n",
    )

    assert ids(path) == ["A-mine-g"]


def test_each_part_keeps_the_file_and_the_line_it_was_written_in(write: Write) -> None:
    path = write(
        main_yaml="include: a.yaml\npipelines:\n- id: M\n  config: {x: 1}\n",
        a_yaml="description: a\npipelines:\n- id: A\n  source:\n    class: X\n",
    )
    definition = load(path)

    assert definition.place(("pipelines", 0, "source", "class")) == (str(path.parent / "a.yaml"), 5)
    assert definition.place(("pipelines", 1, "config", "x")) == (str(path), 4)


def test_an_override_reaches_what_was_included(write: Write) -> None:
    path = write(main_yaml="include: a.yaml\n", a_yaml="pipelines: [{id: A, config: {x: 1}}]\nvariables: {v: 1}\n")

    definition = load(path, ["pipelines.A.config.x=${v}", "variables.v=7"])

    assert definition.tree["pipelines"][0]["config"]["x"] == 7
    assert definition.place(("pipelines", 0, "config", "x")) == ("--set pipelines.A.config.x", 0)


def test_a_directory_that_the_operator_allows_may_be_included_from(write: Write, tmp_path: Path) -> None:
    path = write(pumps__main_yaml="include: ../shared/a.yaml\n", shared__a_yaml="pipelines: [{id: A}]\n")
    with fresh_application(), pytest.raises(ConfigError, match="lies outside of"):
        load(path)

    with fresh_application({"pumpbuilder": {"include": f"/nowhere, {tmp_path / 'shared'}"}}):
        assert ids(path) == ["A"]


def test_files_that_include_one_another_endlessly_are_refused(write: Write) -> None:
    path = write(**{f"f{n}_yaml": f"include: f{n + 1}.yaml\n" for n in range(MAX_INCLUDES_DEEP + 5)})

    with pytest.raises(ConfigError, match=f"more than {MAX_INCLUDES_DEEP} steps"):
        load(path)


def test_what_a_dict_includes_is_relative_to_the_working_directory(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(write(a_yaml="pipelines: [{id: A}]\n").parent)

    assert load({"include": "a.yaml", "pipelines": [{"id": "M"}]}).tree["pipelines"] == [{"id": "A"}, {"id": "M"}]


def test_a_misspelled_setting_of_the_operator_is_warned_of(write: Write, caplog: pytest.LogCaptureFixture) -> None:
    with fresh_application({"pumpbuilder": {"includes": "/etc/pumps"}}):
        load(write(p_yaml="pipelines: []\n"))

    assert "[pumpbuilder] unknown option 'includes' (did you mean 'include'?)" in caplog.messages


def test_declarations_are_read_below_the_definition_or_where_the_operator_allows_it(
    mistakes: Mistakes, tmp_path: Path
) -> None:
    (tmp_path / "shared").mkdir()
    for folder in ("pump/lib", "shared"):
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
        (tmp_path / folder / "one.yaml").write_text("!ITEM EVENT a")

    def said(folder: Path, **config: str) -> list[str]:
        part = f"{{class: DeclarativeProcessor, config: {{declaration: '!INCLUDE one', library: {folder}}}}}"
        return mistakes(f"{HEAD}  processors: [{part}]\n{SINK}", config={"pumpbuilder": config} if config else None)

    assert said(tmp_path / "pump" / "lib") == []
    assert len(said(tmp_path / "shared")) == 1
    assert said(tmp_path / "shared", include=str(tmp_path / "shared")) == []

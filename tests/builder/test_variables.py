"""Variables of a definition, of the environment, and secrets in files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bspump_like.builder import expansion
from bspump_like.builder.loader import load
from bspump_like.errors import ConfigError
from bspump_like.testing import fresh_application

from .conftest import Mistakes, Write


def config(variables: dict[str, Any], value: Any) -> Any:
    return load({"variables": variables, "pipelines": [{"id": "P", "config": {"x": value}}]}).tree["pipelines"][0]["config"]["x"]


def test_a_variable_stands_for_its_value_whatever_that_is() -> None:
    variables = {"hosts": ["a", "b"], "port": 9200, "on": True, "none": None, "deep": {"k": [1]}}

    for name, value in variables.items():
        assert config(variables, f"${{{name}}}") == value


def test_inside_a_text_a_value_is_written_as_in_json() -> None:
    assert config({"n": 5, "on": True, "s": "x", "f": 1.5}, "${s}-${n}-${on}-${f}-$${n}") == "x-5-true-1.5-${n}"


def test_a_variable_may_hold_others_and_wins_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOST", "outside")
    monkeypatch.setenv("REGION", "eu")

    assert config({"HOST": "inside", "url": "http://${HOST}/${REGION}/${NOT_SET:none}"}, "${url}") == "http://inside/eu/none"
    assert config({"hosts": ["${HOST}", {"x": "${REGION}"}]}, "${hosts}") == ["outside", {"x": "eu"}]


@pytest.mark.parametrize(("text", "means"), [
    ("^a{2}$", "^a{2}$"), ("$", "$"), ("${", "${"), ("a$1 ${1} ${} ${#x} $x", "a$1 ${1} ${} ${#x} $x"), ("${v/a/b}", "${v/a/b}"),
    ("[${]{2}${n}", "[${]{2}5"), ("$${n", "${n"), ("$${a:${n}}-${n}", "${a:5}-5"), ("${n}-$${x/${n}", "5-${x/5"),
])  # fmt: skip
def test_a_dollar_that_begins_no_reference_is_text(text: str, means: str) -> None:
    assert config({"n": 5}, text) == means


def test_many_dollars_do_not_take_long() -> None:
    text = "$${a:" * 100_000

    assert config({}, text) == "${a:" * 100_000


def test_each_place_gets_a_value_of_its_own() -> None:
    tree = load({"variables": {"v": {"a": [1]}}, "pipelines": [{"config": {"x": "${v}"}}, {"config": {"x": "${v}"}}]}).tree
    first, second = (one["config"]["x"] for one in tree["pipelines"])

    assert first == second == {"a": [1]}
    assert first is not second
    assert first["a"] is not second["a"]


def test_variables_are_no_part_of_the_finished_definition() -> None:
    assert load({"variables": {"v": 1}, "pipelines": []}).tree == {"pipelines": []}


@pytest.mark.parametrize("how", ["${TOKEN}", "${token}", "${file:token}", "pre-${secret}-post"])
def test_what_came_from_outside_is_never_said(
    mistakes: Mistakes, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, how: str
) -> None:
    monkeypatch.setenv("TOKEN", "hunter22")
    text = f"""
variables: {{token: "${{TOKEN}}", secret: "${{file:token}}"}}
pipelines:
- id: P
  source: {{class: InternalSource, config: {{queue_max_size: "{how}"}}}}
  config: {{on_error: "{how}"}}
  sink: {{class: NullSink}}
"""
    said = mistakes(text, {"token": "hunter22\n"})

    assert len(said) == 2
    assert not [one for one in [*said, caplog.text] if "hunter22" in one]


def test_secrets_are_read_from_the_usual_place_and_from_where_the_operator_says(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(pumps__p_yaml="pipelines: [{config: {x: '${file:" + str(tmp_path / "run/token") + "}'}}]\n", run__token_txt="")
    (tmp_path / "run" / "token").write_text("hunter22\n")
    with fresh_application(), pytest.raises(ConfigError, match="may not read the file"):
        load(path)

    with fresh_application({"pumpbuilder": {"secrets": str(tmp_path / "run")}}):
        assert load(path).tree["pipelines"][0]["config"]["x"] == "hunter22"
    monkeypatch.setattr(expansion, "SECRETS", (tmp_path / "run",))
    assert load(path).secrets == {"hunter22"}


def test_a_link_out_of_an_allowed_directory_is_not_followed(write: Write, tmp_path: Path) -> None:
    path = write(pumps__p_yaml="pipelines: [{config: {x: '${file:token}'}}]\n", elsewhere__token_txt="hunter22")
    (tmp_path / "pumps" / "token").symlink_to(tmp_path / "elsewhere" / "token.txt")

    with pytest.raises(ConfigError, match="may not read the file token"):
        load(path)


def test_a_value_that_is_missing_is_said_once_and_not_what_follows_from_it(mistakes: Mistakes) -> None:
    said = mistakes("""
pipelines:
- id: P
  source: {class: FileLineSource, config: {path: "${NO_SUCH_PATH}"}}
  config: {max_in_flight: "${NO_SUCH_LIMIT}"}
  sink: {class: "${no_such_class}"}
  processors: [{class: FilterProcesor}]
""")  # fmt: skip

    assert [one.partition(": ")[0] for one in said] == ["pump.yaml:4", "pump.yaml:5", "pump.yaml:6", "pump.yaml:7"], said

from __future__ import annotations

import json

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from bspump_like.builder.document import read_document, yaml_loader
from bspump_like.cli import main
from bspump_like.cli.convert import yaml_text

YAML = """# All of it.
# yaml-language-server: $schema=x.json

pipelines:
  # The main one,
  # and the only one.
  - id: P
    # where from
    source: {class: FileLineSource, config: {path: "a # b"}}   # behind
    processors:
      # said already
      - {description: mine, class: A}
      - class: B
        config:
          # of an option
          a: "no"
    sink:
      # inside
      class: NullSink
"""
TREE = {
    "description": "All of it.",
    "pipelines": [{
        "description": "The main one,\nand the only one.", "id": "P",
        "source": {"description": "where from", "class": "FileLineSource", "config": {"path": "a # b"}},
        "processors": [{"description": "mine", "class": "A"}, {"class": "B", "config": {"a": "no"}}],
        "sink": {"class": "NullSink"},
    }],
}  # fmt: skip


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    tmp_path.joinpath("a.yaml").write_text(YAML)
    return tmp_path


def test_comments_above_parts_become_descriptions_and_others_are_said(here, capsys):
    assert main(["convert", "a.yaml", "a.json"]) == 0
    assert json.loads((here / "a.json").read_text()) == TREE
    assert list(json.loads((here / "a.json").read_text())) == ["description", "pipelines"]
    assert capsys.readouterr().err == "a.yaml: comments left out, of lines 9, 11, 15, 18\n"


def test_there_and_back_it_is_the_same(here):
    assert main(["convert", "a.yaml", "a.json"]) == 0
    assert main(["convert", "a.json", "b.yaml"]) == 0
    assert read_document("b.yaml").tree == TREE
    assert (here / "b.yaml").read_text().startswith("description: All of it.\npipelines:\n  - description: |-\n")


def test_to_standard_output_it_is_the_other_one(here, capsys):
    main(["convert", "a.yaml", "-"])
    assert json.loads(capsys.readouterr().out) == TREE
    main(["convert", "a.yaml", "a.json"])
    main(["convert", "a.json", "-"])
    assert capsys.readouterr().out.startswith("description: All of it.\n")


def test_nothing_is_expanded(here, capsys):
    here.joinpath("x.json").write_text('{"include": "other.json", "pipelines": [{"id": "${NAME}"}]}')
    main(["convert", "x.json", "-"])
    assert capsys.readouterr().out == "include: other.json\npipelines:\n  - {id: '${NAME}'}\n"


def test_mistakes_are_told(here, capsys):
    assert main(["convert", "a.yaml", "a.toml"]) == 2
    assert "'a.toml' is no name of a definition" in capsys.readouterr().err
    here.joinpath("a.json").write_text("{}")
    assert main(["convert", "a.yaml", "a.json"]) == 1
    assert capsys.readouterr().err == "pump: a.json is there already (--force writes over it)\n"
    assert main(["convert", "a.yaml", "a.json", "--force"]) == 0
    assert main(["convert", "none.yaml", "b.json"]) == 2
    here.joinpath("bad.yaml").write_text("a: [")
    assert main(["convert", "bad.yaml", "b.json"]) == 2
    assert "bad.yaml:" in capsys.readouterr().err


words = st.sampled_from(
    ["no", "12:30", "010", "1e5", "2024-01-01", "0x1f", "1_000", "~", "", "null", "a: b", "- x", "#x", "a\nb\n", " x"]
)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | words
    | st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Cn"]), max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words | st.text("abc", max_size=5), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@given(values)
def test_yaml_is_read_back_as_it_was_by_our_reader_and_by_others(value):
    written = yaml_text({"x": value})
    assert yaml.load(written, yaml_loader()) == {"x": value}
    assert yaml.safe_load(written) == {"x": value}

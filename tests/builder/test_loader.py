from __future__ import annotations

import json
from pathlib import Path

import pytest

from bspump_like.builder.loader import load
from bspump_like.errors import ConfigError, Problem


def write(tmp_path: Path, name: str, text: str) -> str:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return str(path)


def problems(path: str) -> list[tuple[int, str]]:
    with pytest.raises(ConfigError) as caught:
        load(path)
    assert all(problem.file == path for problem in caught.value.problems)
    return [(problem.line, problem.message) for problem in caught.value.problems]


JSON = """{
\t"pipelines": [
\t\t{"id": "A",
\t\t "sink": {"config": {"path": "a\\"b{", "n": [1,
\t\t\t2]}}},
\t\t{"id":
\t\t\t"B"}
\t]
}
"""
YAML = """pipelines:
  - id: A
    sink:
      config:
        path: x
        n: [1,
            2]
  -
    id: B
"""


@pytest.mark.parametrize(
    ("name", "text", "lines"),
    [
        ("p.json", JSON, {
            ("pipelines",): 2, ("pipelines", 0): 3, ("pipelines", 0, "sink", "config", "path"): 4,
            ("pipelines", 0, "sink", "config", "n", 1): 5, ("pipelines", 1): 6, ("pipelines", 1, "id"): 6,
        }),
        ("p.yaml", YAML, {
            ("pipelines",): 1, ("pipelines", 0): 2, ("pipelines", 0, "sink", "config", "path"): 5,
            ("pipelines", 0, "sink", "config", "n", 1): 7, ("pipelines", 1, "id"): 9,
        }),
    ],
)  # fmt: skip
def test_every_path_has_its_line(tmp_path: Path, name: str, text: str, lines: dict[tuple[str | int, ...], int]) -> None:
    definition = load(write(tmp_path, name, text))

    assert {path: definition.place(path)[1] for path in lines} == lines


def test_a_missing_path_has_the_line_of_what_should_hold_it(tmp_path: Path) -> None:
    definition = load(write(tmp_path, "p.yaml", YAML))

    assert definition.place(("pipelines", 1, "sink", "config"))[1] == definition.place(("pipelines", 1))[1]


def test_json_and_yaml_give_the_same_tree(tmp_path: Path) -> None:
    tree = {"pipelines": [{"id": "A", "config": {"n": 1, "f": 1.5, "t": True, "none": None, "s": "x"}}]}
    import yaml

    assert load(write(tmp_path, "a.json", json.dumps(tree))).tree == tree
    assert load(write(tmp_path, "a.yaml", yaml.safe_dump(tree))).tree == tree


def test_yaml_scalars_that_look_like_something_else_stay_text(tmp_path: Path) -> None:
    definition = load(write(tmp_path, "a.yaml", "a: no\nb: 12:30\nc: 2024-01-01\non: y\n"))

    assert definition.tree == {"a": "no", "b": "12:30", "c": "2024-01-01", "on": "y"}


def test_aliases_and_merges_are_written_out(tmp_path: Path) -> None:
    text = "x-common: &c {url: u}\npipelines:\n  - id: A\n    config: {<<: *c, n: 1}\n  - id: B\n    config: *c\n"
    tree = load(write(tmp_path, "a.yaml", text)).tree

    assert tree["pipelines"][0]["config"] == {"url": "u", "n": 1}
    assert tree["pipelines"][1]["config"] == {"url": "u"}
    assert tree["pipelines"][1]["config"] is not tree["x-common"]


@pytest.mark.parametrize(
    ("name", "text", "line", "said"),
    [
        ("p.json", '{\n "a": 1,\n}', 3, "not JSON"),
        ("p.json", '{\n "a": NaN}', 0, "NaN is no number"),
        ("p.json", '{"a": {"b": 1,\n "c": 2,\n "b": 3}}', 3, "the key 'b' stands twice here"),
        ("p.json", '{"a": {"b": 1},\n "a": {"b": 2}}', 2, "the key 'a' stands twice here"),
        ("p.json", "[]", 1, "expected an object with 'pipelines'"),
        ("p.yaml", "a: 1\nb: 2\na: 3\n", 3, "the key 'a' stands twice here"),
        ("p.yaml", "a:\n\t- 1\n", 2, "not YAML"),
        ("p.yaml", "a: [1\nb: 2\n", 2, "not YAML"),
        ("p.yaml", "a: 1\n---\nb: 1\n", 2, "not YAML"),
        ("p.yaml", "", 1, "the file is empty"),
        ("p.yaml", "a: !!python/object/apply:os.system [id]\n", 1, "not YAML"),
        ("p.yaml", "a: &x [*x]\n", 1, "nested deeper"),
        ("p.yaml", "a: {1: 2}\n", 1, "the key 1 is not text"),
    ],
)
def test_what_is_not_well_formed_is_said_with_its_line(
    tmp_path: Path, name: str, text: str, line: int, said: str
) -> None:
    ((found_line, message),) = problems(write(tmp_path, name, text))

    assert said in message
    assert found_line == line


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        ('{"a": [1, 2,\n ]}', "JSON has no ',' behind the last one"), ('{"a": 1 , }', "JSON has no ',' behind the last one"),
        ("{'a': 1}", "JSON has its texts in double quotes"), ('{"a": }', ""), ('{"a" 1}', ""), ('{"a": 1', ""), ("", ""),
    ],
)  # fmt: skip
def test_what_people_write_who_think_of_python_has_a_remedy(tmp_path: Path, text: str, remedy: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(write(tmp_path, "p.json", text))

    assert [problem.hint for problem in caught.value.problems] == [remedy]


def test_aliases_that_multiply_are_refused(tmp_path: Path) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]

    ((_, message),) = problems(write(tmp_path, "bomb.yaml", "\n".join(lines)))
    assert "more than" in message


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("p.json", "[" * 100_000),
        ("p.json", '{"a":' * 900 + "1" + "}" * 900),
        ("p.json", '{"a":' * 200 + "1" + "}" * 200),
        ("p.yaml", "[" * 5_000),
        ("p.yaml", "{a: " * 200 + "1" + "}" * 200),
    ],
)
def test_deep_nesting_is_refused_in_a_sentence(tmp_path: Path, name: str, text: str) -> None:
    assert problems(write(tmp_path, name, text))


def test_a_file_that_is_not_there_or_not_text_is_said(tmp_path: Path) -> None:
    assert "No such file" in problems(str(tmp_path / "none.json"))[0][1]
    (tmp_path / "latin.json").write_bytes(b'{\n"a": "\xe9"}')
    assert problems(str(tmp_path / "latin.json")) == [(2, "not UTF-8 text")]


def test_variables_and_files_are_expanded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOST", "example")
    monkeypatch.delenv("PORT", raising=False)
    write(tmp_path, "secret", "hunter22\n")
    text = 'a: "${HOST}:${PORT:9200}"\nconfig: "${file:secret}"\nc: "$${HOST} ${a.b} $5"\nd: ["${PORT:}"]\n'
    definition = load(write(tmp_path, "p.yaml", text))

    assert definition.tree == {"a": "example:9200", "config": "hunter22", "c": "${HOST} ${a.b} $5", "d": [""]}
    assert definition.secrets == {"example", "hunter22"}


def test_missing_variables_and_files_are_all_said_with_their_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NOT_THERE", raising=False)
    path = write(tmp_path, "p.yaml", "a: ${NOT_THERE}\nb:\n  config: ${file:not-there}\nconfig: ${file:/etc/passwd}\n")

    assert problems(path) == [
        (1, "the environment variable NOT_THERE is not set"),
        (3, "cannot read the file not-there: No such file or directory"),
        (4, "may not read the file /etc/passwd: secrets lie in /run/secrets or beside the definition"),
    ]


def test_a_problem_shows_the_reference_and_not_the_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PASSWORD", "hunter22")
    definition = load(write(tmp_path, "p.yaml", "a: ${PASSWORD}\n"))

    problem = definition.located(Problem("option 'a' has 'hunter22': expected a number; hunter22", ("a",)))

    assert "hunter22" not in str(problem)
    assert "'${PASSWORD}'" in str(problem)
    assert "hunter22" not in repr(problem)


def test_the_representation_of_a_definition_tells_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PASSWORD", "hunter22")

    assert "hunter22" not in repr(load({"a": "${PASSWORD}"}))

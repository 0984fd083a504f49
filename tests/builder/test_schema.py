"""The JSON Schema of definitions: lets pass what is right, and says where something is not."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from bspump_like.builder.catalogue import entries
from bspump_like.builder.document import yaml_loader
from bspump_like.builder.schema import definition_schema

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def validator() -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(definition_schema())


def _tree(text: str) -> Any:
    return yaml.load(text, Loader=yaml_loader())


def definitions() -> Iterator[Any]:
    for path in sorted(ROOT.glob("examples/**/*.*")):
        if path.suffix in (".json", ".yaml", ".yml"):
            tree = _tree(path.read_text())
            if isinstance(tree, dict) and "pipelines" in tree:
                yield pytest.param(tree, id=str(path.relative_to(ROOT)))
    for page in sorted(ROOT.glob("docs/**/*.md")):
        for number, text in enumerate(re.findall(r"^```(?:json|yaml)\n(.*?)^```$", page.read_text(), re.M | re.S)):
            tree = _tree(text) if '"pipelines"' in text or "pipelines:" in text else None
            if isinstance(tree, dict) and "pipelines" in tree:
                yield pytest.param(tree, id=f"{page.relative_to(ROOT)}-{number}")
    for one in entries():
        tree = _tree(one.example) if re.match(r"\w+:\n", one.example) else None
        if isinstance(tree, dict):
            yield pytest.param(tree, id=one.name)


def faults(validator: jsonschema.Draft202012Validator, tree: Any) -> list[str]:
    return [f"{'.'.join(map(str, error.absolute_path))}: {error.message}" for error in validator.iter_errors(tree)]


def test_it_is_a_schema() -> None:
    schema = definition_schema()

    jsonschema.Draft202012Validator.check_schema(schema)
    json.dumps(schema, allow_nan=False)
    referred = set(re.findall(r'"\$ref": "#/\$defs/([^"]+)"', json.dumps(schema)))
    assert referred <= schema["$defs"].keys()


@pytest.mark.parametrize("tree", list(definitions()))
def test_it_lets_pass_every_example(validator: jsonschema.Draft202012Validator, tree: Any) -> None:
    assert faults(validator, tree) == []


def test_every_component_is_in_it_with_its_options() -> None:
    schema = definition_schema()
    assert "common.TextParser" not in schema["$defs"]  # it is there to be extended
    for one in (each for each in entries() if not each.is_base):
        described = schema["$defs"][f"{one.folder}.{one.name}"]
        assert described["description"] == one.summary
        for option in one.options()[0]:
            assert described["properties"]["config"]["properties"][option.name]["description"].startswith(option.help)


def pump(**keys: Any) -> dict[str, Any]:
    whole = {"id": "P", "source": {"class": "FileLineSource", "config": {"path": "x"}}, "sink": {"class": "NullSink"}}
    return {"pipelines": [whole | keys]}


@pytest.mark.parametrize(
    ("tree", "place"),
    [
        ({"pipelnes": []}, ""),
        ({"pipelines": {}}, "pipelines"),
        ({"pipelines": ["x"]}, "pipelines.0"),
        ({"variables": {"no-name": 1}}, "variables"),
        (pump(filter={}), "pipelines.0"),
        ({"pipelines": [{"source": {"class": "InternalSource"}, "sink": {"class": "NullSink"}}]}, "pipelines.0"),
        (pump(sources=[{"class": "InternalSource"}]), "pipelines.0"),
        (pump(config={"on_error": "dead_leter"}), "pipelines.0.config.on_error"),
        (pump(config={"on_error": {"retry": {"attempts": 0}}}), "pipelines.0.config.on_error"),
        (pump(sink={"class": "NulSink"}), "pipelines.0.sink.class"),
        (pump(sink={"class": "FileLineSource"}), "pipelines.0.sink.class"),
        (pump(sink={"module": "bspump.common"}), "pipelines.0.sink"),
        (pump(sink={"class": "NullSink", "config": {"pth": 1}}), "pipelines.0.sink.config"),
        (pump(sink={"class": "NullSink", "args": {"pth": 1}}), "pipelines.0.sink.args"),
        (pump(source={"class": "IteratorSource"}), "pipelines.0.source"),
        (pump(source=[{"class": "FileLineSource", "config": {"poll_interval": "soon"}}]),
         "pipelines.0.source.0.config.poll_interval"),
        (pump(config={"max_in_flight": 0}), "pipelines.0.config.max_in_flight"),
        (pump(config={"max_in_flght": 1}), "pipelines.0.config"),
        (pump(processors=[{"class": "JSONParserProcessor", "config": {"concurrency": "many"}}]),
         "pipelines.0.processors.0.config.concurrency"),
        (pump(processors=[{"when": "a > 1"}]), "pipelines.0.processors.0"),
        (pump(processors=[{"when": "a > 1", "to": "Q", "sink": {"class": "NullSink"}}]), "pipelines.0.processors.0"),
        (pump(processors=[{"case": []}]), "pipelines.0.processors.0.case"),
        (pump(processors=[{"fork": {"sink": {"class": "NulSink"}}}]), "pipelines.0.processors.0.fork"),
        ({"pipelines": [{"template": "T", "wth": {}}]}, "pipelines.0"),
        ({"templates": {"T": {"parameters": {}}}}, "templates.T"),
    ],
)  # fmt: skip
def test_it_finds_what_is_wrong(validator: jsonschema.Draft202012Validator, tree: Any, place: str) -> None:
    found = faults(validator, tree)

    assert found
    assert {one.partition(":")[0] for one in found} == {place}, found


@pytest.mark.parametrize(
    "tree",
    [
        pump(sink={"class": "Mine", "module": "my_parts", "config": {"anything": 1}}),
        pump(sink={"class": "NullSink", "config": None, "args": None}),
        pump(config={"max_in_flight": "${LIMIT:100}", "commit_interval": "500ms"}, sink={"class": "NullSink"}),
        pump(
            processors=[{"class": "JSONParserProcessor", "config": {"concurrency": "7"}}, {"class": "NullSink"}],
            sink=None,
        ),
        pump(processors=[{"when": "a > 1", "branch": {"sink": {"class": "NullSink"}}}]),
        pump(config={"on_error": {"retry": {"attempts": 5}, "then": {"route": {"sink": {"class": "NullSink"}}}}}),
        pump(sink={"class": "NullSink", "config": {"on_error": "route: Elsewhere"}}),
        {
            "include": "x.yaml",
            "variables": {"a": [1]},
            "x-anchors": 1,
            "pipelines": [{"template": "T", "with": [{"a": 1}]}],
        },
    ],
)
def test_it_lets_pass_what_is_right(validator: jsonschema.Draft202012Validator, tree: Any) -> None:
    assert faults(validator, tree) == []

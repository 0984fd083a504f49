"""Declarations in pumps: the processor, the generator, the builder, what is included."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from bspump_like import ConfigError
from bspump_like.builder import PumpBuilder
from bspump_like.declarative import Declaration, DeclarationError, DeclarativeProcessor, ExpressionBuilder
from bspump_like.testing import fresh_application, run_pump


def run(*processors: dict[str, Any], events: list[Any], **more: Any) -> list[Any]:
    definition = {
        "pipelines": [{
            "id": "P",
            "source": {"module": "bspump_like.testing", "class": "ListSource", "args": {"events": events}},
            "processors": list(processors),
            "sink": {"module": "bspump_like.testing", "class": "CollectSink"},
        }],
        **more,
    }  # fmt: skip
    app = run_pump(lambda app: PumpBuilder(definition).construct_pump(app, app.pump_service))
    return app.pump_service.Pipelines["P"].locate_processor("CollectSink").events


def test_a_declaration_of_a_definition_runs():
    declaration = "!DICT\nwith: !EVENT\nset:\n  gain: !SUB [!ITEM EVENT dep, !ITEM EVENT arr]\n"
    part = {"module": "bspump.declarative", "class": "DeclarativeProcessor", "config": {"declaration": declaration}}
    assert run(part, events=[{"dep": 7, "arr": 2}]) == [{"dep": 7, "arr": 2, "gain": 5}]


def test_none_drops_the_event():
    part = {"class": "DeclarativeProcessor", "args": {"declaration": "!IF {test: !GT [!EVENT , 1], then: !EVENT , else: null}"}}
    assert run(part, events=[1, 2, 3]) == [2, 3]


def test_the_generator_sends_on_each_item_in_order():
    part = {"class": "DeclarativeGenerator", "config": {"declaration": "!FOR {each: !EVENT , do: !ADD [!ARG , 1]}"}}
    assert run(part, events=[[1, 2], [], [5]]) == [2, 3, 6]


def test_lookups_of_the_pump_are_asked(tmp_path):
    (tmp_path / "people.json").write_text('{"7": {"name": "Ann"}}')
    lookups = [{"id": "People", "class": "FileLookup", "config": {"path": str(tmp_path / "people.json")}}]
    part = {"class": "DeclarativeProcessor", "config": {
        "declaration": "!ITEM {with: !LOOKUP.GET {in: People, what: !EVENT }, item: name, default: nobody}"}}  # fmt: skip
    assert run(part, events=["7", "8"], lookups=lookups) == ["Ann", "nobody"]


@pytest.mark.parametrize("where", ["config", "args"])
def test_a_mistake_is_reported_as_one_of_the_definition(where):
    part = {"class": "DeclarativeProcessor", where: {"declaration": "!DICT\nset:\n  a: !AD [1]\n"}}
    with pytest.raises(ConfigError, match="declaration:3, column 6: there is no expression '!AD'"):
        run(part, events=[])


def test_a_declaration_must_be_given():
    with pytest.raises(ConfigError, match="option 'declaration' must be set"):
        run({"class": "DeclarativeProcessor"}, events=[])


def test_declarations_of_a_library_are_included(tmp_path):
    library = {"gain": "!SUB [!ITEM EVENT a, !INCLUDE two]", "two": "2", "self": "!NOT [!INCLUDE self]", "no": "a: ["}
    builder = ExpressionBuilder(None, library)
    made = asyncio.run(builder.parse("[!INCLUDE gain, 1]"))
    assert made({}, {"a": 5}) == [3, 1]
    for text, told in (("!INCLUDE self", "includes itself"), ("!INCLUDE x", "no declaration 'x'"), ("!INCLUDE no", "no:1")):
        with pytest.raises(DeclarationError, match=told):
            asyncio.run(builder.parse(text))


def test_a_folder_is_a_library_and_nothing_outside_it(tmp_path):
    (tmp_path / "library").mkdir()
    (tmp_path / "library" / "one.yaml").write_text("!ITEM EVENT a")
    (tmp_path / "secret.yaml").write_text("secret")
    (tmp_path / "library" / "link.yaml").symlink_to(tmp_path / "secret.yaml")
    builder = ExpressionBuilder(None, include_paths=[str(tmp_path / "library")])
    assert asyncio.run(builder.parse("!INCLUDE one"))({}, {"a": 5}) == 5
    for name in ("../secret", "link", str(tmp_path / "secret"), "", "..", "/etc/passwd"):
        with pytest.raises(DeclarationError, match="no declaration"):
            asyncio.run(builder.parse(f"!INCLUDE {name}"))


def test_configuration_values_stand_in_the_declaration():
    builder = ExpressionBuilder(None)
    builder.add_config_value("limit", 5)
    builder.update_config({"name": "x"})
    assert asyncio.run(builder.parse("[!CONFIG limit, !CONFIG name]"))({}, {}) == [5, "x"]


def test_the_builder_tells_one_expression_from_several():
    builder = ExpressionBuilder(None)
    made = asyncio.run(builder.parse("predicate: !EQ [!ARG , yes]\nparse: !KWARG name\n"))
    assert isinstance(made["predicate"], Declaration)
    assert made["predicate"]({}, {}, True) is True
    assert made["parse"]({}, {}, name="n") == "n"
    assert [one({}, 1) for one in asyncio.run(builder.parse("---\n!EVENT\n---\n2\n"))] == [1, 2]
    assert len(asyncio.run(builder.parse_ext("!EVENT"))) == 1


def test_a_subclass_may_have_its_own_process():
    class Twice(DeclarativeProcessor):
        def process(self, context, event):
            return super().process(context, event) * 2

    with fresh_application() as app:
        from bspump_like import Pipeline

        part = Twice(app, Pipeline(app, "P"), "!ADD [!EVENT , 1]")
        assert part.process({}, 1) == 4
        assert asyncio.run(part.initialize()) is None

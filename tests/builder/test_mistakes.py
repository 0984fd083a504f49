"""Mistakes of a person who writes a definition: each is said with file, line and a remedy, all of them at once."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bspump_like.builder import PumpBuilder
from bspump_like.errors import ConfigError
from bspump_like.testing import fresh_application


def found(tmp_path: Path, text: str, **arguments: object) -> list[str]:
    """Return the problems of a definition, as they are printed, without the directory."""
    path = tmp_path / "pump.yaml"
    path.write_text(text)
    with fresh_application() as app:
        try:
            PumpBuilder(str(path), **arguments).construct_pump(app, app.pump_service)  # type: ignore[arg-type]
        except ConfigError as error:
            return [str(problem).removeprefix(f"{tmp_path}/") for problem in error.problems]
    return []


HEAD = """pipelines:
- id: P
  source: {module: bspump_like.testing, class: ListSource, args: {events: [1]}}
"""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("pipelnes: []\n", "pump.yaml:1: unknown key 'pipelnes' in the definition (did you mean 'pipelines'?)"),
        ("pipelines: {}\n", "pump.yaml:1: 'pipelines' must be a list, here is an object"),
        ("pipelines:\n- text\n", "pump.yaml:2: a pipeline must be an object, here is the text 'text'"),
        (HEAD, "pump.yaml:2: a pipeline needs a sink"),
        ("pipelines:\n- id: P\n  sink: {class: NullSink}\n", "pump.yaml:2: a pipeline needs a source"),
        (HEAD.replace("id: P", "description: P") + "  sink: {class: NullSink}\n", "pump.yaml:2: a pipeline needs 'id'"),
        (HEAD + "  sink: {class: NullSink}\n  filter: {class: NullSink}\n",
         "pump.yaml:5: unknown key 'filter' in a pipeline (an option belongs into"),
        (HEAD + "  sink: {module: bspump.common}\n", "pump.yaml:4: a sink needs 'class'"),
        (HEAD + "  sink: {clas: NullSink, class: NullSink}\n", "unknown key 'clas' in a sink (did you mean 'class'?)"),
        (HEAD + "  sink:\n    class: NulSink\n", "pump.yaml:5: unknown class 'NulSink' (did you mean 'NullSink'?)"),
        (HEAD + "  sink:\n    class: NullSink\n    config:\n      pth: x\n",
         "pump.yaml:7: pipeline P, NullSink: unknown option 'pth'"),
        (HEAD + "  sink:\n    class: NullSink\n    args:\n      pth: x\n",
         "pump.yaml:7: NullSink takes no argument 'pth' (it takes no args; options belong into 'config')"),
        (HEAD + "  sink:\n    class: JSONParserProcessor\n",
         "pump.yaml:5: JSONParserProcessor is a processor, and a sink is expected here"),
        (HEAD + "  processors:\n  - {class: NullSink}\n  sink: {class: NullSink}\n",
         "pump.yaml:5: nothing may follow a sink, and NullSink is one"),
        (HEAD + "  processors:\n  - {class: JSONParserProcessor}\n", "pump.yaml:2: the pipeline has no sink at its end"),
        (HEAD + "  sink: {class: NullSink}\n  processors:\n  - class: JSONParserProcessor\n    config: {concurrency: many}\n",
         "option 'concurrency' has 'many': expected a whole number"),
        (HEAD + "  processors:\n  - module: mine\n    class: X\n  sink: {class: NullSink}\n",
         "pump.yaml:5: the module 'mine' is not allowed: a definition loads only known components (allow it with --allow mine"),
        (HEAD + "  sink:\n    class: NullSink\n    config:\n      on_error: dead_leter\n",
         "pump.yaml:7: on_error has 'dead_leter' (did you mean 'dead_letter'?)"),
        (HEAD + "  config: {on_error: {route: Elsewhere}}\n  sink: {class: NullSink}\n",
         "pump.yaml:4: there is no source to send to at 'Elsewhere'"),
        (HEAD + "  config:\n    max_in_flight: 0\n  sink: {class: NullSink}\n",
         "pump.yaml:5: pipeline P: option 'max_in_flight' has 0: expected a number >= 1"),
        ("pipelines:\n- id: P\n  source:\n    module: bspump_like.testing\n    class: ListSource\n  sink: {class: NullSink}\n",
         "pump.yaml:3: ListSource needs the argument 'events' (\"args\": {\"events\": ...})"),
        (HEAD.replace("class: ListSource,", "class: ListSource, trigger: {class: PeriodicTrigger, args: {interval: 1}},")
         + "  sink: {class: NullSink}\n", "pump.yaml:3: ListSource runs by itself, a trigger cannot start it"),
        (HEAD + "  sink: {class: NullSink}\n" + HEAD.removeprefix("pipelines:\n") + "  sink: {class: NullSink}\n",
         "pump.yaml:5: a pipeline with the id 'P' is there already"),
        ("lookups:\n- {id: L, class: FileLookup, lazy: 5}\n", "pump.yaml:2: 'lazy' must be true or false, here is the number 5"),
    ],
)  # fmt: skip
def test_a_mistake_is_said_with_file_line_and_remedy(tmp_path: Path, text: str, expected: str) -> None:
    said = found(tmp_path, text)

    assert len(said) == 1, said
    assert expected in said[0]


def test_all_mistakes_are_said_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    said = found(tmp_path, """pipelines:
- id: P
  source:
    class: IteratorSorce
  processors:
  - class: JSONParserProcessor
    config:
      concurrency: 0
      foo: 1
  - class: FilterProcesor
  sink:
    class: NullSink
    config: {bar: 2}
- id: Q
  source: {module: nowhere, class: X}
  sink: {class: NullSink}
""")  # fmt: skip

    assert [one.split(": ")[0] for one in said] == [f"pump.yaml:{line}" for line in (4, 8, 9, 10, 13, 15)], said


REFERENCE = """connections:
- {id: Database, module: their_parts, class: TheirConnection}
pipelines:
- id: P
  source: {module: bspump_like.testing, class: ListSource, args: {events: [1]}}
  processors:
  - module: their_parts
    class: Asks
    args:
      connection: Database
  sink: {class: NullSink}
"""


@pytest.fixture
def their_parts(tmp_path: Path) -> Iterator[None]:
    (tmp_path / "their_parts.py").write_text("""
from bspump_like import Connection, Processor
class TheirConnection(Connection):
    ConfigDefaults = {"host": "x"}
class Asks(Processor):
    def __init__(self, app, pipeline, connection, id=None, config=None):
        super().__init__(app, pipeline, id, config)
        self.Connection = app.pump_service.locate_connection(connection)

    def process(self, context, event):
        return event
""")
    path = list(sys.path)
    yield
    sys.path[:] = path
    sys.modules.pop("their_parts", None)


@pytest.mark.usefixtures("their_parts")
def test_a_reference_to_a_connection_that_is_not_there_names_the_nearest(tmp_path: Path) -> None:
    assert found(tmp_path, REFERENCE, allow=["their_parts"]) == []
    assert found(tmp_path, REFERENCE.replace("connection: Database", "connection: Databse"), allow=["their_parts"]) == [
        "pump.yaml:10: there is no connection 'Databse' (did you mean 'Database'?)"
    ]


@pytest.mark.usefixtures("their_parts")
def test_what_refers_to_a_broken_connection_is_not_said_too(tmp_path: Path) -> None:
    (said,) = found(tmp_path, REFERENCE.replace("TheirConnection", "TheirConection"), allow=["their_parts"])

    assert (
        said == "pump.yaml:2: the module 'their_parts' has no class 'TheirConection' (did you mean 'TheirConnection'?)"
    )


def test_what_a_constructor_raises_is_said_with_its_place(tmp_path: Path) -> None:
    (said,) = found(tmp_path, HEAD.replace("[1]", "7") + "  sink: {class: NullSink}\n")

    assert said.startswith("pump.yaml:3: cannot be constructed: TypeError: 'int' object is not iterable at parts.py:")


def test_an_option_from_the_configuration_file_names_its_section(tmp_path: Path) -> None:
    path = tmp_path / "pump.yaml"
    path.write_text(HEAD + "  processors:\n  - class: JSONParserProcessor\n  sink: {class: NullSink}\n")
    section = {"pipeline:P:JSONParserProcessor": {"concurrency": "many"}}
    with fresh_application(section) as app, pytest.raises(ConfigError) as caught:
        PumpBuilder(str(path)).construct_pump(app, app.pump_service)

    assert "[pipeline:P:JSONParserProcessor] of the configuration file" in str(caught.value)


def test_in_a_dict_a_problem_says_the_path() -> None:
    tree = {"pipelines": [{"id": "P", "sourc": {}, "sink": {"class": "NullSink"}}]}
    with fresh_application() as app, pytest.raises(ConfigError) as caught:
        PumpBuilder(tree).construct_pump(app, app.pump_service)

    assert "<definition>: pipelines.0.sourc: unknown key 'sourc' in a pipeline" in str(caught.value)


def test_workers_must_not_share_a_source_that_cannot(tmp_path: Path) -> None:
    (said,) = found(tmp_path, HEAD + "  sink: {class: NullSink}\n", worker=(0, 2))

    assert said.startswith("pump.yaml:2: ListSource cannot share its input, so each of 2 workers would read all of it")

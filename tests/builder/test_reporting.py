"""How mistakes are said: all at once, each at its place, and none that only follows from another."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bspump_like.builder import PumpBuilder
from bspump_like.errors import ConfigError
from bspump_like.testing import fresh_application

from .conftest import Mistakes
from .mistake import HEAD, SINK


def test_all_mistakes_are_said_at_once_in_the_order_of_the_file(mistakes: Mistakes) -> None:
    said = mistakes("""pipelines:
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
    (tmp_path / "pump").mkdir()
    (tmp_path / "pump" / "their_parts.py").write_text("""
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
def test_a_reference_to_a_connection_that_is_not_there_names_the_nearest(mistakes: Mistakes) -> None:
    assert mistakes(REFERENCE, allow=["their_parts"]) == []
    assert mistakes(REFERENCE.replace("connection: Database", "connection: Databse"), allow=["their_parts"]) == [
        "pump.yaml:10: there is no connection 'Databse' (did you mean 'Database'?)"
    ]


@pytest.mark.usefixtures("their_parts")
def test_what_refers_to_a_broken_connection_is_not_said_too(mistakes: Mistakes) -> None:
    (said,) = mistakes(REFERENCE.replace("TheirConnection", "TheirConection"), allow=["their_parts"])

    assert (
        said == "pump.yaml:2: the module 'their_parts' has no class 'TheirConection' (did you mean 'TheirConnection'?)"
    )


def test_what_a_constructor_raises_is_said_with_its_place(mistakes: Mistakes) -> None:
    (said,) = mistakes(HEAD.replace("[1]", "7") + SINK)

    assert said.startswith("pump.yaml:3: cannot be constructed: TypeError: 'int' object is not iterable at parts.py:")


def test_an_option_from_the_configuration_file_names_its_section(tmp_path: Path) -> None:
    path = tmp_path / "pump.yaml"
    path.write_text(HEAD + "  processors:\n  - class: JSONParserProcessor\n" + SINK)
    section = {"pipeline:P:JSONParserProcessor": {"concurrency": "many"}}
    with fresh_application(section) as app, pytest.raises(ConfigError) as caught:
        PumpBuilder(str(path)).construct_pump(app, app.pump_service)

    assert "[pipeline:P:JSONParserProcessor] of the configuration file" in str(caught.value)


def test_in_a_dict_a_problem_says_the_path() -> None:
    tree = {"pipelines": [{"id": "P", "sourc": {}, "sink": {"class": "NullSink"}}]}
    with fresh_application() as app, pytest.raises(ConfigError) as caught:
        PumpBuilder(tree).construct_pump(app, app.pump_service)

    assert "<definition>: pipelines.0.sourc: unknown key 'sourc' in a pipeline" in str(caught.value)


def test_workers_must_not_share_a_source_that_cannot(mistakes: Mistakes) -> None:
    (said,) = mistakes(HEAD + SINK, worker=(0, 2))

    assert said.startswith("pump.yaml:2: ListSource cannot share its input, so each of 2 workers would read all of it")


def test_mistakes_of_reading_and_of_building_come_together(mistakes: Mistakes) -> None:
    said = mistakes("""include: none.yaml
variables: {a: "${a}"}
templates: {T: {pipelin: {}}}
pipelines:
- id: P
  source: {class: InternalSource, config: {queue_max_size: many}}
  processors:
  - when: n > 1
    too: Q
  - class: FilterProcesor
  sink: {class: NullSink, confg: {}}
- template: U
lookups:
- {id: L, class: FileLookup, config: {pth: x}}
""")  # fmt: skip

    assert [one.split(": ")[0] for one in said] == [f"pump.yaml:{line}" for line in (1, 2, 3, 6, 9, 10, 11, 12, 14)], said


def test_what_may_stand_in_a_file_that_cannot_be_read_is_not_said_to_be_missing(mistakes: Mistakes) -> None:
    steps = "  processors:\n  - class: LookupEnricher\n    args: {lookup: L}\n"
    text = HEAD + steps + "  sink: {class: InternalSink, config: {target: Q}}\n"

    assert len(mistakes(text)) == 2
    (said,) = mistakes("include: broken.yaml\n" + text, {"broken.yaml": "a: [\n"})
    assert said.startswith("broken.yaml:2: not YAML")

"""DeclarativeTimeWindowAnalyzer: rows, columns, cells and alarms by a declaration."""

from __future__ import annotations

import pytest

from bspump_like import ConfigError
from bspump_like.builder import PumpBuilder
from bspump_like.testing import run_pump

DECLARATION = """
define:
  columns: {count: 3, resolution: 60, item: time}
  dimension: [user]
  matrixes: {primary: {cell: i8}}
predicate: !NE [!ITEM EVENT user, eve]
evaluate:
  evaluate: {primary: !ADD [!ARG , !ITEM EVENT n]}
trigger:
  - primary: {test: !GE [!ARG , 5]}
"""


def run(events, declaration=DECLARATION):
    collect = {"module": "bspump_like.testing", "class": "CollectSink"}
    definition = {"pipelines": [
        {"id": "Alarms", "source": {"class": "InternalSource"}, "sink": collect},
        {"id": "P", "source": {"module": "bspump_like.testing", "class": "ListSource", "args": {"events": events}},
         "processors": [{"class": "DeclarativeTimeWindowAnalyzer", "id": "Figures",
                         "config": {"declaration": declaration, "alarms": "Alarms.*InternalSource"}}],
         "sink": collect},
    ]}  # fmt: skip
    app = run_pump(lambda app: PumpBuilder(definition).construct_pump(app, app.pump_service))
    service = app.pump_service
    return service.locate_matrix("FiguresMatrix"), service.Pipelines["Alarms"].locate_processor("CollectSink").events


def test_figures_are_kept_by_row_and_column_and_alarms_are_sent():
    events = [
        {"user": "ann", "time": 10, "n": 2}, {"user": "bob", "time": 20, "n": 1}, {"user": "ann", "time": 70, "n": 4},
        {"user": "eve", "time": 70, "n": 99}, {"user": "ann", "time": 75, "n": 1}, {"user": "bob", "time": -500, "n": 7},
    ]  # fmt: skip
    matrix, alarms = run(events)
    cells = {name: matrix.Array[matrix.get_row_index(name)].tolist() for name in ("ann", "bob")}
    assert cells == {"ann": [0, 2, 5], "bob": [0, 1, 0]}
    assert matrix.get_row_index("eve") is None
    assert alarms == [{"matrix": "primary", "row": "ann", "column": 2, "cell": 5, "event": events[4]}]


def test_a_cell_may_have_several_figures_and_the_predicate_may_choose():
    declaration = """
define:
  columns: {resolution: 60, item: time}
  dimension: [user, host]
  matrixes: {primary: {cell: {count: i8, sum: f8}}}
predicate: !IF {test: !ITEM EVENT n, then: [add, evaluate], else: [evaluate]}
evaluate:
  evaluate: {primary: !DICT {with: !ARG , add: {count: 1}}}
  add: {primary: !DICT {with: !ARG , add: {sum: !ITEM EVENT n}}}
"""
    matrix, alarms = run([{"user": "a", "host": "h", "time": 5, "n": n} for n in (2, 0, 3)], declaration)
    assert matrix.Array[matrix.get_row_index(("a", "h"))][-1].tolist() == (3, 5.0)
    assert alarms == []


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("predicate:", "predicat:", "the declaration has no 'predicate'"),
        ("dimension: [user]", "dimensions: [user]", "'define' has no 'dimension'"),
        ("dimension: [user]", "dimension: [[1]]", "'dimension' is a list of names of fields"),
        ("count: 3", "counts: 3", "declaration:3, .*'columns' has no 'counts'"),
        ("count: 3", "count: many", "'count' has 'many'"),
        ("!ADD", "!AD", "declaration:8, .*there is no expression '!AD'"),
        ("test:", "tests:", "'primary' has no 'tests'"),
        ("cell: i8", "cell: text", "'text' is no type of a cell"),
    ],
)
def test_mistakes_are_told(old, new, told):
    with pytest.raises(ConfigError, match=told):
        run([], DECLARATION.replace(old, new))

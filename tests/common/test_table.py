from __future__ import annotations

import io

import pytest

from bspump_like import ConfigError, Pipeline, ProcessingError
from bspump_like.common import GroupByAggregator, TableSink
from bspump_like.testing import ListSource, run_pump

ROWS = [{"c": "AA", "n": 10, "m": 1.25}, {"c": "UA", "n": 5, "m": None}, {"c": "DL", "n": 100, "m": -2.0}]


def rendered(make, config, rows=ROWS, **kinds):
    sink = make(TableSink, config)
    for row in rows:
        sink.process({}, row)
    return sink.render(**kinds)


def test_columns_are_aligned_and_numbers_stand_to_the_right(make):
    config = {"title": "Carriers", "sort_by": "-m", "formats": {"m": ".1f"}, "headings": {"n": "flights"}}
    assert rendered(make, config) == (
        "Carriers\nc   flights     m\n--  -------  ----\nAA       10   1.2\nDL      100  -2.0\nUA        5     -\n"
    )


def test_limit_and_columns_choose_and_the_rest_is_said(make):
    assert rendered(make, {"columns": ["c"], "sort_by": "n", "limit": 2}) == "c\n--\nUA\nAA\n2 of 3 rows\n"
    assert "3 rows; 1 came after 'max_rows'" in rendered(make, {"max_rows": 2})


def test_a_terminal_gets_frames_and_markup_in_the_data_is_only_text(make):
    drawn = rendered(make, {"title": "[bold]T"}, [{"c": "[red]x"}], terminal=True)
    assert "[red]x" in drawn
    assert "[bold]T" in drawn
    assert "┃" in drawn


def test_nothing_is_said_to_be_nothing(make):
    assert rendered(make, {"title": "T"}, []) == "T\n(no rows)\n"


def test_an_event_that_is_no_dict_fails(make):
    with pytest.raises(ProcessingError, match="expected a dict as a row, got int"):
        make(TableSink).process({}, 5)


def test_a_wrong_format_is_told(make):
    with pytest.raises(ConfigError, match="column 'm' has '.1x'"):
        make(TableSink, {"formats": {"m": ".1x"}})


def test_rows_come_back_from_the_store(make):
    sink, again = make(TableSink), make(TableSink)
    sink.process({}, ROWS[0])
    again.restore(sink.mark())
    assert again.Rows == ROWS[:1]


def test_the_table_is_printed_once_at_the_end_of_the_input():
    stream = io.StringIO()

    def build(app):
        pipeline = Pipeline(app, "P")
        pipeline.build(
            ListSource(app, pipeline, [{"k": number % 2} for number in range(25)]),
            GroupByAggregator(app, pipeline, config={"by": ["k"], "figures": {"n": "count"}}),
            TableSink(app, pipeline, stream=stream),
        )
        app.pump_service.add_pipeline(pipeline)

    run_pump(build)
    assert stream.getvalue() == "k   n\n-  --\n0  13\n1  12\n"

from __future__ import annotations

import asyncio
import io

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from bspump_like import ConfigError, Pipeline, ProcessingError, PumpBuilder
from bspump_like.matrix import (
    Extract,
    GeoMatrix,
    Matrix,
    MatrixExporter,
    MatrixRowsGenerator,
    MatrixSource,
    MatrixUpdater,
    NamedMatrix,
    SessionMatrix,
    TimeWindowMatrix,
    heat_map,
)
from bspump_like.matrix.extract import extract_beside
from bspump_like.testing import CollectSink, ListSource, run_pump
from bspump_like.trigger import RunOnceTrigger


@pytest.fixture
def named(app):
    matrix = NamedMatrix(app, dtype=[("n", "i8"), ("sum", "f8")])
    matrix.update_rows(["b", "a", "b"], {"n": 1, "sum": [1.5, 2, 3]})
    matrix.add_row("c")
    return matrix


@pytest.fixture
def window(app):
    matrix = TimeWindowMatrix(app, dtype="i8", start_time=25, resolution=10, columns=3)
    matrix.update_events(["a", "b", "a"], [12, 22, 23], [1, 2, 4])
    return matrix


def test_rows_of_a_named_matrix_have_name_and_fields(named):
    assert list(Extract(named).rows()) == [
        {"name": "b", "n": 2, "sum": 4.5}, {"name": "a", "n": 1, "sum": 2.0}, {"name": "c", "n": 0, "sum": 0.0},
    ]  # fmt: skip


def test_rows_of_a_matrix_without_names_have_their_index(app):
    matrix = Matrix(app)
    rows = matrix.add_rows(4)
    matrix.Array[rows] = [5, 6, 7, 8]
    matrix.ClosedRows.add(1)
    assert list(Extract(matrix).rows()) == [{"row": 0, "value": 5}, {"row": 2, "value": 7}, {"row": 3, "value": 8}]


def test_rows_of_a_window_are_the_cells_that_are_not_empty(window):
    assert list(Extract(window).rows()) == [
        {"name": "a", "time": 10, "value": 1}, {"name": "a", "time": 20, "value": 4}, {"name": "b", "time": 20, "value": 2},
    ]  # fmt: skip
    assert [row["value"] for row in Extract(window, columns=2).rows()] == [1]


def test_rows_of_a_map_have_their_place(app):
    matrix = GeoMatrix(app, dtype="i4", resolution=500)
    matrix.update_places([50, 50], [14, 14], 1)
    (row,) = Extract(matrix).rows()
    assert row["value"] == 2
    assert (row["row"], row["column"]) == matrix.project_equirectangular(row["lat"], row["lon"])


def test_parts_of_a_name_become_fields(app):
    matrix = NamedMatrix(app, dtype="i8")
    matrix.update_rows([("JFK", "UA"), ("LGA", "AA")], [3, 4])
    assert list(Extract(matrix, name=["origin", "carrier"]).rows()) == [
        {"origin": "JFK", "carrier": "UA", "value": 3}, {"origin": "LGA", "carrier": "AA", "value": 4},
    ]  # fmt: skip


def test_parts_of_a_name_are_joined_where_one_field_is_to_hold_them(app):
    matrix = NamedMatrix(app, dtype="i8")
    matrix.update_rows([("JFK", 7)], 3)
    assert list(Extract(matrix).rows()) == [{"name": "JFK/7", "value": 3}]


def test_name_that_has_not_the_parts_is_refused(app):
    matrix = NamedMatrix(app, dtype="i8")
    matrix.add_row("ab")
    with pytest.raises(ProcessingError, match="has not the parts origin, carrier: 'ab'"):
        Extract(matrix, name=["origin", "carrier"]).columns()


def test_later_events_do_not_change_an_extract(named):
    extract = Extract(named)
    named.update_rows(["a", "z"], {"n": 100})
    named.close_row("b")
    assert [row["n"] for row in extract.rows()] == [2, 1, 0]


def test_extract_of_a_large_matrix_is_taken_anew_when_rows_move_meanwhile(app):
    matrix = NamedMatrix(app, dtype="i8")
    names = [f"n{number}" for number in range(600_000)]
    matrix.update_rows(names, range(len(names)))

    async def both():
        taking = asyncio.ensure_future(extract_beside(matrix))
        await asyncio.sleep(0)
        matrix.close_rows(names[:300_000])
        return await taking

    rows = list(asyncio.run(both()).rows())
    assert rows == [{"name": name, "value": number} for number, name in enumerate(names)][300_000:]


def test_empty_matrix_gives_its_columns_and_no_rows(app):
    for matrix in (NamedMatrix(app), TimeWindowMatrix(app), SessionMatrix(app, dtype=[("id", "U4")])):
        assert list(Extract(matrix).rows()) == []
    assert Extract(NamedMatrix(app)).csv() == "name,value\r\n"


def test_csv_has_a_line_of_names(named):
    assert Extract(named).csv() == "name,n,sum\r\nb,2,4.5\r\na,1,2.0\r\nc,0,0.0\r\n"


def test_parquet_keeps_the_types(named, tmp_path):
    Extract(named).parquet(str(tmp_path / "m.parquet"))
    table = pq.read_table(tmp_path / "m.parquet")
    assert [str(field.type) for field in table.schema] == ["string", "int64", "double"]
    assert table.to_pylist() == list(Extract(named).rows())


# The picture


def test_picture_has_a_square_for_each_cell_bright_where_it_is_high(app):
    matrix = TimeWindowMatrix(app, dtype=[("n", "i8")], start_time=35, resolution=10, columns=4)
    matrix.update_events(["a", "b"], [31, 2], {"n": [10, 5]})
    image = Image.open(io.BytesIO(heat_map(Extract(matrix), "n")))
    side = image.width // 4
    colours = np.asarray(image)[side // 2 :: side, side // 2 :: side]
    assert (image.format, colours.shape) == ("PNG", (len(matrix.Array), 4, 3))
    assert colours[0, 3].tolist() == [253, 231, 37]
    assert colours[1, 0].tolist() == [33, 145, 140]
    assert colours[0, 0].tolist() == [68, 1, 84]
    assert (image.text["Minimum"], image.text["Maximum"]) == ("0.0", "10.0")


def test_large_picture_is_averaged_to_a_size_one_can_look_at(app):
    matrix = Matrix(app, dtype="f4")
    matrix.Array = np.repeat(np.arange(4001, dtype="f4"), 3)
    image = Image.open(io.BytesIO(heat_map(Extract(matrix), logarithmic=True)))
    assert max(image.size) <= 4000


@pytest.mark.parametrize(("dtype", "field"), [([("n", "i8")], ""), ([("n", "i8")], "m"), ("U3", "")])
def test_picture_of_what_is_no_number_is_refused(app, dtype, field):
    with pytest.raises(ProcessingError):
        heat_map(Extract(NamedMatrix(app, dtype=dtype)), field)


# As events


def test_source_sends_the_matrix_and_a_generator_its_rows():
    def build(app):
        matrix = app.pump_service.add_matrix(NamedMatrix(app, dtype="i8", id="M"))
        matrix.update_rows([f"n{number}" for number in range(1200)], 1)
        pipeline = Pipeline(app, "P")
        source = MatrixSource(app, pipeline, "M").on(RunOnceTrigger(app))
        pipeline.build(source, MatrixRowsGenerator(app, pipeline), CollectSink(app, pipeline))
        app.pump_service.add_pipeline(pipeline)

    app = run_pump(build)
    rows = app.pump_service.locate("P.CollectSink").events
    assert rows == [{"name": f"n{number}", "value": 1} for number in range(1200)]


def export_pump(events, **exporter):
    def build(app):
        config = {"window": "tumbling", "lateness": 10}
        app.pump_service.add_matrix(
            TimeWindowMatrix(app, "i8", start_time=0, resolution=10, columns=2, id="M", config=config)
        )
        pipeline = Pipeline(app, "P")
        updating = {"matrix": "M", "row": "k", "time": "t", "cells": {"sum": "v"}}
        pipeline.build(
            ListSource(app, pipeline, events),
            MatrixUpdater(app, pipeline, config=updating),
            MatrixExporter(app, pipeline, config={"matrix": "M", **exporter}),
            CollectSink(app, pipeline),
        )
        app.pump_service.add_pipeline(pipeline)

    return build


EVENTS = [{"k": "ab"[time % 2], "t": time, "v": time} for time in (1, 3, 2, 12, 21, 19, 31, 45, 47, 90)]


def test_matrix_is_sent_on_when_the_input_ends():
    app = run_pump(export_pump(EVENTS))
    assert app.pump_service.locate("P.CollectSink").events == [{"name": "a", "time": 90, "value": 90}]


def test_windows_are_sent_on_as_they_are_complete_and_the_rest_at_the_end():
    app = run_pump(export_pump(EVENTS, when="window", row="key"))
    assert app.pump_service.locate("P.CollectSink").events == [
        {"key": "b", "time": 0, "value": 4}, {"key": "b", "time": 10, "value": 19}, {"key": "a", "time": 0, "value": 2},
        {"key": "a", "time": 10, "value": 12}, {"key": "b", "time": 20, "value": 21}, {"key": "b", "time": 30, "value": 31},
        {"key": "b", "time": 40, "value": 92}, {"key": "a", "time": 90, "value": 90},
    ]  # fmt: skip


def test_windows_of_a_matrix_without_any_are_refused(app):
    app.pump_service.Matrixes["N"] = NamedMatrix(app)
    with pytest.raises(ConfigError, match="make it a TimeWindowMatrix"):
        MatrixExporter(app, Pipeline(app, "P"), config={"matrix": "N", "when": "window"})


def test_generator_refuses_what_is_no_matrix(app):
    with pytest.raises(ProcessingError, match="put it behind a MatrixSource"):
        MatrixRowsGenerator(app, Pipeline(app, "P")).generate({}, {}, 1)


def test_matrices_and_their_parts_are_declared_in_a_definition(capsys):
    definition = {
        "matrices": [{"id": "M", "class": "NamedMatrix", "args": {"dtype": {"n": "i8", "sum": "f8"}}}],
        "pipelines": [{
            "id": "P",
            "source": {"class": "IteratorSource", "args": {"iterator": [{"k": "a", "v": 2}, {"k": "a", "v": 3}]}},
            "processors": [
                {"class": "MatrixUpdater",
                 "config": {"matrix": "M", "row": "k", "cells": {"n": "count", "sum": {"sum": "v"}}}},
                {"class": "MatrixExporter", "config": {"matrix": "M"}},
            ],
            "sink": {"class": "PrintSink"},
        }],
    }  # fmt: skip
    run_pump(lambda app: PumpBuilder(definition).construct_pump(app, app.pump_service))
    assert capsys.readouterr().out.splitlines() == ["{'name': 'a', 'n': 2, 'sum': 5.0}"]


def test_definition_that_names_an_unknown_matrix_is_refused(app):
    definition = {
        "pipelines": [{
            "id": "Q",
            "source": {"class": "IteratorSource", "args": {"iterator": []}},
            "processors": [{"class": "MatrixUpdater", "config": {"matrix": "Nowhere", "row": "k", "cells": "count"}}],
            "sink": {"class": "NullSink"},
        }],
    }  # fmt: skip
    with pytest.raises(ConfigError, match="Nowhere"):
        PumpBuilder(definition).construct_pump(app, app.pump_service)

from __future__ import annotations

import datetime
import functools
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bspump_like import ConfigError, Pipeline, ProcessingError
from bspump_like.cli import resharing
from bspump_like.common import InternalSource
from bspump_like.matrix import GeoMatrix, Matrix, MatrixUpdater, NamedMatrix, TimeWindowMatrix
from bspump_like.testing import CollectSink, ListSource, run_pump

CELL = {"n": "i8", "known": "i4", "sum": "f8", "least": "f8", "most": "i8", "last": "U3"}
CELLS = {
    "n": "count", "known": {"count": "v"}, "sum": {"sum": "v"}, "least": {"min": "v"}, "most": {"max": "v"},
    "last": {"last": "w"},
}  # fmt: skip


@pytest.fixture
def updater(app):
    """Return a function that makes an updater of a matrix that is there for it alone."""

    return functools.partial(make_updater, app)


def make_updater(app, matrix, **config):
    app.pump_service.Matrixes["M"] = matrix
    return MatrixUpdater(app, Pipeline(app, "P"), config={"matrix": "M", "row": "k", **config})


def naive(events):
    """Return what CELLS say of the events."""
    rows = {}
    for event in events:
        cell = rows.setdefault(event["k"], [0, 0, 0, 0, 0, ""])
        cell[0] += 1
        value = event.get("v")
        if value is not None:
            cell[3] = value if cell[1] == 0 else min(cell[3], value)
            cell[4] = value if cell[1] == 0 else max(cell[4], value)
            cell[1] += 1
            cell[2] += value
        if event.get("w") is not None:
            cell[5] = event["w"]
    return {name: tuple(cell) for name, cell in rows.items()}


def rows_of(matrix):
    matrix.settle()
    return {name: matrix.Array[row].tolist() for name, row in matrix.N2IMap.items()}


@settings(max_examples=50, deadline=None)
@given(
    events=st.lists(
        st.fixed_dictionaries(
            {"k": st.sampled_from("abc")},
            optional={"v": st.none() | st.integers(-9, 9), "w": st.none() | st.sampled_from(["x", "yy"])},
        ),
        max_size=30,
    ),
    batch=st.integers(1, 9),
)
def test_figures_are_those_of_a_loop_over_the_events(app, events, batch):
    matrix = NamedMatrix(app, dtype=CELL)
    updater = make_updater(app, matrix, cells=CELLS, batch=batch)
    assert [updater.process({}, event) for event in events] == events
    assert rows_of(matrix) == naive(events)


def test_cell_without_fields_takes_one_figure(app, updater):
    matrix = NamedMatrix(app, dtype="i8")
    counting = updater(matrix, cells={"sum": "v"})
    for value in (3, None, 4):
        counting.process({}, {"k": "a", "v": value})
    assert rows_of(matrix) == {"a": 7}


def test_several_fields_name_a_row_together(app, updater):
    matrix = NamedMatrix(app, dtype="i8")
    updater(matrix, row=["k", "l"], cells="count").process({}, {"k": "a", "l": 7})
    assert rows_of(matrix) == {("a", 7): 1}


def test_time_of_an_event_is_a_number_or_a_datetime(app, updater):
    matrix = TimeWindowMatrix(app, dtype="i8", start_time=0, resolution=10, columns=3)
    counting = updater(matrix, time="t", cells="count")
    counting.process({}, {"k": "a", "t": 1})
    counting.process({}, {"k": "a", "t": datetime.datetime(1970, 1, 1, 0, 0, 12, tzinfo=datetime.UTC)})
    assert rows_of(matrix) == {"a": [0, 1, 1]}


def test_late_event_counts_nowhere_and_goes_on(app, updater):
    matrix = TimeWindowMatrix(app, dtype="i8", start_time=1000, resolution=10, columns=3)
    counting = updater(matrix, time="t", cells="count")
    late = {"k": "a", "t": 1}
    assert counting.process({}, late) is late
    assert (rows_of(matrix), matrix.late) == ({}, 1)


@settings(max_examples=60, deadline=None)
@given(
    times=st.lists(st.integers(-60, 120), max_size=25),
    batch=st.integers(1, 7),
    options=st.fixed_dictionaries(
        {}, optional={"window": st.just("tumbling"), "lateness": st.sampled_from([0, 15]), "max_advance": st.just(30)}
    ),
)
def test_events_one_by_one_fill_a_window_as_a_batch_does(app, times, batch, options):
    one, other = (
        TimeWindowMatrix(app, dtype="i8", start_time=0, resolution=10, columns=3, config=options) for _ in range(2)
    )
    updater = make_updater(app, one, time="t", cells="count", batch=batch)
    for time in times:
        updater.process({}, {"k": "a", "t": time})
    other.update_events(["a"] * len(times), times, 1)
    assert rows_of(one) == rows_of(other)
    assert (one.Start, one.late, one.early, one.newest) == (other.Start, other.late, other.early, other.newest)


def test_place_off_the_map_counts_nowhere(app, updater):
    matrix = GeoMatrix(app, dtype="f8", resolution=100)
    counting = updater(matrix, row="", lat="y", lon="x", cells={"sum": "v"})
    for lat, lon, value in ((50, 14, 1), (0, 0, 2), (50, 14, 4)):
        counting.process({}, {"y": lat, "x": lon, "v": value})
    matrix.settle()
    assert (matrix.Array.sum(), matrix.Array[matrix.project_equirectangular(50, 14)]) == (5, 5)


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        ({"v": 1}, "no field 'k'"),
        ({"k": None}, "None cannot name a row"),
        ({"k": "a", "v": "x"}, "the field 'v' does not fit into its cell: 'x'"),
        ({"k": "a", "v": 2**70}, "does not fit"),
        ({"k": "a", "v": 1.5}, "does not fit"),
        ({"k": "a", "w": 1}, "'w' does not fit"),
    ],
)
def test_event_that_cannot_be_counted_is_refused_alone(app, updater, event, reason):
    matrix = NamedMatrix(app, dtype=CELL)
    counting = updater(matrix, cells=CELLS)
    counting.process({}, {"k": "a", "v": 1})
    with pytest.raises(ProcessingError, match=reason):
        counting.process({}, event)
    assert rows_of(matrix) == naive([{"k": "a", "v": 1}])


@pytest.mark.parametrize("time", [None, "noon", math.nan, math.inf])
def test_event_without_a_time_is_refused(app, updater, time):
    counting = updater(TimeWindowMatrix(app, start_time=0), time="t", cells="count")
    with pytest.raises(ProcessingError, match="'t' is .*, which is no time"):
        counting.process({}, {"k": "a", "t": time})


@pytest.mark.parametrize(
    ("dtype", "config", "reason"),
    [
        (CELL, {"cells": "count"}, "say what goes into which"),
        (CELL, {"cells": {"m": "count"}}, "no field 'm'"),
        (CELL, {"cells": {"n": "average"}}, "'n' is 'average'"),
        (CELL, {"cells": {"sum": {"mean": "v"}}}, "'mean'"),
        (CELL, {"cells": {"most": {"max": "v"}}}, "needs a count"),
        ("f8", {"cells": "count", "time": "t"}, "takes no 'time'"),
        ("f8", {"cells": "count", "row": ""}, "needs 'row'"),
    ],
)
def test_declaration_that_does_not_suit_the_matrix_is_refused(app, updater, dtype, config, reason):
    with pytest.raises(ConfigError, match=reason):
        updater(NamedMatrix(app, dtype=dtype), **config)


def test_matrix_without_names_is_refused(app, updater):
    with pytest.raises(ConfigError, match="make it a NamedMatrix"):
        updater(Matrix(app), cells="count")


# In a pump


def count_pump(events, matrices, *, late=""):
    def build(app):
        matrix = TimeWindowMatrix(app, dtype="i8", start_time=0, resolution=10, columns=3, id="M")
        app.pump_service.add_matrix(matrix)
        matrices.append(matrix)
        pipeline = Pipeline(app, "P")
        config = {"matrix": "M", "row": "k", "time": "t", "cells": "count", "late": late}
        sink = CollectSink(app, pipeline)
        pipeline.build(ListSource(app, pipeline, events), MatrixUpdater(app, pipeline, config=config), sink)
        app.pump_service.add_pipeline(pipeline)
        if late:
            other = Pipeline(app, late)
            other.build(InternalSource(app, other), CollectSink(app, other))
            app.pump_service.add_pipeline(other)

    return build


def test_late_events_are_sent_to_another_pipeline():
    events = [{"k": "a", "t": time} for time in (5, 45, 1, 46, 2)]
    app = run_pump(count_pump(events, [], late="Late"))
    sinks = {id: pipeline.locate_processor("CollectSink") for id, pipeline in app.pump_service.Pipelines.items()}
    assert [event["t"] for event in sinks["P"].events] == [5, 45, 46]
    assert [event["t"] for event in sinks["Late"].events] == [1, 2]


def test_matrix_goes_on_where_the_last_run_left_it(tmp_path):
    store, matrices = str(tmp_path / "store.db"), []
    events = [{"k": "ab"[time % 2], "t": time} for time in range(40)]
    run_pump(count_pump(events[:25], matrices), store=store)
    run_pump(count_pump(events, matrices), store=store)
    run_pump(count_pump(events, matrices))
    assert rows_of(matrices[1]) == rows_of(matrices[2]) != rows_of(matrices[0])
    assert matrices[1].Start == matrices[2].Start


def test_pipelines_that_share_a_matrix_have_their_barriers_together(tmp_path):
    matrices = []

    def build(app):
        matrices.append(app.pump_service.add_matrix(NamedMatrix(app, dtype="i8", id="M")))
        for id in ("P", "Q"):
            pipeline = Pipeline(app, id)
            updater = MatrixUpdater(app, pipeline, config={"matrix": "M", "row": "k", "cells": "count"})
            events = [{"k": f"{id}{number % 3}"} for number in range(50)]
            pipeline.build(ListSource(app, pipeline, events), updater, CollectSink(app, pipeline))
            app.pump_service.add_pipeline(pipeline)

    store = str(tmp_path / "store.db")
    app = run_pump(build, store=store)
    committers = {pipeline.committer for pipeline in app.pump_service.Pipelines.values()}
    assert len(committers) == 1
    run_pump(build, store=store)
    assert rows_of(matrices[0]) == rows_of(matrices[1])
    assert sum(rows_of(matrices[1]).values()) == 100


def test_matrix_that_is_declared_differently_now_stops_the_start(tmp_path, caplog):
    store = str(tmp_path / "store.db")
    run_pump(count_pump([{"k": "a", "t": 1}], []), store=store)

    def build(app):
        count_pump([{"k": "a", "t": 1}], [])(app)
        app.pump_service.Matrixes["M"].Resolution = 20

    run_pump(build, store=store)
    assert "declared differently from what the store holds" in caplog.text


def test_matrix_that_no_part_holds_any_more_is_said(tmp_path, caplog):
    store = str(tmp_path / "store.db")
    run_pump(count_pump([{"k": "a", "t": 1}], []), store=store)

    def build(app):
        pipeline = Pipeline(app, "P")
        pipeline.build(ListSource(app, pipeline, []), CollectSink(app, pipeline))
        app.pump_service.add_pipeline(pipeline)

    run_pump(build, store=store)
    assert "the store has matrix M, which no part of P holds any more" in caplog.text


class ServerKnows(ListSource):
    """A source whose server keeps its positions, as Kafka does: it could be divided among any number of workers."""

    keeps_positions = False


def test_matrix_is_not_divided_among_another_number_of_workers(tmp_path):
    store, pipelines = str(tmp_path / "store.db"), []

    def build(app):
        app.pump_service.add_matrix(NamedMatrix(app, dtype="i8", id="M"))
        pipeline = Pipeline(app, "P")
        updater = MatrixUpdater(app, pipeline, config={"matrix": "M", "row": "k", "cells": "count"})
        pipeline.build(ServerKnows(app, pipeline, [{"k": "a"}]), updater, CollectSink(app, pipeline))
        app.pump_service.add_pipeline(pipeline)
        pipelines.append(pipeline)

    run_pump(build, store=store)
    with pytest.raises(ConfigError, match="the matrix M belongs to what each worker has read"):
        resharing.prepare(store, 2, {"P": pipelines[0]}, from_start=False, rerun=False)

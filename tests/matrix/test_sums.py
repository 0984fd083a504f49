"""Sums of whole numbers: right, or refused; never from the other end."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bspump_like import Pipeline, ProcessingError
from bspump_like.matrix import MatrixUpdater, NamedMatrix
from bspump_like.matrix.scatter import scatter
from bspump_like.testing import CollectSink, ListSource, run_pump

TYPES = ["i1", "u1", "i2", "u4", "i8", "u8"]


@given(data=st.data(), kind=st.sampled_from(TYPES), fields=st.booleans(), one_value=st.booleans())
def test_a_batch_is_summed_rightly_or_refused_whole(data, kind, fields, one_value):
    limits = np.iinfo(kind)
    least, most = int(limits.min), int(limits.max)
    near = [n for n in (least, least + 1, -1, 0, 1, most // 2, most - 1, most) if n >= least]
    numbers = st.sampled_from(near) | st.integers(least, most)
    before = np.array(data.draw(st.lists(numbers, min_size=6, max_size=6)), kind).reshape(3, 2)
    events = data.draw(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 1), numbers), max_size=8))
    if one_value and events:
        events = [(row, column, events[0][2]) for row, column, _ in events]
    expected = before.astype(object)
    for row, column, value in events:
        expected[row, column] += value
    cells = np.zeros((3, 2), [("n", kind), ("other", "f8")] if fields else kind)
    target = cells["n"] if fields else cells
    target[...] = before
    places = tuple(np.array([event[axis] for event in events], dtype=np.intp) for axis in (0, 1))
    values = np.array([value for _, _, value in events], kind) if not one_value else events[0][2] if events else 0
    update = {"n": values} if fields else values
    if all(least <= total <= most for total in expected.ravel()):
        scatter(cells, places, update)
        assert target.tolist() == expected.tolist()
    else:
        with pytest.raises(ProcessingError, match="comes to"):
            scatter(cells, places, update)
        assert (target == before).all()


def test_the_sentence_names_field_sum_limits_and_remedy(app):
    matrix = NamedMatrix(app, dtype={"n": "i8", "bytes": "i4"})
    matrix.update_rows(["a"], {"n": 1, "bytes": [2_000_000_000]})
    with pytest.raises(ProcessingError) as raised:
        matrix.update_rows(["a", "b"], {"n": 1, "bytes": [1_000_000_000, 5]})
    assert str(raised.value) == (
        "the sum in the cell field 'bytes' comes to 3000000000: i4 holds -2147483648 to 2147483647 "
        "(give the cells a wider type, i8 or f8, and the matrix another id)"
    )
    assert matrix.Array[matrix.get_row_index("a")].tolist() == (1, 2_000_000_000)  # n is as it was, too


@pytest.mark.parametrize(
    ("kind", "how", "value", "told"),
    [
        ("i4", "add", [3_000_000_000], r"do not fit into cells of type int32: \[3000000000\]"),
        ("i4", "set", [3_000_000_000], "do not fit"),
        ("i4", "max", [-3_000_000_000], "do not fit"),
        ("u2", "add", [-1], "do not fit"),
        ("i8", "set", [1.5], "values of type float64 do not fit"),
        ("u1", "set", 256, "do not fit"),
    ],
)
def test_a_value_that_its_cell_cannot_hold_is_refused(app, kind, how, value, told):
    matrix = NamedMatrix(app, dtype=kind)
    matrix.add_row("a")
    with pytest.raises(ProcessingError, match=told):
        matrix.update_rows(["a"], value, how)
    assert matrix.Array[0] == 0


@pytest.mark.parametrize("value", [[7], np.array([7], "u8"), np.array([7], "i2"), True])
def test_a_value_of_another_type_that_fits_is_taken(app, value):
    matrix = NamedMatrix(app, dtype="u1")
    matrix.update_rows(["a"], value, "set")
    assert matrix.Array[0] == np.array(value).ravel()[0]


@pytest.mark.parametrize("batch", [1, 2, 1000])
def test_a_sum_that_does_not_fit_halts_the_pump_and_commits_nothing_of_it(tmp_path, caplog, batch):
    """Even with `on_error: drop`: it is no fault of one event, and what the others bring must not be forgotten."""
    events = [{"k": "b", "v": 1}, {"k": "a", "v": 100}, {"k": "a", "v": 27}, {"k": "b", "v": 2}, {"k": "a", "v": 1}]
    matrices = []

    def build(kind):
        def built(app):
            matrices.append(app.pump_service.add_matrix(NamedMatrix(app, dtype=kind, id=f"M{kind}")))
            pipeline = Pipeline(app, "P")
            config = {"matrix": f"M{kind}", "row": "k", "cells": {"sum": "v"}, "batch": batch, "on_error": "drop"}
            updater = MatrixUpdater(app, pipeline, config=config)
            pipeline.build(ListSource(app, pipeline, events), updater, CollectSink(app, pipeline))
            app.pump_service.add_pipeline(pipeline)

        return built

    store = str(tmp_path / "store.db")
    assert run_pump(build("i1"), store=store).ExitCode == 1
    told = "pipeline P halted: the sum in a cell comes to 128: i1 holds -128 to 127"
    assert [record.getMessage()[: len(told)] for record in caplog.records if record.levelname == "ERROR"] == [told]
    assert "Traceback" not in caplog.text
    assert run_pump(build("i2"), store=store).ExitCode == 0  # all events were read again
    matrices[-1].settle()
    assert {name: int(matrices[-1].Array[row]) for name, row in matrices[-1].N2IMap.items()} == {"a": 128, "b": 3}

from __future__ import annotations

import numpy as np
import pytest

from bspump_like import ConfigError, ProcessingError
from bspump_like.matrix import Matrix, NamedMatrix
from bspump_like.matrix.dtypes import describe_dtype, parse_dtype

CELL = [("n", "i8"), ("sum", "f8")]


class Wide(Matrix):
    """Cells in two dimensions, as the contract lets people have them."""

    def build_shape(self, rows=0):
        return (rows, 3)


def test_matrix_begins_with_one_closed_row(app):
    matrix = Matrix(app)
    assert matrix.Array.tolist() == [0.0]
    assert matrix.ClosedRows == {0}
    assert matrix.DType == np.float64


def test_row_is_taken_from_the_closed_ones_else_the_array_grows_by_a_tenth_and_at_least_five(app):
    matrix = Matrix(app)
    assert [matrix.add_row(), len(matrix.Array)] == [0, 1]
    assert [matrix.add_row(), len(matrix.Array)] == [1, 6]
    matrix.add_rows(95)
    assert len(matrix.Array) == 97
    assert not matrix.ClosedRows
    assert [matrix.add_row(), len(matrix.Array)] == [97, 97 + 9]


def test_values_stay_when_the_array_grows(app):
    matrix = Wide(app, dtype=CELL)
    rows = matrix.add_rows(4)
    matrix.Array["n"][rows, 1] = [10, 20, 30, 40]
    matrix.add_rows(1000)
    assert matrix.Array["n"][rows, 1].tolist() == [10, 20, 30, 40]
    assert matrix.Array["n"].sum() == 100


def test_growing_row_by_row_copies_each_cell_only_a_few_times(app):
    matrix, copied = Matrix(app), 0
    allocate = matrix._allocate

    def counted(shape):
        nonlocal copied
        copied += len(matrix.Array)
        return allocate(shape)

    matrix._allocate = counted
    for _ in range(20_000):
        matrix.add_row()
    assert copied < 2 * 20_000


def test_closed_row_is_cleared_and_opened_again_lowest_first(app):
    matrix = Matrix(app, config={"max_closed_rows_capacity": 1})
    rows = matrix.add_rows(6)
    matrix.Array[rows] = 7
    assert [matrix.close_row(4), matrix.close_row(2), matrix.close_row(2), matrix.close_row(99)] == [
        True,
        True,
        False,
        False,
    ]
    assert matrix.Array.tolist() == [7, 7, 0, 7, 0, 7]
    assert [matrix.add_row(), matrix.add_row(), matrix.add_row()] == [2, 4, 6]


def test_row_closed_with_its_values_keeps_them_until_it_is_opened(app):
    matrix = Matrix(app, config={"max_closed_rows_capacity": 1})
    rows = matrix.add_rows(6)
    matrix.Array[rows] = 7
    matrix.close_row(3, clear=False)
    assert matrix.Array[3] == 7
    assert matrix.Array[matrix.add_row()] == 0


def test_flush_removes_closed_rows_and_says_which(app):
    matrix = Matrix(app, config={"max_closed_rows_capacity": 1})
    rows = matrix.add_rows(6)
    matrix.Array[rows] = range(6)
    matrix.close_rows([1, 4])
    assert matrix.flush() == ({1, 4}, [0, 2, 3, 5])
    assert matrix.Array.tolist() == [0, 2, 3, 5]
    assert matrix.flush() == (set(), [0, 1, 2, 3])


def test_flush_of_nothing_but_closed_rows_begins_anew(app):
    matrix = Matrix(app)
    rows = matrix.add_rows(6)
    matrix.close_rows(rows.tolist())
    assert (matrix.Array.tolist(), matrix.ClosedRows) == ([0.0], {0})


def test_closing_beyond_the_allowed_share_removes_what_is_closed(app):
    matrix = Matrix(app, config={"max_closed_rows_capacity": 0.5})
    rows = matrix.add_rows(6)
    matrix.Array[rows] = range(1, 7)
    matrix.close_rows([0, 1, 2])
    assert len(matrix.Array) == 6
    matrix.close_row(3)
    assert matrix.Array.tolist() == [5, 6]


def test_rebuild_of_rows_is_partial_or_full(app):
    matrix = Matrix(app, config={"max_closed_rows_capacity": 1})
    matrix.add_rows(6)
    matrix.close_row(1)
    matrix.rebuild_rows()
    assert len(matrix.Array) == 5
    matrix.rebuild_rows("full")
    assert (len(matrix.Array), matrix.ClosedRows) == (1, {0})
    with pytest.raises(ValueError, match="'partial' or 'full'"):
        matrix.rebuild_rows("half")


def test_array_that_somebody_puts_in_its_place_is_taken_over(app):
    matrix = Matrix(app)
    matrix.Array = np.arange(3.0)
    matrix.ClosedRows.clear()
    assert matrix.add_row() == 3
    assert matrix.Array.tolist() == [0, 1, 2, 0, 0, 0, 0, 0]


@pytest.mark.parametrize(
    ("declared", "described"),
    [
        ("float_", "<f8"),
        ("i4", "<i4"),
        (np.float32, "<f4"),
        ([["a", "U8"], ["b", "f8", [2]]], [["a", "<U8"], ["b", "<f8", [2]]]),
        ({"a": "i8", "b": "float_"}, [["a", "<i8"], ["b", "<f8"]]),
        ([("a", [("x", "i8")])], [["a", [["x", "<i8"]]]]),
    ],
)
def test_type_of_cells_is_read_from_python_and_from_json(declared, described):
    assert describe_dtype(parse_dtype(declared)) == described
    assert parse_dtype(describe_dtype(parse_dtype(declared))) == parse_dtype(declared)


@pytest.mark.parametrize(
    ("declared", "reason"),
    [("nonsense", "is no type of a cell"), ("O", "Python objects"), ("U", "has no length"), ([("a", "S")], "field 'a'"),
     ("(2,)f8", "shape of its own"), ([("a",)], "is no type of a cell")],
)  # fmt: skip
def test_type_that_no_cell_can_have_is_refused(declared, reason):
    with pytest.raises(ConfigError, match=reason):
        parse_dtype(declared)


# Many cells at once


def test_update_counts_every_event_of_a_row(app):
    matrix = Matrix(app, dtype=CELL)
    matrix.add_rows(3)
    matrix.update_rows([0, 2, 0, 0], {"n": 1, "sum": [1.5, 2, 3, 4]})
    assert matrix.Array[[0, 1, 2]].tolist() == [(3, 8.5), (0, 0), (1, 2)]


@pytest.mark.parametrize(("how", "value"), [("add", 4), ("max", 9), ("min", -5), ("set", 0)])
def test_update_adds_compares_or_sets(app, how, value):
    matrix = Matrix(app)
    matrix.add_row()
    matrix.update_rows([0, 0, 0], [9, -5, 0], how)
    assert matrix.Array[0] == value


def test_extremes_start_from_nothing_where_a_count_says_there_were_no_events(app):
    matrix = Matrix(app, dtype=[("n", "i8"), ("least", "f8"), ("most", "i4")])
    matrix.add_rows(2)
    for values in ([5, -3, 7], [9, 2, -8]):
        update = {"n": 1, "least": values, "most": [-value for value in values]}
        matrix.update_rows([0, 0, 1], update, {"least": "min", "most": "max"}, seen="n")
    assert matrix.Array[[0, 1]].tolist() == [(4, -3, 3), (2, -8, 8)]


def test_columns_are_updated_each_by_its_own_event(app):
    matrix = Wide(app)
    matrix.add_rows(2)
    matrix.update_rows([0, 0, 1, 1], [1, 2, 3, 4], columns=[0, 0, 2, 1])
    assert matrix.Array[[0, 1]].tolist() == [[3, 0, 0], [0, 4, 3]]


@pytest.mark.parametrize(
    ("values", "how", "reason"),
    [
        (1, "add", "need names"),
        ({"m": 1}, "add", "no field 'm'; they have n, sum|no field 'm'"),
        ({"n": 1.5}, "add", "do not fit"),
        ({"sum": "x"}, "add", "do not fit"),
        ({"n": 1}, "mean", "use one of add, max, min, set"),
    ],
)
def test_update_that_does_not_fit_is_refused_and_changes_nothing(app, values, how, reason):
    matrix = NamedMatrix(app, dtype=CELL)
    matrix.add_row("a")
    with pytest.raises(ProcessingError, match=reason):
        matrix.update_rows(["a"], {"sum": 1, **values} if isinstance(values, dict) else values, how)
    assert matrix.Array[0].tolist() == (0, 0)


def test_persistent_of_bspump_is_taken_and_refused_where_it_is_not_meant(app):
    assert len(Matrix(app, dtype="f8", persistent=False).Array) == 1
    with pytest.raises(ConfigError, match="keeps its cells in memory; use or extend PersistentMatrix"):
        Matrix(app, dtype="f8", persistent=True)

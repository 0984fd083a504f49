"""Indexes of a matrix, against a plain search through all its rows."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bspump_like import ConfigError
from bspump_like.lookup.index import BitMapIndex, SliceIndex, TreeRangeIndex
from bspump_like.matrix import Matrix, NamedMatrix
from bspump_like.testing import fresh_application

DTYPE = [("low", "f8"), ("high", "f8"), ("zone", "U4"), ("n", "i8")]


def matrix_of(app, rows, closed=()):
    matrix = Matrix(app, dtype=DTYPE, config={"max_closed_rows_capacity": 1})
    for row in rows:
        index = matrix.add_row()
        matrix.Array[index] = row
    for index in closed:
        matrix.close_row(index, clear=False)
    return matrix


def check(index, values, expected):
    """Compare all three ways of asking with a search through all rows."""
    for value in values:
        rows = expected(value)
        assert index.rows(value).tolist() == rows
        assert np.flatnonzero(index.search(value)).tolist() == rows
    assert index.first(values).tolist() == [min(expected(value), default=-1) for value in values]


NUMBERS = st.integers(-20, 20).map(float) | st.sampled_from([float("nan"), float("inf"), 0.5, -0.5, 7.25])
ENDS = st.integers(-20, 20).map(float)


@settings(max_examples=150, deadline=None)
@given(
    intervals=st.lists(st.tuples(ENDS, st.integers(-2, 15)), max_size=40),
    closed=st.sets(st.integers(0, 39)),
    values=st.lists(NUMBERS, min_size=1, max_size=20),
    resolution=st.sampled_from([None, 0.3, 1.0, 100.0]),
)
def test_intervals_are_found_as_by_looking_at_each(intervals, closed, values, resolution):
    with fresh_application() as app:
        rows = [(low, low + length, "", 0) for low, length in intervals]
        closed = {index for index in closed if index < len(rows)}
        matrix = matrix_of(app, rows, closed)

        def expected(value):
            return [n for n, row in enumerate(rows) if n not in closed and row[0] <= value <= row[1]]

        check(TreeRangeIndex("low", "high", matrix), values, expected)
        check(SliceIndex("low", "high", matrix, resolution), values, expected)


@settings(max_examples=60, deadline=None)
@given(
    zones=st.lists(st.sampled_from(["", "a", "ab", "č", "zzzz"]), max_size=30),
    closed=st.sets(st.integers(0, 29)),
    values=st.lists(st.sampled_from(["", "a", "ab", "abc", "č", "zzzz", "zzzzz"]), min_size=1),
)
def test_values_are_found_as_by_looking_at_each(zones, closed, values):
    with fresh_application() as app:
        closed = {index for index in closed if index < len(zones)}
        matrix = matrix_of(app, [(0, 0, zone, len(zone)) for zone in zones], closed)

        def expected(value):
            return [n for n, zone in enumerate(zones) if n not in closed and zone == value]

        check(BitMapIndex("zone", matrix), values, expected)
        lengths = list(range(6))
        check(
            BitMapIndex("n", matrix), lengths,
            lambda n: [i for i, zone in enumerate(zones) if i not in closed and len(zone) == n],
        )  # fmt: skip


ROWS = [(0, 10, "a", 1), (5, 6, "b", 2), (20, 30, "a", 3)]


@pytest.fixture
def matrix():
    with fresh_application() as app:
        yield matrix_of(app, ROWS)


@pytest.mark.parametrize(
    "make",
    [
        lambda matrix: TreeRangeIndex("low", "high", matrix),
        lambda matrix: SliceIndex("low", "high", matrix, 2),
        lambda matrix: BitMapIndex("n", matrix),
    ],
)
def test_an_index_is_of_the_rows_as_they_were_and_travels(matrix, make):
    index, other = make(matrix), make(matrix)
    row = matrix.add_row()
    matrix.Array[row] = (1, 2, "c", 2)
    assert row not in index.rows(2)
    index.update(matrix)
    assert row in index.rows(2)
    assert len(index.search(2)) == len(matrix.Array)
    other.deserialize(index.serialize())
    assert other.rows(2).tolist() == index.rows(2).tolist()
    assert other.first([1, 2, 99]).tolist() == index.first([1, 2, 99]).tolist()


def test_masks_are_combined(matrix):
    found = TreeRangeIndex("low", "high", matrix).search(5) & BitMapIndex("zone", matrix).search("b")
    assert np.flatnonzero(found).tolist() == [1]


def test_a_matrix_of_one_figure_has_one_column():
    with fresh_application() as app:
        matrix = NamedMatrix(app, dtype="f8")
        matrix.update_rows(["a", "b"], [1.5, 2.5])
        assert BitMapIndex("", matrix).first([2.5, 3.0]).tolist() == [matrix.N2IMap["b"], -1]


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda m: BitMapIndex("zon", m), "has no column 'zon' .its columns are low, high, zone, n"),
        (lambda m: SliceIndex("low", "high", m, 0), "expected a width above 0"),
        (lambda m: SliceIndex("low", "high", m, 1e-9), "take a larger resolution, or a TreeRangeIndex"),
    ],
)
def test_mistakes_are_told(matrix, make, told):
    with pytest.raises(ConfigError, match=told):
        make(matrix)

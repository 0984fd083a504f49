from __future__ import annotations

import numpy as np
import pytest

from bspump_like import ConfigError
from bspump_like.matrix import Matrix, NamedMatrix, TimeWindowMatrix
from bspump_like.matrix.saving import BLOCK, differing
from tests.matrix.saving import StoredMatrix


@pytest.fixture
def stored():
    stored = StoredMatrix()
    yield stored
    stored.close()


def blocks_written(stored, matrix):
    """Return the streams and numbers of the blocks that one barrier writes."""
    saved = matrix.save()
    written = [(stream, number) for stream, number, data in saved.changes() if data is not None]
    stored.commit(matrix, saved)
    return written


def test_barrier_writes_only_what_has_changed(app, stored):
    matrix = NamedMatrix(app, dtype="i8")
    names = [f"n{number}" for number in range(10_000)]
    matrix.update_rows(names, 1)
    assert len(blocks_written(stored, matrix)) > 5
    assert blocks_written(stored, matrix) == []
    matrix.update_rows(["n0", "n9999"], 1)
    assert blocks_written(stored, matrix) == [("cells", 0), ("cells", 9999 * 8 // BLOCK)]
    matrix.add_row("one more")  # the array has grown by a tenth
    assert len(blocks_written(stored, matrix)) < 4
    matrix.add_row("another")
    assert [stream for stream, _ in blocks_written(stored, matrix)] == ["names"]


def test_window_that_moves_writes_the_column_that_has_changed(app, stored):
    matrix = TimeWindowMatrix(app, dtype="f8", start_time=0, resolution=10, columns=8)
    names = [f"n{number}" for number in range(BLOCK // 8)]
    matrix.add_rows(names)
    size = len(matrix.Array) * 8
    for time in range(5, 200, 10):
        matrix.update_events(names, [time] * len(names), 1)
        blocks_written(stored, matrix)
        matrix.advance(time + 6)
        matrix.update_events(names[:1], [time + 6], 1)
        cells = [number for stream, number in blocks_written(stored, matrix) if stream == "cells"]
        assert len(cells) <= 2 * (-(-size // BLOCK) + 1), "the column that left and the one that came, no more"
    again = stored.restore(TimeWindowMatrix(app, dtype="f8", start_time=0, resolution=10, columns=8))
    assert again.Array.tolist() == matrix.Array.tolist()


def test_names_opened_while_a_barrier_is_under_way_are_in_the_next(app, stored):
    matrix = NamedMatrix(app, dtype="i8")
    for number in range(4):
        saved = matrix.save()
        matrix.add_row(f"n{number}")
        stored.commit(matrix, saved)
    stored.barrier(matrix)
    assert stored.restore(NamedMatrix(app, dtype="i8")).N2IMap == matrix.N2IMap


def test_names_closed_while_a_barrier_is_under_way_are_gone_in_the_next(app, stored):
    matrix = NamedMatrix(app, dtype="i8")
    matrix.add_rows("abcdefghijkl")
    stored.barrier(matrix)
    matrix.add_row("m")
    saved = matrix.save()
    matrix.close_row("a")
    matrix.add_row("n")
    stored.commit(matrix, saved)
    stored.barrier(matrix)
    assert stored.restore(NamedMatrix(app, dtype="i8")).N2IMap == matrix.N2IMap


@pytest.mark.parametrize("before", [0, 1])
def test_names_of_a_barrier_that_failed_are_in_the_next(app, stored, before):
    matrix = NamedMatrix(app, dtype="i8")
    for _ in range(before):
        stored.barrier(matrix)
    matrix.add_row("a")
    stored.fail(matrix, matrix.save())
    matrix.add_row("b")
    stored.barrier(matrix)
    assert stored.restore(NamedMatrix(app, dtype="i8")).N2IMap == {"a": 0, "b": 1}


def test_many_small_additions_of_names_do_not_pile_up(app, stored):
    matrix = NamedMatrix(app, dtype="i8")
    for number in range(300):
        matrix.add_row(f"n{number}")
        stored.barrier(matrix)
    _, streams = stored.store.shared(matrix.Id)
    assert len(streams["names"]) < 100
    assert stored.restore(NamedMatrix(app, dtype="i8")).N2IMap == matrix.N2IMap


def test_row_closed_with_its_values_is_clear_after_a_crash_too(app, stored):
    def make():
        return Matrix(app, dtype="i8", config={"max_closed_rows_capacity": 1})

    matrix = make()
    rows = matrix.add_rows(6)
    matrix.Array[rows] = 7
    matrix.close_row(3, clear=False)
    stored.barrier(matrix)
    again = stored.restore(make())
    assert again.Array.tolist() == [7] * 6
    assert (again.add_row(), again.Array[3]) == (3, 0)


def test_stored_matrix_of_another_kind_is_refused(app, stored):
    matrix = NamedMatrix(app, dtype="i8", id="M")
    stored.barrier(matrix)
    for other in (NamedMatrix(app, dtype="f8", id="M"), TimeWindowMatrix(app, dtype="i8", id="M")):
        with pytest.raises(ConfigError, match="declared differently"):
            stored.restore(other)


@pytest.mark.parametrize("size", [0, 1, BLOCK - 1, BLOCK, BLOCK + 8, 3 * BLOCK + 5])
@pytest.mark.parametrize("other", [0, BLOCK, 3 * BLOCK + 5])
def test_blocks_that_differ_are_found_whatever_the_sizes(size, other):
    random = np.random.default_rng(size + other)
    old = random.integers(0, 255, other).astype(np.uint8)
    new = np.resize(old, size) if other else random.integers(0, 255, size).astype(np.uint8)
    for place in (None, 0, size // 2, size - 1):
        changed = new.copy()
        if place is not None and 0 <= place < size:
            changed[place] ^= 1
        expected = [
            number for number in range(-(-size // BLOCK))
            if changed[number * BLOCK : (number + 1) * BLOCK].tobytes() != old[number * BLOCK : (number + 1) * BLOCK].tobytes()
        ]  # fmt: skip
        assert differing(changed, old) == expected


def test_memory_for_copies_is_taken_before_a_barrier_and_only_when_the_matrix_has_grown(app, stored):
    matrix = NamedMatrix(app, dtype="i8")
    matrix.add_rows([f"n{number}" for number in range(1000)])
    prepared = []
    for _ in range(5):
        preparation = matrix.preparation()
        prepared.append(preparation is not None)
        if preparation is not None:
            preparation()
        stored.barrier(matrix)
    assert prepared == [True, True, False, False, False]
    matrix.add_rows([f"m{number}" for number in range(5000)])
    assert matrix.preparation() is not None


def test_copy_of_the_state_is_not_touched_by_later_events(app, stored):
    matrix = NamedMatrix(app, dtype=[("n", "i8"), ("sum", "f8")])
    for round_ in range(6):  # the memory of copies is used again from the third on
        matrix.update_rows(["a", "b"], {"n": 1, "sum": 0.5})
        saved = matrix.save()
        matrix.update_rows(["a", "b", "c"], {"n": 100, "sum": 1})
        stored.commit(matrix, saved)
        again = stored.restore(NamedMatrix(app, dtype=matrix.DType))
        assert again.Array[0].tolist() == (1 + 101 * round_, 0.5 + 1.5 * round_)

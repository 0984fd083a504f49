"""A large matrix grows where it stands: nothing is copied, and memory is taken only for rows that are used."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from bspump_like.matrix import Matrix, PersistentMatrix, TimeWindowMatrix
from bspump_like.matrix.room import LARGE, ROOM, roomy_zeros

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a matrix doubles")


def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def place(matrix):
    return matrix.Array.__array_interface__["data"][0]


def test_a_large_matrix_is_not_copied_when_it_grows(app):
    matrix = Matrix(app, dtype="i8")
    rows = LARGE // 8
    matrix.reshape((rows,))
    matrix.Array[...] = np.arange(rows)
    matrix.reshape((rows + 1,))
    stood = place(matrix)
    for more in (2 * rows, 20 * rows):
        matrix.reshape((more,))
        assert place(matrix) == stood
    assert (matrix.Array[:rows] == np.arange(rows)).all()
    assert not matrix.Array[rows:].any()
    matrix.reshape((rows // 2,))
    matrix.reshape((rows,))
    assert not matrix.Array[rows // 2 :].any()


def test_a_window_with_room_moves_on_and_takes_memory_for_its_rows_only(app):
    matrix = TimeWindowMatrix(app, dtype="i8", start_time=0, resolution=1, columns=3)
    rows = LARGE // 8
    matrix.add_rows([f"r{number}" for number in range(rows)])
    before, stood = resident(), None
    for time in range(20):
        matrix.add_rows([f"more-{time}-{number}" for number in range(20_000)])
        stood = stood or matrix._cells.ctypes.data
        matrix.update_events(["r5", f"more-{time}-7"], [time + 0.5] * 2, time + 1)
        expected = [max(0, time + shift) for shift in (-1, 0, 1)]
        assert matrix.Array[matrix.get_row_index("r5")].tolist() == expected
    assert matrix._cells.ctypes.data == stood
    assert len(matrix._cells[0]) > 20 * len(matrix.Array)
    assert resident() - before < 500_000_000  # of 4 GB


def test_cells_in_files_have_no_such_room(app, tmp_path):
    matrix = PersistentMatrix(app, dtype="i8", config={"path": str(tmp_path / "m")})
    matrix.reshape((LARGE // 8,))
    matrix.reshape((LARGE // 8 + 1,))
    app.Loop.run_until_complete(matrix.on_start())
    assert (tmp_path / "m" / "array.dat").stat().st_size < 4 * LARGE
    app.Loop.run_until_complete(matrix.on_stop())


LIMITED = """
import resource
resource.setrlimit(resource.RLIMIT_AS, (3_000_000_000, 3_000_000_000))
from bspump_like.matrix import Matrix
from bspump_like.testing import fresh_application
with fresh_application() as app:
    matrix = Matrix(app, dtype="i8")
    for rows in (1, 600_000, 700_000, 3_000_000):
        matrix.reshape((rows,))
        matrix.Array[-1] = rows
    assert [matrix.Array[rows - 1] for rows in (1, 600_000, 700_000, 3_000_000)] == [1, 600_000, 700_000, 3_000_000]
    assert len(matrix._cells) < 10_000_000
"""


def test_where_addresses_are_limited_a_matrix_doubles():
    subprocess.run([sys.executable, "-c", LIMITED], check=True, capture_output=True)


def test_more_addresses_than_there_are_is_no_error():
    assert roomy_zeros((1 << 60,), np.dtype("i8")) is None
    assert roomy_zeros((ROOM // 8,), np.dtype("i8")).nbytes == ROOM

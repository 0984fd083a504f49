from __future__ import annotations

import numpy as np
import pytest

from bspump_like.matrix import NamedMatrix


@pytest.fixture
def matrix(app):
    return NamedMatrix(app, dtype=[("n", "i8")], config={"max_closed_rows_capacity": 0.5})


def test_name_finds_its_row_and_back(matrix):
    assert [matrix.add_row(name) for name in "abc"] == [0, 1, 2]
    assert (matrix.get_row_index("b"), matrix.get_row_name(1)) == (1, "b")
    assert (matrix.get_row_index("z"), matrix.get_row_name(9)) == (None, None)
    assert (matrix.N2IMap, matrix.I2NMap) == ({"a": 0, "b": 1, "c": 2}, {0: "a", 1: "b", 2: "c"})


def test_row_that_is_there_is_not_opened_twice(matrix):
    assert matrix.add_row("a") == matrix.add_row("a")
    assert matrix.add_rows(["b", "a", "b"]).tolist() == [1, 0, 1]


def test_closing_says_whether_there_was_such_a_row(matrix):
    matrix.add_rows(list("abcdef"))
    assert [matrix.close_row("c"), matrix.close_row("c"), matrix.close_row("z")] == [True, False, False]
    assert matrix.get_row_index("c") is None
    assert matrix.add_row("g") == 2


def test_flush_keeps_names_with_their_rows(matrix):
    matrix.update_rows(list("abcdef"), {"n": range(6)})
    matrix.close_rows("bd")
    assert matrix.flush() == ({1, 3}, [0, 2, 4, 5])
    assert {name: int(matrix.Array["n"][row]) for name, row in matrix.N2IMap.items()} == {
        "a": 0,
        "c": 2,
        "e": 4,
        "f": 5,
    }
    assert matrix.I2NMap == {row: name for name, row in matrix.N2IMap.items()}


def test_many_names_are_resolved_and_opened_in_one_call(matrix):
    matrix.update_rows(np.array(["x", "y", "x"]), {"n": 1})
    matrix.update_rows(["y", "z"], {"n": 10})
    assert {name: int(matrix.Array["n"][row]) for name, row in matrix.N2IMap.items()} == {"x": 2, "y": 11, "z": 10}
    assert matrix.get_row_indexes(["z", "nobody", "x"]).tolist() == [2, -1, 0]


def test_names_are_not_cut(matrix):
    name = "n" * 500
    matrix.add_row(name)
    assert matrix.get_row_name(0) == name


def test_row_without_a_name_is_refused(matrix):
    with pytest.raises(ValueError, match="needs a name"):
        matrix.add_row(None)
    with pytest.raises(ValueError, match="needs a name"):
        matrix.add_rows(["a", None])
    assert not matrix.N2IMap


def test_change_of_names_is_published_once_a_call(matrix):
    changes = []

    def note(message_type):
        changes.append(message_type)

    matrix.PubSub.subscribe("Matrix changed!", note)
    matrix.add_rows(list("abcdefgh"))
    matrix.add_rows(list("abc"))
    assert len(changes) == 1
    matrix.close_row("a")
    assert len(changes) == 2

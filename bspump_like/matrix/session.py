"""SessionMatrix: one row a session, whose fields are those of its events."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ..config import option
from .matrix import MatrixOptions
from .named import NamedMatrix


class SessionMatrixOptions(MatrixOptions):
    """Options of matrices of sessions."""

    primary_name: str = option("id", "field that holds the name of the session")


class SessionMixIn:
    """Storing and reading of whole sessions; what the matrices of sessions have in common."""

    Array: Any
    DType: Any
    options: Any
    add_row: Callable[..., int]
    get_row_name: Callable[[int], Any]

    @property
    def PrimaryName(self) -> str:
        """Return the field that holds the name of the session."""
        name: str = self.options.primary_name
        return name

    def store(self, row_name: Any, event: Any) -> None:
        """Put a whole event into the row of a session, opened when there is none.

        Args:
            row_name: Name of the session.
            event: A tuple in the order of the fields, or a dict with some of them.
        """
        row = self.add_row(row_name)
        if isinstance(event, Mapping):
            self.store_event(row, event)
        else:
            self.Array[row] = tuple(event) if self.DType.names else event

    def store_event(self, row_index: int, event: Mapping[str, Any], keys: Iterable[str] | None = None) -> None:
        """Put fields of an event into a row; a field that the event has not stays as it is.

        Args:
            row_index: Index of the row.
            event: A dict.
            keys: The fields; all when left out.
        """
        cell = self.Array[row_index]
        for key in self.DType.names if keys is None else keys:
            if key in event:
                cell[key] = event[key]
            elif key == self.PrimaryName:
                cell[key] = self.get_row_name(row_index)

    def decode_row(self, row_index: int, keys: Iterable[str] | None = None) -> dict[str, Any]:
        """Return fields of a row as a dict of Python values, with the name of the session under `primary_name`.

        Args:
            row_index: Index of the row.
            keys: The fields; all when left out.
        """
        cell = self.Array[row_index]
        decoded = {key: cell[key].tolist() for key in (self.DType.names if keys is None else keys)}
        name = self.get_row_name(row_index)
        if name is not None:
            decoded[self.PrimaryName] = name
        return decoded


class SessionMatrix(SessionMixIn, NamedMatrix):
    """A named matrix with one row a session, whose cells have the fields of its events.

    Example:
        matrices:
          - id: M
            class: SessionMatrix
            args: {dtype: {user: U16, hits: i8}}
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

    class Options(SessionMatrixOptions):
        """The options of matrices of sessions."""

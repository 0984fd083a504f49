"""One Parquet file in the making: rows wait, durable, in a journal, and become the file when it is complete.

A Parquet file can be read only when its end has been written, and nothing can be appended behind that. So a barrier appends
its rows to `PATH.part`, a stream in Arrow's IPC format (schema, then record batches, each a message that ends where the next
begins), which can be cut back like any other file. When the file is complete the journal is rewritten as Parquet: row groups have
the size that was asked for, however small the barriers were. The cost is that every row is written twice.

Invariant: the journal bears an id, and so does the Parquet file made of it. If a crash comes after the file got its name but
before the barrier was stored, the first rows of the file, as many as the mark says, are made a journal again.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ..abc import Context
from ..errors import DeliveryError, ProcessingError
from ..file.naming import Naming
from ..file.output import Layout, Output, sync_directory
from .schema import inferred_schema, misfit, pyarrow, rows_per_call

_ID = b"bspump_like.journal"


class ParquetOutput(Output):
    """Rows on their way into one Parquet file, or one after another. `lines` holds pairs of context and event.

    Args:
        naming: See `Output`.
        layout: See `Output`; `atomic`.
        throttle: See `Output`.
        schema: Of all files; None: made from the first rows, once.
        prepare: Makes a row of an event, or raises ProcessingError; called in a thread.
        group: Rows of a row group.
        properties: Arguments for pyarrow's `ParquetWriter`.
    """

    def __init__(
        self, naming: Naming, layout: Layout, throttle: Callable[[bool], None], schema: Any,
        prepare: Callable[[Any], Mapping[str, Any]], group: int, properties: Mapping[str, Any],
    ) -> None:  # fmt: skip
        """Open nothing yet."""
        super().__init__(naming, layout, lambda: b"", throttle)
        self.refused: list[tuple[Context, Any, ProcessingError]] = []
        """Events that no file can take, for the sink to reject."""
        self._refusing: list[tuple[Context, Any, ProcessingError]] = []
        self._declared, self._prepare, self._group, self._properties = schema, prepare, group, properties
        self._inferred: Any = None
        self._journal: tuple[int, Any] | None = None  # inode and schema of the open journal; the schema bears its id

    # Rows to bytes

    def _encoded(self, lines: list[tuple[Context, Any]]) -> tuple[bytes, int]:
        self._refusing = []
        rows = list(self._rows(lines))
        if not rows:
            return b"", 0
        parts = []
        inode = os.fstat(self._file).st_ino
        if self._good == 0:
            metadata = {_ID: uuid.uuid4().hex.encode()}
            self._journal = inode, self._schema([row for _, _, row in rows]).with_metadata(metadata)
            parts.append(self._journal[1].serialize().to_pybytes())
        schema = self._open_schema(inode)
        size, written = rows_per_call(schema), 0
        for at in range(0, len(rows), size):
            batch = self._batch(schema, rows[at : at + size])
            if batch.num_rows:
                parts.append(batch.serialize().to_pybytes())
                written += batch.num_rows
        return b"".join(parts), written

    def _rows(self, lines: list[tuple[Context, Any]]) -> Iterator[tuple[Context, Any, Mapping[str, Any]]]:
        for context, event in lines:
            try:
                yield context, event, self._prepare(event)
            except ProcessingError as error:
                self._refusing.append((context, event, error))

    def _batch(self, schema: Any, rows: list[tuple[Context, Any, Mapping[str, Any]]]) -> Any:
        arrow = pyarrow()
        names = frozenset(schema.names)
        good = [row for _, _, row in rows]
        if all(map(names.issuperset, good)):
            try:
                return arrow.RecordBatch.from_pylist(good, schema=schema)
            except (arrow.ArrowException, ValueError, TypeError, OverflowError):
                pass  # one of them does not fit; below it is found
        good = []
        for context, event, row in rows:
            unknown = sorted(map(str, row.keys() - names))
            why = f"there is no column '{unknown[0]}'" if unknown else misfit(schema, row)
            if why:
                hint = "correct the event, or 'schema'; 'unknown_fields: drop' leaves out what is no column"
                self._refusing.append(
                    (
                        context,
                        event,
                        ProcessingError("the event does not fit the Parquet schema", detail=why, hint=hint),
                    )
                )
            else:
                good.append(row)
        return arrow.RecordBatch.from_pylist(good, schema=schema)

    def _schema(self, rows: list[Mapping[str, Any]]) -> Any:
        if self._declared is not None:
            return self._declared
        if self._inferred is None:
            try:
                self._inferred = inferred_schema(rows)
            except ValueError as error:
                raise DeliveryError(
                    f"no schema for {self._path} can be made from the first {len(rows)} rows", detail=str(error),
                    hint="set 'schema' or 'schema_file'", retriable=False,
                ) from error  # fmt: skip
        return self._inferred

    def _on_written(self) -> None:
        self.refused += self._refusing
        self._refusing = []

    # The journal

    def _open_schema(self, inode: int) -> Any:
        if self._journal is None or self._journal[0] != inode:
            schema = schema_of(self._path)
            if self._declared is not None and not schema.equals(self._declared):
                raise DeliveryError(
                    f"{self._path} was begun with another schema", hint="set another 'path', or move that file away",
                    retriable=False,
                )  # fmt: skip
            if self._inferred is None:
                self._inferred = schema.remove_metadata()
            self._journal = inode, schema
        return self._journal[1]

    def _whole_prefix(self, file: int, size: int) -> int:
        """Return the size up to the last whole record batch, and count the rows before it."""
        try:
            good, self._written = whole_batches(self._path)
        except pyarrow().ArrowException as error:
            raise FileExistsError(17, f"it is there, and no journal of this sink: {error}", self._path) from error
        return good

    def _describe(self) -> dict[str, Any] | None:
        mark = super()._describe()
        if mark is not None and mark["size"] and mark["inode"]:
            mark["journal"] = id_of(self._open_schema(mark["inode"]))
        return mark

    def is_idle(self) -> bool:
        """Tell whether nothing waits to be written, or to be rejected."""
        return super().is_idle() and not self.refused

    # The Parquet file

    def _publish(self, final: str) -> None:
        if not self._written:
            os.unlink(self._path)  # no row, no file
            return
        new = f"{final}.new"
        with pyarrow().memory_map(self._path) as source, pyarrow().ipc.open_stream(source) as reader:
            self._write(new, reader.schema, reader)
        with open(new, "rb") as file:
            os.fsync(file.fileno())
        os.rename(new, final)
        sync_directory(final)
        os.unlink(self._path)

    def _write(self, path: str, schema: Any, batches: Any) -> None:
        table = pyarrow().Table.from_batches
        with pyarrow().parquet.ParquetWriter(path, schema, **self._properties) as writer:
            waiting, rows = [], 0
            for batch in batches:
                waiting.append(batch)
                rows += batch.num_rows
                if rows < self._group:
                    continue
                whole = table(waiting)
                take = rows - rows % self._group
                writer.write_table(whole.slice(0, take), row_group_size=self._group)
                waiting, rows = whole.slice(take).to_batches(), rows - take
            if rows:
                writer.write_table(table(waiting), row_group_size=self._group)

    def _unpublish(self, mark: dict[str, Any], final: str) -> dict[str, Any]:
        arrow = pyarrow()
        try:
            schema = arrow.parquet.read_schema(final)
        except arrow.ArrowException:
            return mark  # not a Parquet file: somebody else's, and opening it will say that it is there
        if not mark["size"] and id_of(schema):
            os.unlink(final)  # begun and completed after the mark: it was not there when the empty journal was made
            return mark
        if id_of(schema) != mark.get("journal"):
            return mark
        if not os.path.exists(self._path):
            with open(f"{self._path}.new", "wb") as journal:
                journal.write(schema.serialize())
                missing = mark["lines"]
                for batch in arrow.parquet.ParquetFile(final).iter_batches(self._group):
                    first = batch.slice(0, missing)
                    missing -= first.num_rows
                    journal.write(arrow.RecordBatch.from_arrays(first.columns, schema=schema).serialize())
                    if not missing:
                        break
                journal.flush()
                os.fsync(journal.fileno())
                mark = {**mark, "inode": os.fstat(journal.fileno()).st_ino, "size": journal.tell()}
            os.rename(f"{self._path}.new", self._path)
        os.unlink(final)
        return mark


def id_of(schema: Any) -> str:
    """Return the id of the journal that a schema belongs to; '' when to none."""
    found: bytes = (schema.metadata or {}).get(_ID, b"")
    return found.decode()


def schema_of(journal: str) -> Any:
    """Return the schema that a journal begins with."""
    with open(journal, "rb") as file:
        return pyarrow().ipc.read_schema(file)


def whole_batches(journal: str) -> tuple[int, int]:
    """Return how many bytes at the beginning of a journal are whole messages, and how many rows are in them.

    Raises:
        pyarrow.ArrowException: It does not begin with a schema.
    """
    arrow = pyarrow()
    good = rows = 0
    with arrow.OSFile(journal) as file:
        size = file.size()
        schema = arrow.ipc.read_schema(file)
        good = file.tell()
        while good < size:
            try:
                rows += arrow.ipc.read_record_batch(arrow.ipc.read_message(file), schema).num_rows
            except (EOFError, OSError, arrow.ArrowException):
                break
            good = file.tell()
    return good, rows

"""ParquetSource: the rows of Parquet files."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Generator, Mapping
from typing import TYPE_CHECKING, Any

from ..config import option
from ..errors import ConfigError, ProcessingError
from ..file.codec import Compression
from ..file.opened import FileStream, stream_of
from ..file.source import FileABCSource, FileSourceOptions
from ..file.threads import in_thread, settle
from .row_groups import check_columns, row_groups_left
from .schema import pyarrow, rows_per_call

if TYPE_CHECKING:
    from ..application import BSPumpApplication
    from ..pipeline import Pipeline


class ParquetSourceOptions(FileSourceOptions):
    """Options of the source."""

    columns: list[str] = option([], "columns to read; empty: all", example=["origin", "dep_delay"])
    compression: Compression = option(
        "none", "always so: columns within a Parquet file are compressed", choices=("none",)
    )


class ParquetSource(FileABCSource):
    """Read Parquet files row by row.

    Out: a dict for each row, with the Python values of Arrow (datetime, date, Decimal, list, dict); contexts carry `filename`.
    Reading resumes at the row: of its row group what stands before it is read again and skipped. It is one batch ahead, in a
    thread.

    A file must be complete: put it there by a rename, as ParquetSink does.

    Example:
        pipelines:
          - id: Example
            sources:
              - class: ParquetSource
                config: {path: "in/*.parquet", post: noop, columns: [origin, delay]}
            sink: {class: PPrintSink}
    """

    class Options(ParquetSourceOptions):
        """Options of file sources, and the columns."""

    resumes = True

    def __init__(
        self, app: BSPumpApplication, pipeline: Pipeline, id: str | None = None, config: Mapping[str, Any] | None = None
    ) -> None:
        """See `FileABCSource`.

        Raises:
            ConfigError: `follow` is set.
            MissingDependency: pyarrow is not installed.
        """
        super().__init__(app, pipeline, id, config)
        if self.options.follow:
            raise ConfigError(f"{self.locate_address()} cannot follow files: a Parquet file does not grow")
        pyarrow()

    async def read(self, filename: str, f: Any) -> None:
        """Read the file row by row from where it resumes.

        Raises:
            ProcessingError: It is no Parquet file, or lacks a column.
        """
        stream = stream_of(f)
        reader = _Reader(stream, self.options.columns, self.options.batch_size)
        ahead = asyncio.create_task(asyncio.to_thread(reader.next))
        try:
            while batch := await asyncio.shield(ahead):
                ahead = asyncio.create_task(asyncio.to_thread(reader.next))
                rows, group, line = batch
                contexts = [{"filename": stream.path} for _ in rows]
                await self.deliver(rows, stream.position(group, line), contexts)
            stream.line = reader.line
            stream.offset = reader.group
        finally:
            await settle(ahead)  # a thread that reads must end before the file is closed
            await in_thread(reader.close)
        stream.opened.raw.seek(stream.opened.size)  # all of it has been read, though not in order


class _Reader:
    """Reads batches of rows; all of it blocks, so it runs in threads."""

    def __init__(self, stream: FileStream, columns: list[str], batch_size: int) -> None:
        self.line = stream.line
        self.group = 0
        self._stream, self._columns, self._batch_size = stream, columns, batch_size
        self._batches: Generator[tuple[list[dict[str, Any]], int], None, None] | None = None

    def next(self) -> tuple[list[dict[str, Any]], int, int] | None:
        """Return rows, their row group, and how many rows stand before their end; None at the end of the file."""
        arrow = pyarrow()
        try:
            if self._batches is None:
                self._batches = self._read()
            for rows, group in self._batches:
                self.group = group
                self.line += len(rows)
                return rows, group, self.line
        except (arrow.ArrowException, ValueError) as error:
            raise ProcessingError(f"{self._stream.path} cannot be read as Parquet", detail=str(error)) from error
        return None

    def close(self) -> None:
        """Close the second descriptor, which would keep the lock."""
        if self._batches is not None:
            self._batches.close()

    def _read(self) -> Generator[tuple[list[dict[str, Any]], int], None, None]:
        # Not by its name: the descriptor is that of the file that was locked, whatever has been put there since.
        # One of its own, since pyarrow closes what it is given.
        raw = os.fdopen(os.dup(self._stream.opened.raw.fileno()), "rb", buffering=0)
        with raw, pyarrow().parquet.ParquetFile(raw) as file:
            check_columns(file, self._columns, self._stream.path)
            for number, skip in row_groups_left(file, self.line):
                for batch in file.iter_batches(self._batch_size, row_groups=[number], columns=self._columns or None):
                    if skip >= batch.num_rows:
                        skip -= batch.num_rows
                        continue
                    yield _rows(batch.slice(skip)), number
                    skip = 0


def _rows(batch: Any) -> list[dict[str, Any]]:
    size = rows_per_call(batch.schema)
    return [row for at in range(0, batch.num_rows, size) for row in batch.slice(at, size).to_pylist()]

"""FrameParquetSource: Parquet files as frames."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from ..config import option
from ..errors import ConfigError, ProcessingError, needs
from ..file.codec import Compression
from ..file.opened import FileStream, stream_of
from ..file.source import FileABCSource, FileSourceOptions
from ..file.threads import in_thread
from .frame import READING, Frame

if TYPE_CHECKING:
    from ..application import BSPumpApplication
    from ..pipeline import Pipeline


class FrameParquetSourceOptions(FileSourceOptions):
    """Options of the source."""

    rows: int = option(READING["rows"], "most rows of a frame", ge=1)
    columns: list[str] = option([], "columns to read; empty: all", example=["origin", "dep_delay"])
    compression: Compression = option(
        "none", "always so: columns within a Parquet file are compressed", choices=("none",)
    )


class FrameParquetSource(FileABCSource):
    """Read Parquet files as frames.

    Out: frames of at most `rows` rows, none over two row groups; contexts carry `filename`. Reading resumes at the row; of its
    row group what stands before it is read again and skipped.

    A file must be complete: put it there by a rename, as ParquetSink does.

    Example:
        pipelines:
          - id: Example
            sources:
              - class: FrameParquetSource
                config: {path: "in/*.parquet", post: noop, columns: [origin]}
            processors:
              - class: SQLProcessor
                config: {query: "SELECT origin, count(*) AS flights FROM events GROUP BY origin"}
              - class: FrameToEventsGenerator
            sink: {class: PPrintSink}
    """

    class Options(FrameParquetSourceOptions):
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
        with needs("columnar"):
            import pyarrow.parquet
        self._arrow = pyarrow

    async def read(self, filename: str, f: Any) -> None:
        """Read the file frame by frame from where it resumes.

        Raises:
            ProcessingError: It is no Parquet file, or lacks a column.
        """
        stream = stream_of(f)
        frames = self._frames(stream)
        row = stream.line
        while found := await in_thread(self._next, frames, stream.path):
            frame, group = found
            row += frame.height
            await self.deliver([frame], stream.position(group, row), [{"filename": stream.path}])
        stream.line = row
        stream.opened.raw.seek(stream.opened.size)  # all of it has been read, though not in order

    def _next(self, frames: Iterator[tuple[Frame, int]], path: str) -> tuple[Frame, int] | None:
        try:
            return next(frames, None)
        except (self._arrow.ArrowException, ValueError) as error:
            raise ProcessingError(f"{path} cannot be read as Parquet", detail=str(error)) from error

    def _frames(self, stream: FileStream) -> Iterator[tuple[Frame, int]]:
        """Yield frames with the number of their row group; blocks."""
        raw = stream.opened.raw
        raw.seek(0)
        file = self._arrow.parquet.ParquetFile(self._arrow.PythonFile(raw, mode="r"))
        columns = self.options.columns
        missing = [name for name in columns if name not in file.schema_arrow.names]
        if missing:
            names = ", ".join(file.schema_arrow.names)
            raise ProcessingError(f"{stream.path} has no column '{missing[0]}'", hint=f"it has {names}")
        sizes = [file.metadata.row_group(number).num_rows for number in range(file.num_row_groups)]
        begins = itertools.accumulate(sizes, initial=0)
        for number, (begin, size) in enumerate(zip(begins, sizes, strict=False)):
            skip = max(stream.line - begin, 0)
            if skip >= size:
                continue
            table = file.read_row_group(number, columns=columns or None)
            for first in range(skip, size, self.options.rows):
                yield Frame(table.slice(first, self.options.rows)), number

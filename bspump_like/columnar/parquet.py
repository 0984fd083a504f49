"""FrameParquetSource: Parquet files as frames."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..config import option
from ..errors import ProcessingError
from ..file.opened import FileStream, stream_of
from ..file.threads import in_thread
from ..parquet.row_groups import check_columns, row_groups_left
from ..parquet.schema import pyarrow
from ..parquet.source import ParquetSource, ParquetSourceOptions
from .frame import ROWS, Frame


class FrameParquetSourceOptions(ParquetSourceOptions):
    """Options of the source."""

    rows: int = option(ROWS, "most rows of a frame", ge=1)


class FrameParquetSource(ParquetSource):
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
        except (pyarrow().ArrowException, ValueError) as error:
            raise ProcessingError(f"{path} cannot be read as Parquet", detail=str(error)) from error

    def _frames(self, stream: FileStream) -> Iterator[tuple[Frame, int]]:
        """Yield frames with the number of their row group; blocks."""
        raw = stream.opened.raw
        raw.seek(0)
        arrow = pyarrow()
        file = arrow.parquet.ParquetFile(arrow.PythonFile(raw, mode="r"))
        columns = self.options.columns
        check_columns(file, columns, stream.path)
        for number, skip in row_groups_left(file, stream.line):
            table = file.read_row_group(number, columns=columns or None)
            for first in range(skip, table.num_rows, self.options.rows):
                yield Frame(table.slice(first, self.options.rows)), number

"""Where reading of a Parquet file begins: the row groups that are left, and the rows of the first that were read before."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

from ..errors import ProcessingError


def row_groups_left(file: Any, rows_read: int) -> Iterator[tuple[int, int]]:
    """Yield the number of each row group that has rows to read, and how many of its rows come before them.

    Args:
        file: A `ParquetFile` of pyarrow.
        rows_read: Rows of the file that were read before.
    """
    sizes = [file.metadata.row_group(number).num_rows for number in range(file.num_row_groups)]
    begins = itertools.accumulate(sizes, initial=0)
    for number, (begin, size) in enumerate(zip(begins, sizes, strict=False)):
        skip = max(rows_read - begin, 0)
        if skip < size:
            yield number, skip


def check_columns(file: Any, columns: Sequence[str], path: str) -> None:
    """Check that a file has the columns that are wanted.

    Raises:
        ProcessingError: It lacks one.
    """
    found = file.schema_arrow.names
    missing = [name for name in columns if name not in found]
    if missing:
        raise ProcessingError(f"{path} has no column '{missing[0]}'", hint=f"it has {', '.join(found)}")

"""SQLProcessor: a query over each frame."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..abc import Context, Event, ThreadedProcessor
from ..config import option
from ..errors import ConfigError, Problem, ProcessingError
from .frame import Frame, frame_of, polars

if TYPE_CHECKING:
    from ..application import BSPumpApplication
    from ..pipeline import Pipeline

_TEXT = re.compile(r"'(?:[^']|'')*'")
_BEGINS = re.compile(r"\s*(?:select|with|from)\b", re.IGNORECASE)
# Functions of tables in Polars open any file there is; a definition may not.
_OPENS = re.compile(r"\b(?:read|scan)_\w+", re.IGNORECASE)


def _checked(query: Any) -> str:
    """Return the query.

    Raises:
        ValueError: It is none, or could do more than read the tables that it is given.
    """
    if not isinstance(query, str) or not _BEGINS.match(query):
        raise ValueError("expected a query: SELECT ... FROM events")
    if "--" in query or "/*" in query or ";" in _TEXT.sub("", query):
        raise ValueError("one query without comments is expected")
    found = _OPENS.search(_TEXT.sub("", query))
    if found:
        raise ValueError(f"'{found[0]}' is not allowed here: name the file in 'tables'")
    try:
        polars.SQLContext(events=polars.DataFrame()).execute(query)
    except polars.exceptions.SQLSyntaxError as error:
        raise ValueError(str(error)) from None
    except polars.exceptions.SQLInterfaceError as error:
        if "parser error" in str(error):
            raise ValueError(str(error)) from None
    except polars.exceptions.PolarsError:
        pass  # of columns and tables, which are not known before the first frame
    return query


class SQLProcessor(ThreadedProcessor):
    """Replace each frame by the result of a query over it; the frame is the table `events`.

    Further tables come from files, read once at the start: `{airports: airports.csv}`, CSV or Parquet. The query is of Polars'
    dialect: joins, grouping, windows, and most functions. It sees one frame at a time: a GROUP BY has one row a group *and
    frame*; to count over all of them put a FrameMatrixUpdater or a GroupByAggregator behind it.

    In: a frame. Out: a frame; frames without rows are dropped. Raises: ProcessingError, if a column or a table is missing.

    Example:
        pipelines:
          - id: Example
            sources:
              - class: FrameCSVSource
                config: {path: "in/*.csv", post: noop}
            processors:
              - class: SQLProcessor
                config:
                  query: SELECT origin, avg(delay) AS delay, count(*) AS flights FROM events GROUP BY origin ORDER BY origin
              - class: FrameToEventsGenerator
            sink: {class: PPrintSink}
    """

    class Options(ThreadedProcessor.Options):
        """The query."""

        query: str = option(
            help="SELECT ... FROM events", parse=_checked, example="SELECT * FROM events WHERE delay > 15"
        )
        tables: dict[str, str] = option(
            {}, "further table -> file, .csv or .parquet", example={"airports": "airports.csv"}
        )
        concurrency: int = option(1, "frames in work at the same time; Polars itself uses all cores", ge=1, le=64)

    def __init__(
        self, app: BSPumpApplication, pipeline: Pipeline, id: str | None = None, config: Mapping[str, Any] | None = None
    ) -> None:
        """See `Processor`.

        Raises:
            ConfigError: A table has another name than a table can have, or is of another kind of file.
        """
        super().__init__(app, pipeline, id, config)
        self._query: str = self.options.query
        self._tables: dict[str, Frame] = {}
        for name, path in self.options.tables.items():
            if not name.isidentifier() or name == "events":
                raise ConfigError([Problem(f"a table cannot be called '{name}'", ("tables", name))])
            if not str(path).endswith((".csv", ".parquet")):
                raise ConfigError([Problem(f"'{path}' is neither .csv nor .parquet", ("tables", name))])

    async def on_start(self) -> None:
        """Read the tables.

        Raises:
            ConfigError: One cannot be read.
        """
        for name, path in self.options.tables.items():
            self._tables[name] = await asyncio.to_thread(_read, path)

    def process(self, context: Context, event: Event) -> Frame | None:
        """Return the result."""
        frame = frame_of(event)
        try:
            result = polars.SQLContext({**self._tables, "events": frame}).execute(self._query, eager=True)
        except polars.exceptions.PolarsError as error:
            raise ProcessingError("the query cannot be answered", detail=str(error).partition("\n")[0]) from error
        return result if result.height else None


def _read(path: str) -> Frame:
    try:
        return polars.read_csv(path, try_parse_dates=True) if path.endswith(".csv") else polars.read_parquet(path)
    except (OSError, polars.exceptions.PolarsError) as error:
        raise ConfigError(f"the table '{path}' cannot be read: {error}") from error

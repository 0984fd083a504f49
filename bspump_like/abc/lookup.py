"""Lookups: tables that processors enrich events from."""

from __future__ import annotations

import asyncio
import logging
import os
import random
import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Self

from ..config import Configurable, Seconds, Size, option
from ..errors import BSPumpError, ConfigError, ConnectionLost, Problem
from .backoff import Backoff, BackoffOptions
from .master import KeptTable, Master, checked_url, kept_path, master_of, source_of
from .table_path import TablePath, path_of

if TYPE_CHECKING:
    from ..application import BSPumpApplication

L = logging.getLogger(__name__)


class LookupOptions(BackoffOptions):
    """Options of every lookup."""

    reload_period: Seconds = option(
        0.0,
        "seconds between two looks whether the table has changed; 0: never. For a master; a slave has `master_period`",
        ge=0,
    )
    master_url: str = option(
        "", "URL of the pump that holds the master copy; empty: this is the master", example="http://127.0.0.1:8080",
        parse=checked_url,
    )
    master_url_endpoint: str = option("/bspump/v1/lookup/", "path of the lookups at the master, before the id")
    master_lookup_id: str = option("", "id of the lookup at the master; empty: the same id")
    source_url: str = option(
        "", "the table itself, as `serialize` writes it (JSON, for most), in place of a master: its URL at any web server, "
        "or its path (`file:///...`)",
        example="https://tables.example.com/airports.json",
    )  # fmt: skip
    master_timeout: Seconds = option(
        30.0, "seconds to wait for the master, for the connection and for each piece of the answer", gt=0
    )
    master_max_size: Size = option(1_000_000_000, "bytes of a table to take from a master, decompressed", ge=1)
    master_token: str = option("", "token of the master's web server", secret=True)
    master_period: Seconds = option(
        60.0, "seconds between two questions to the master whether the table has changed; 0: only at the start", ge=0
    )
    use_cache: bool = option(True, "keep the last table of the master in a file, for a start without the master")
    cache_dir: str = option("", "folder of that file; empty: beside the store")


class Lookup(Configurable):
    """A table with a name, loaded at start and replaced as a whole when it changes.

    Override `load`. It publishes `bspump.Lookup.changed!` whenever `load` returns True.
    With `master_url` or `source_url` the table comes from another pump or any web server, and `load` is never called: override
    `serialize` and `deserialize` for that.
    """

    to_override: ClassVar[tuple[str, ...]] = ()

    class Options(LookupOptions):
        """Only the common options."""

    def __init__(
        self, app: BSPumpApplication, id: str | None = None, config: Mapping[str, Any] | None = None, lazy: bool = False
    ) -> None:
        """Read the configuration; load nothing yet.

        Args:
            app: The application.
            id: Name within the pump; the class name when empty.
            config: Options; wins over the section `[lookup:ID]` of the configuration file.
            lazy: True: the pump does not call `load` at start; the user does when it suits.
        """
        self.Id = id or type(self).__name__
        super().__init__(f"lookup:{self.Id}", config, where=f"lookup {self.Id}")
        if self.options.master_url and self.options.source_url:
            raise self.mistake("source_url", "either 'master_url' or 'source_url' may be set, and not both")
        if not self.options.source_url.startswith(("http://", "https://")) and path_of(self.options.source_url) is None:
            problem = f"option 'source_url' has '{self.options.source_url}'"
            raise self.mistake("source_url", problem, "http://, https://, file:/// or a path")
        self.App = app
        self.Loop = app.Loop
        self.PubSub = app.PubSub
        self.Lazy = lazy
        self.version = 0
        """Grows with every change of the table."""
        self.problem = ""
        """Why the table could not be loaded the last time; empty when it could."""
        self._loaded_at: float | None = None
        self._updating = asyncio.Lock()
        self._refreshes = False
        self._etag: str | None = None

    def mistake(self, option_name: str, message: str, hint: str = "") -> ConfigError:
        """Return the error for a mistake in an option, to be raised; '' names no option, but the lookup."""
        path = (option_name,) if option_name else ()
        return ConfigError([Problem(message, path, where=f"lookup {self.Id}", hint=hint)])

    @classmethod
    def construct(cls, app: BSPumpApplication, definition: Mapping[str, Any]) -> Self:
        """Return the lookup that a definition describes: its `id`, `config`, `lazy` and `args`."""
        args = {**definition.get("args", {})}
        if "lazy" in definition:
            args["lazy"] = bool(definition["lazy"])
        return cls(app, definition.get("id"), definition.get("config"), **args)

    def time(self) -> float:
        """Return the UNIX time in seconds, read from the loop's clock."""
        return float(self.App.time())

    def is_master(self) -> bool:
        """Tell whether this lookup holds the master copy."""
        return not (self.options.master_url or self.options.source_url)

    def is_ready(self) -> bool:
        """Tell whether there is a table; a lazy lookup is ready from the start."""
        return self.Lazy or self._loaded_at is not None

    def status(self) -> str:
        """Return in a word or a sentence how it is with the table."""
        if self._loaded_at is None and not self.problem:
            return "lazy, not loaded" if self.Lazy else "not loaded yet"
        return self.problem or "loaded"

    # Loading

    async def load(self) -> bool:
        """Load the table; return True if it has changed.

        Called once before the pipelines start (unless lazy), then every `reload_period`, and whenever `update` is; never twice
        at a time. Build the new table aside and swap it in whole: events are enriched from the old one meanwhile.

        Raises:
            ConnectionLost: Whoever has the table cannot be reached; at start it is asked again until it answers.
            OSError: The table cannot be read; at start this stops the application, later the old table stays.
            ConfigError: It can be read but is not what was expected; as for OSError.
        """
        raise NotImplementedError(f"{type(self).__name__} defines no load()")

    async def on_start(self) -> None:
        """Load the table for the first time; called once, before the pipelines start, unless the lookup is lazy.

        Returns when there is a table: pipelines must not run without it.

        Raises:
            BSPumpError: It cannot be had, and waiting does not help.
            OSError: See `load`.
        """
        backoff = self._new_backoff()
        while not self.is_ready():
            try:
                await self.update()
            except ConnectionLost as error:
                self._say(error)
                if not self.is_ready():
                    await asyncio.sleep(backoff.next())
            except (BSPumpError, OSError) as error:
                if not self.is_ready():  # there is no copy of the master's table either
                    raise
                self._say(error)

    async def on_stop(self) -> None:
        """Release what the lookup holds; called once, after the pipelines have stopped."""

    async def update(self) -> bool:
        """Load, from the master if there is one, and tell subscribers of a change; return whether there was one.

        Raises:
            Exception: See `load`. The old table stays.
        """
        async with self._updating:  # the older of two tables must not come in last
            try:
                changed = await (self.load() if self.is_master() else self._load_from_master())
                self._loaded_at = time.time()
            finally:
                if self.is_ready():
                    self._keep_fresh()
            if self.problem:
                L.warning("lookup %s: loaded again", self.Id)
            self.problem = ""
        if changed:
            self.changed()
        return changed

    def changed(self) -> None:
        """Say that the table has changed: subscribers of `bspump.Lookup.changed!` hear it, slaves get the new table.

        `update` calls it; call it yourself after changing the table in place.
        """
        self.version += 1
        self.PubSub.publish("bspump.Lookup.changed!", lookup=self)

    def ensure_future_update(self, loop: Any = None) -> None:
        """Start `update` in the background; a failure is logged and the old table stays."""
        self.App.pump_service.start_background(self._update_or_say(), f"lookup {self.Id}")

    async def _update_or_say(self) -> None:
        try:
            await self.update()
        except (BSPumpError, OSError) as error:
            self._say(error)

    def _keep_fresh(self) -> None:
        period = self._period()
        if period and not self._refreshes:
            self._refreshes = True
            self.App.pump_service.start_background(self._refresh(period), f"reloading of lookup {self.Id}")

    def _period(self) -> float:
        return float(self.options.reload_period if self.is_master() else self.options.master_period)

    async def _refresh(self, period: float) -> None:
        backoff = self._new_backoff()
        while True:
            # Soon again after a failure; spread a little, so that many slaves do not ask their master at one time.
            await asyncio.sleep(backoff.next() if self.problem else period * random.uniform(0.95, 1.05))  # noqa: S311
            try:
                await self.update()
            except Exception as error:  # kept as `problem`, and tried again: one bad table must not end the reloading
                self._say(error)
            else:
                backoff.reset()

    def _new_backoff(self) -> Backoff:
        return Backoff(self.options.reconnect_delay, self.options.reconnect_delay_max)

    def _say(self, error: Exception) -> None:
        """Keep why there is no new table; log each reason once, not each try."""
        said, self.problem = self.problem, str(error).removeprefix(f"lookup {self.Id}: ") or type(error).__name__
        if self.problem != said:
            now = "the table as it was stays" if self.is_ready() else "no pipeline starts before"
            trace = None if isinstance(error, BSPumpError | OSError) else error
            L.warning("lookup %s cannot be loaded: %s; %s", self.Id, self.problem, now, exc_info=trace)

    # Slaves

    async def _load_from_master(self) -> bool:
        options = self.options
        kept = KeptTable(kept_path(self._cache_dir(), self.Id)) if options.use_cache and self._cache_dir() else None
        if self._etag is None:
            self._etag = ""
            if kept is not None:
                await self._take_kept(kept)
        master = self._master()
        table = await master.fetch(self._etag)
        if table is None:
            return False
        try:
            await asyncio.to_thread(self.deserialize, table.data)
        except ValueError as error:
            raise ConfigError(f"lookup {self.Id}: what came from {master.url} cannot be read: {error}") from error
        self._etag = table.etag
        if kept is not None:
            try:
                await kept.write(table)
            except OSError as error:  # it is for a later start without the master: this one has what it needs
                L.warning("lookup %s: the table of the master cannot be kept in %s: %s", self.Id, kept.path, error)
        return True

    def _master(self) -> Master | TablePath:
        options = self.options
        limits = (options.master_timeout, options.master_max_size, options.master_token)
        if options.master_url:
            endpoint = f"{options.master_url.rstrip('/')}/{options.master_url_endpoint.strip('/')}/"
            return master_of(endpoint, options.master_lookup_id or self.Id, *limits)
        path = path_of(options.source_url)
        return source_of(options.source_url, *limits) if path is None else TablePath(path, options.master_max_size)

    async def _take_kept(self, kept: KeptTable) -> None:
        try:
            table = await kept.read()
            if table is None:
                return
            await asyncio.to_thread(self.deserialize, table.data)
        except (OSError, ValueError) as error:
            L.warning("lookup %s: the copy of the master's table in %s cannot be used: %s", self.Id, kept.path, error)
            return
        self._etag = table.etag
        self._loaded_at = table.kept_at
        self.changed()

    def _cache_dir(self) -> str:
        store = self.App.pump_service.store_path
        beside = "" if store == ":memory:" else os.path.dirname(store) or "."
        return str(self.options.cache_dir or beside)

    def serialize(self) -> bytes:
        """Return the table as bytes, for slaves. Called in a thread, when a slave asks and the table has changed."""
        raise NotImplementedError(f"{type(self).__name__} defines no serialize()")

    def deserialize(self, data: bytes) -> None:
        """Take the table that `serialize` of the master returned. Called in a thread: swap the table in whole.

        Raises:
            ValueError: This is no such table.
        """
        raise NotImplementedError(f"{type(self).__name__} defines no deserialize(data)")

    def rest_get(self) -> dict[str, Any]:
        """Return what the web API shows of this lookup."""
        shown: dict[str, Any] = {"Id": self.Id, "Class": type(self).__name__, "Ready": self.is_ready()}
        if self._loaded_at is not None:
            shown["LoadedAt"] = self._loaded_at
        if self.problem:
            shown["Problem"] = self.problem
        if not self.is_master():
            shown["Master"] = self.options.master_url or self.options.source_url
        return shown


class MappingLookup(Lookup, Mapping[Any, Any]):
    """A lookup that reads like a dict: `lookup[key]`, `lookup.get(key)`, `key in lookup`, `len`, iteration."""

    to_override: ClassVar[tuple[str, ...]] = ()

    # Mapping defines __eq__ and so takes away the hash; lookups are kept in sets.
    __hash__ = object.__hash__


class AsyncLookupMixin(Lookup):
    """A lookup whose `get` is a coroutine, because the answer may have to come from a server."""

    to_override: ClassVar[tuple[str, ...]] = ("get",)

    async def get(self, key: Any, default: Any = None) -> Any:
        """Return the value of `key`, or `default`.

        Raises:
            ConnectionLost: Whoever knows cannot be asked.
        """
        raise NotImplementedError(f"{type(self).__name__} defines no get(key)")


class DictionaryLookup(MappingLookup):
    """A lookup on a dict in memory. `load` calls `self.set(dictionary)`; the swap is atomic for readers."""

    def __init__(
        self, app: BSPumpApplication, id: str | None = None, config: Mapping[str, Any] | None = None, lazy: bool = False
    ) -> None:
        """See `Lookup`; the table is empty until it is set."""
        super().__init__(app, id, config, lazy)
        self.Dictionary: dict[Any, Any] = {}

    def __getitem__(self, key: Any) -> Any:
        """Return the value of `key`; KeyError when there is none."""
        return self.Dictionary[key]

    def get(self, key: Any, default: Any = None) -> Any:
        """Return the value of `key`, or `default`."""
        return self.Dictionary.get(key, default)

    def __iter__(self) -> Iterator[Any]:
        """Iterate over the keys."""
        return iter(self.Dictionary)

    def __len__(self) -> int:
        """Return the number of keys."""
        return len(self.Dictionary)

    def set(self, dictionary: Mapping[Any, Any]) -> None:
        """Replace the whole table by `dictionary`, which belongs to the lookup from now on if it is a dict."""
        self.Dictionary = dictionary if type(dictionary) is dict else dict(dictionary)
        self.version += 1

    def serialize(self) -> bytes:
        """Return the table as JSON: an object when all keys are text, otherwise a list of [key, value]."""
        from .table_json import dump_table  # orjson is loaded when it is needed

        return dump_table(self.Dictionary)

    def deserialize(self, data: bytes) -> None:
        """Take the table from what `serialize` returned; tuples are keys again, dates come back as text.

        Raises:
            ValueError: This is no such table.
        """
        from .table_json import load_table, take_apart  # see above

        table, old = load_table(data), [self.Dictionary]
        self.set(table)
        take_apart(old)

    def rest_get(self) -> dict[str, Any]:
        """Return what the web API shows of this lookup, with its size."""
        return {**super().rest_get(), "Size": len(self)}

"""Lookups: tables that processors enrich events from."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Self

from ..config import Configurable, Options, Seconds, option

if TYPE_CHECKING:
    from ..application import BSPumpApplication

L = logging.getLogger(__name__)


class LookupOptions(Options):
    """Options of every lookup."""

    master_url: str = option("", "URL of the pump that holds the master copy; empty: this is the master")
    master_lookup_id: str = option("", "id of the lookup at the master; empty: the same id")
    master_timeout: Seconds = option(30.0, "seconds to wait for the master", gt=0)


class Lookup(Configurable):
    """A table with a name, loaded at start and replaced as a whole when it changes.

    Override `load`. It publishes `bspump.Lookup.changed!` whenever `load` returns True.
    """

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
        self.App = app
        self.Loop = app.Loop
        self.PubSub = app.PubSub
        self.Lazy = lazy

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
        return not self.options.master_url

    async def load(self) -> bool:
        """Load the table; return True if it has changed.

        Called once before the pipelines start (unless lazy) and whenever `update` is.

        Raises:
            OSError: The table cannot be read; at start this stops the application.
            ConfigError: It can be read but is not what was expected.
        """
        raise NotImplementedError(f"{type(self).__name__} defines no load()")

    async def update(self) -> None:
        """Load, and tell the subscribers of `bspump.Lookup.changed!` if the table has changed."""
        if await self.load():
            self.PubSub.publish("bspump.Lookup.changed!", lookup=self)

    def ensure_future_update(self, loop: Any = None) -> None:
        """Start `update` in the background; a failure is logged and the old table stays."""
        self.App.pump_service.start_background(self.update(), f"lookup {self.Id}")

    def serialize(self) -> bytes:
        """Return the table as bytes, for slaves."""
        raise NotImplementedError(f"{type(self).__name__} defines no serialize()")

    def deserialize(self, data: bytes) -> None:
        """Take the table that `serialize` of the master returned."""
        raise NotImplementedError(f"{type(self).__name__} defines no deserialize(data)")

    async def on_stop(self) -> None:
        """Release what the lookup holds; called once, after the pipelines have stopped."""

    def rest_get(self) -> dict[str, Any]:
        """Return what the web API shows of this lookup."""
        return {"Id": self.Id, "Class": type(self).__name__}


class MappingLookup(Lookup, Mapping[Any, Any]):
    """A lookup that reads like a dict: `lookup[key]`, `lookup.get(key)`, `key in lookup`, `len`, iteration."""

    # Mapping defines __eq__ and so takes away the hash; lookups are kept in sets.
    __hash__ = object.__hash__


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
        """Replace the whole table by `dictionary`."""
        self.Dictionary = dict(dictionary)

    def serialize(self) -> bytes:
        """Return the table as JSON."""
        import orjson

        return orjson.dumps(self.Dictionary, option=orjson.OPT_NON_STR_KEYS)

    def deserialize(self, data: bytes) -> None:
        """Take the table from JSON."""
        import orjson

        self.set(orjson.loads(data))

    def rest_get(self) -> dict[str, Any]:
        """Return what the web API shows of this lookup, with its size."""
        return {**super().rest_get(), "Size": len(self)}

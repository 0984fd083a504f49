"""Connections: named, shared access to a server."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Self

from ..config import Configurable
from .backoff import BackoffOptions

if TYPE_CHECKING:
    from ..application import BSPumpApplication


class ConnectionOptions(BackoffOptions):
    """Options of every connection."""


class Connection(Configurable):
    """Access to one server or cluster, which sources, sinks and lookups share by its name."""

    to_override: ClassVar[tuple[str, ...]] = ()

    class Options(ConnectionOptions):
        """Only the common options."""

    def __init__(self, app: BSPumpApplication, id: str | None = None, config: Mapping[str, Any] | None = None) -> None:
        """Read the configuration; connect to nothing yet.

        Args:
            app: The application.
            id: Name within the pump; the class name when empty.
            config: Options; wins over the section `[connection:ID]` of the configuration file.
        """
        self.Id = id or type(self).__name__
        super().__init__(f"connection:{self.Id}", config, where=f"connection {self.Id}")
        self.App = app
        self.Loop = app.Loop

    @classmethod
    def construct(cls, app: BSPumpApplication, definition: Mapping[str, Any]) -> Self:
        """Return the connection that a definition describes: its `id`, `config` and `args`."""
        return cls(app, definition.get("id"), definition.get("config"), **definition.get("args", {}))

    def time(self) -> float:
        """Return the UNIX time in seconds, read from the loop's clock."""
        return float(self.App.time())

    async def on_start(self) -> None:
        """Open the connection or begin to; called once, before the pipelines start. Must not wait for the server."""

    async def on_stop(self) -> None:
        """Close it; called once, after the pipelines have stopped."""

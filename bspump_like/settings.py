"""Sections of the configuration file that belong to no component."""

from __future__ import annotations

from .config import Configurable, Options, Seconds, option


class StoreOptions(Options):
    """Options of the store."""

    path: str = option("var/bspump.db", "the SQLite file with positions, snapshots and dead letters")


class StoreSettings(Configurable):
    """Section `[store]` of the configuration file."""

    class Options(StoreOptions):
        """Where the store is."""


class PumpOptions(Options):
    """Options of the application."""

    stop_timeout: Seconds = option(
        30.0, "seconds for the last barrier at a stop, before what is left is given up", gt=0
    )
    gc_threshold: int = option(
        200_000, "new objects before Python looks for cycles among them; events in work make its own 700 expensive; 0: leave it",
        ge=0,
    )  # fmt: skip
    replay_interval: Seconds = option(1.0, "seconds between two looks for dead letters to be tried again", gt=0)


class PumpSettings(Configurable):
    """Section `[bspump]` of the configuration file."""

    class Options(PumpOptions):
        """How the application ends."""

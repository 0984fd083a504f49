"""IPGeoLookup: where in the world an IP address is."""

from __future__ import annotations

import asyncio
import ipaddress
import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from ..abc.on_disk_lookup import OnDiskLookup, OnDiskLookupOptions
from ..config import option
from ..errors import needs
from ..resource import resolve_path
from .table_file import neighbours, require_path

if TYPE_CHECKING:
    from ..application import BSPumpApplication


class IPGeoLookupOptions(OnDiskLookupOptions):
    """Options of `IPGeoLookup`."""

    path: str = option(
        "",
        "a database in the format of MaxMind DB (.mmdb), of GeoLite2, GeoIP2, DB-IP or IPinfo; "
        "not read with `master_url` or `source_url`",
        example="GeoLite2-City.mmdb",
    )
    fields: dict[str, str] = option(
        {}, "what to take of a record, dots lead inwards -> its name in the value; empty: the record as it is",
        example={"country.iso_code": "country", "location.latitude": "lat"},
    )  # fmt: skip
    ipv4mapped: bool = option(
        False,
        "of BSPump, changes nothing here: whole numbers are taken as IPv4 below 2**32, as mapped IPv4, or as IPv6",
    )
    cache_size: int = option(10_000, "addresses whose values are kept ready; 0: none", ge=0)


class IPGeoLookup(OnDiskLookup):
    """Country, city and position of an IP address, or its network's owner, from a MaxMind database, for `LookupEnricher`.

    Asked with text, an `ipaddress` object or a whole number; an IPv4-mapped IPv6 address is taken as the IPv4 address. Its value
    is a dict; what is no address, or is not in the database, has none. The file is mapped into memory; with `reload_period` a new
    one is taken when it is put in the place of the old. With `master_url` the file comes from the IPGeoLookup of another pump,
    with `source_url` from any web server that has the `.mmdb`.

    Example:
        lookups:
          - id: Places
            class: IPGeoLookup  # the database is got from https://dev.maxmind.com/geoip/geolite2-free-geolocation-data
            config: {path: GeoLite2-City.mmdb, fields: {country.iso_code: country, location.latitude: lat}}
        pipelines:
          - id: Enrich
            sources:
              - {class: IteratorSource, args: {iterator: [{ip: 192.0.2.1}]}}
            processors:
              - {class: LookupEnricher, config: {lookup: Places, key: ip, target: place}}
            sink: {class: PrintSink}
    """

    class Options(IPGeoLookupOptions):
        """The database, and what to take of it."""

    ending = ".mmdb"

    def __init__(
        self, app: BSPumpApplication, id: str | None = None, config: Mapping[str, Any] | None = None, lazy: bool = False
    ) -> None:
        """See `Lookup`.

        Raises:
            ConfigError: Neither a file is named nor where else the database comes from.
            MissingDependency: maxminddb is not installed.
        """
        super().__init__(app, id, config, lazy)
        require_path(self)
        resolve_path(self.options.path)
        with needs("lookup"):
            import maxminddb
        self._maxminddb = maxminddb
        self._reader: maxminddb.reader.Reader | None = None
        self._seen: tuple[int, int, int] | None = None
        self._known: dict[Any, Any] = {}
        self._fields = [(path.split("."), name) for path, name in self.options.fields.items()]
        self._taken: Callable[[Any], Any] = self._chosen if self._fields else _same

    async def load(self) -> bool:
        """Open the database, unless it is as it was the last time.

        Raises:
            ConfigError: There is no such file, or it is no MaxMind database.
            OSError: It cannot be read.
        """
        path = resolve_path(self.options.path)
        try:
            found = await asyncio.to_thread(os.stat, path)
        except FileNotFoundError:
            raise self.mistake("path", f"there is no file '{path}'", neighbours(path)) from None
        seen = (found.st_mtime_ns, found.st_size, found.st_ino)
        if seen == self._seen:
            return False
        try:
            self.take_table(await asyncio.to_thread(self.open_table, path))
        except ValueError as error:
            raise self.mistake("path", f"'{path}' cannot be read: {error}") from error
        self._seen = seen
        return True

    def served_path(self) -> str:
        """Return the database that slaves get: the one of `path`, or the copy of this slave's master."""
        return resolve_path(self.options.path) if self.is_master() else self.kept_path()

    def open_table(self, path: str) -> Any:
        """Return a reader of a database.

        Raises:
            ValueError: It is no MaxMind database.
            OSError: It cannot be read.
        """
        try:
            return self._maxminddb.open_database(path)
        except self._maxminddb.InvalidDatabaseError as error:
            raise ValueError(str(error)) from error

    def take_table(self, table: Any) -> None:
        """Answer from this database; the old one is closed when nobody holds it any more."""
        self._reader, self._known = table, {}

    def get(self, address: Any, default: Any = None) -> Any:
        """Return the value of an address, or `default`. The dict is shared: copy it before changing it.

        Raises:
            TypeError: This is neither text, nor a number, nor an address.
        """
        known = self._known
        if address in known:
            value = known[address]
        else:
            value = self._find(address)
            if self.options.cache_size:
                if len(known) >= self.options.cache_size:
                    known.clear()  # cheaper than to know which one to forget
                known[address] = value
        return default if value is None else value

    lookup_location = search = get

    def lookup_location_ipv4(self, address: int) -> Any:
        """Return the value of an IPv4 address given as a number, or None."""
        return self.get(ipaddress.IPv4Address(address))

    def lookup_location_ipv6(self, address: int) -> Any:
        """Return the value of an IPv6 address given as a number, or None."""
        return self.get(ipaddress.IPv6Address(address))

    def __getitem__(self, address: Any) -> Any:
        """Return the value of an address; KeyError when there is none."""
        value = self.get(address)
        if value is None:
            raise KeyError(address)
        return value

    def __contains__(self, address: object) -> bool:
        """Tell whether there is a value."""
        return self.get(address) is not None

    def _find(self, address: Any) -> Any:
        if address is None or self._reader is None:
            return None
        try:
            if isinstance(address, int):
                address = ipaddress.ip_address(address)  # IPv4 below 2**32
            elif isinstance(address, str):
                address = ipaddress.ip_address(address) if ":" in address else address.strip()
            if isinstance(address, ipaddress.IPv6Address):
                address = address.ipv4_mapped or address
                if address.version == 6 and self._reader.metadata().ip_version == 4:
                    return None
            record = self._reader.get(address)
        except ValueError:  # no address, so there is nothing about it
            return None
        return None if record is None else self._taken(record)

    def _chosen(self, record: Any) -> dict[str, Any]:
        value = {}
        for path, name in self._fields:
            found = record
            for part in path:
                found = found.get(part) if isinstance(found, Mapping) else None
            value[name] = found
        return value

    async def on_stop(self) -> None:
        """Close the database."""
        self._reader, self._known = None, {}

    def rest_get(self) -> dict[str, Any]:
        """Return what the web API shows of this lookup, with what the database says of itself."""
        shown = super().rest_get()
        if self._reader is not None:
            about = self._reader.metadata()
            shown |= {"Database": about.database_type, "BuiltAt": about.build_epoch}
        return shown


def _same(record: Any) -> Any:
    return record

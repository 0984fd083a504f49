"""MemcachedLookup: values on a memcached server, asked for by the batch."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

from ..abc.cached_lookup import CachedLookup, CachedLookupOptions
from ..config import Seconds, option
from ..errors import ConnectionLost, ProcessingError, needs
from .memcached_format import HASHED, MOST_BYTES, decoded, encoded, expiry, is_refused, key_on_server, spellings

if TYPE_CHECKING:
    from ..application import BSPumpApplication

_T = TypeVar("_T")

_PORT = 11211
_IDLE = 30  # seconds after which a connection is left: firewalls and memcached itself may drop those that say nothing
_LONGEST_PREFIX = MOST_BYTES - len(HASHED) - 64  # bytes; 64 are the digits of a SHA-256


def server_address(server: Any) -> str:
    """Return a server's address if it is one: `host`, `host:port`, `[::1]:port` or the path of a Unix socket.

    Raises:
        ValueError: It is none; the sentence says what is expected.
    """
    text = str(server).strip()
    host, port = _host_and_port(text)
    if text.startswith("/") or (host and port.isascii() and port.isdecimal() and 0 < int(port) < 65536):
        return text
    raise ValueError("expected host:port, or the path of a Unix socket")


def _host_and_port(server: str) -> tuple[str, str]:
    host, colon, port = (server, "", "") if server.endswith("]") else server.rpartition(":")
    host, port = (host, port) if colon else (server, str(_PORT))
    if not host.startswith("["):
        return ("" if set(host) & set(":/ ") else host), port
    return host[1:-1], port


class MemcachedLookupOptions(CachedLookupOptions):
    """Options of a lookup on a memcached server."""

    server: str = option(
        "127.0.0.1:11211", "the server, as host:port, or the path of its Unix socket", parse=server_address
    )
    expiry_seconds: Seconds = option(
        3600.0, "seconds after which the server forgets what `set` has stored; 0: never", ge=0
    )
    prefix: str = option("", "goes before each key on the server", example="planes:")
    timeout: Seconds = option(5.0, "seconds to wait for the server, to connect and for each piece of its answer", gt=0)
    cache_size: int = option(
        1000, "answers to keep, missing ones too; the least used goes first", ge=1, aliases=("max_size",)
    )


class MemcachedLookup(CachedLookup):
    """Values on a memcached server by their keys: `await lookup.get(key)`, or `await lookup.get_many(keys)` with one request.

    Keys of a batch of events that are not in the cache are one request; missing ones are remembered too. While the server does
    not answer, it is asked again. `set`, `delete` and `flush_all` change what is on the server. Reading it as a mapping
    (`lookup[key]`) answers from the cache only. For `AsyncLookupEnricher`.

    Keys are text, bytes, whole numbers (in decimals) and tuples of these (as a JSON list). One that memcached does not take,
    longer than 250 bytes or with spaces, is stored under `sha256:` and the hash of its UTF-8. `set` stores bytes as they are and
    everything else as JSON; what other writers have stored is read as JSON, else as text, else as bytes. None and JSON's null
    are no value. An answer may be `cache_ttl` older than what is on the server.

    Example:
        lookups:
          - {id: Planes, class: MemcachedLookup, config: {server: "${MEMCACHED:127.0.0.1:11211}", prefix: "planes:"}}
        pipelines:
          - id: Enrich
            sources:
              - {class: IteratorSource, args: {iterator: [{tailnum: N14228}, {tailnum: N102UW}]}}
            processors:
              - {class: AsyncLookupEnricher, config: {lookup: Planes, key: tailnum, target: plane, missing: "null"}}
            sink: {class: PrintSink}
    """

    class Options(MemcachedLookupOptions):
        """Server, keys, cache."""

    def __init__(
        self, app: BSPumpApplication, id: str | None = None, config: Mapping[str, Any] | None = None,
        cache: Any = None, lazy: bool = False,
    ) -> None:  # fmt: skip
        """See `CachedLookup`; nothing is connected yet.

        Args:
            app: The application.
            id: Name within the pump.
            config: Options.
            cache: A mutable mapping to keep answers in, in place of ours.
            lazy: See `Lookup`.

        Raises:
            ConfigError: The prefix is nothing that memcached takes, or `preload` is on.
            MissingDependency: pymemcache is not installed.
        """
        super().__init__(app, id, config, cache, lazy)
        options = self.options
        self._prefix: bytes = options.prefix.encode()
        if self._prefix and (is_refused(self._prefix) or len(self._prefix) > _LONGEST_PREFIX):
            problem = f"option 'prefix' has {options.prefix!r}; expected up to {_LONGEST_PREFIX} bytes without spaces"
            raise self.mistake("prefix", problem)
        if options.preload:
            raise self.mistake(
                "preload", "memcached does not tell which keys it has, so not all can be loaded at the start"
            )
        with needs("memcached"):
            import pymemcache
            from pymemcache import exceptions as errors
        self._error = errors.MemcacheError
        # "ERROR Too many open connections" comes as an unknown command; all of ours are known to every memcached.
        self._writing = (OSError, errors.MemcacheUnexpectedCloseError, errors.MemcacheUnknownCommandError)
        # When it cannot answer what it has, it lacks memory for the answer now; a value it does not take it never will.
        self._reading = (*self._writing, errors.MemcacheServerError)
        self._server = options.server
        host, port = _host_and_port(self._server)
        # A pool, since the thread of a cancelled question may still be reading its answer.
        self._client = pymemcache.PooledClient(
            self._server if self._server.startswith("/") else (host, int(port)), serde=_Format(),
            connect_timeout=options.timeout, timeout=options.timeout, no_delay=True, allow_unicode_keys=True,
            default_noreply=False, pool_idle_timeout=_IDLE,
        )  # fmt: skip
        # One request at a time: an answer that is older than a `set` must not get into the cache after it.
        self._using = asyncio.Lock()

    async def find(self, keys: list[Any]) -> Mapping[Any, Any]:
        """Return the values of those keys that have one.

        Raises:
            ConnectionLost: The server cannot be asked now.
            ProcessingError: It refuses the question.
            TypeError: A key is neither text nor bytes, a whole number or a tuple.
            ValueError: Text of a key is no UTF-8.
        """
        names = {key: key_on_server(key, self._prefix) for key in keys}
        async with self._using:
            found = await self._call(self._reading, self._client.get_many, list(dict.fromkeys(names.values())))
        return {key: found[name] for key, name in names.items() if name in found}

    async def set(self, to_cache: Mapping[Any, Any]) -> None:
        """Store values by their keys on the server, for `expiry_seconds`; `get` answers with them from now on.

        Raises:
            ConnectionLost: The server cannot be asked, and `patience` is over.
            ProcessingError: It refuses a value: too large, or there is no room. The others may be stored.
            TypeError: A key that cannot be asked for, or a value that is neither bytes nor JSON; nothing is stored.
            ValueError: See `find`.
        """
        items = dict(to_cache)
        stored = await asyncio.to_thread(
            lambda: {key: (key_on_server(key, self._prefix), encoded(key, value)) for key, value in items.items()}
        )
        rest = iter(stored.items())
        # In parts: the server stops reading when nobody reads its answers, and those are read after all is sent.
        while part := dict(islice(rest, self.options.batch_size)):
            await self._patiently(partial(self._store, part))

    async def _store(self, part: Mapping[Any, tuple[bytes, tuple[bytes, int]]]) -> Mapping[Any, Any]:
        async with self._using:
            self._forget(part)
            values, until = dict(part.values()), expiry(self.options.expiry_seconds)
            refused = await self._call(self._writing, self._client.set_many, values, until)
            if refused:
                raise ProcessingError(f"lookup {self.Id}: memcached at {self._server} did not store {refused[0]!r}")
            self._answers.put({key: decoded(*values[name]) for key, (name, _) in part.items()})
        return part

    async def delete(self, key: Any) -> bool:
        """Delete a key and its value from the server; return whether it was there.

        Raises:
            ConnectionLost: The server cannot be asked, and `patience` is over.
            ProcessingError: It refuses.
            TypeError: See `find`.
            ValueError: See `find`.
        """
        name = key_on_server(key, self._prefix)

        async def ask() -> Mapping[Any, Any]:
            async with self._using:
                self._forget([key])
                return {key: await self._call(self._writing, self._client.delete, name)}

        return bool((await self._patiently(ask))[key])

    async def flush_all(self) -> None:
        """Delete everything from the server, whoever stored it, with the prefix or without.

        Raises:
            ConnectionLost: The server cannot be asked, and `patience` is over.
            ProcessingError: It refuses.
        """

        async def ask() -> Mapping[Any, Any]:
            async with self._using:
                await self._call(self._writing, self._client.flush_all)
                self._answers.clear()
            return {}

        await self._patiently(ask)

    async def close_connection(self) -> None:
        """Close the connection; the next question opens one again."""
        async with self._using:
            self._client.close()

    async def on_stop(self) -> None:
        """Leave open questions unanswered, and close the connection."""
        await super().on_stop()
        await self.close_connection()

    def _forget(self, keys: Any) -> None:
        self._answers.forget(spelling for key in keys for spelling in spellings(key))

    async def _call(self, passing: tuple[type[Exception], ...], function: Callable[..., _T], *args: Any) -> _T:
        try:
            return await asyncio.to_thread(function, *args)
        except passing as error:
            raise ConnectionLost(
                f"memcached at {self._server} cannot be asked", detail=_said(error),
                hint="check 'server', and that memcached runs there with room for one more connection",
            ) from error  # fmt: skip
        except self._error as error:
            raise ProcessingError(
                f"lookup {self.Id}: memcached at {self._server} refuses", detail=_said(error)
            ) from error


class _Format:
    """What pymemcache calls with what goes out, which is encoded already, and with what comes in; in its thread."""

    def serialize(self, key: bytes, value: tuple[bytes, int]) -> tuple[bytes, int]:
        return value

    def deserialize(self, key: bytes, value: bytes, flags: int) -> Any:
        return decoded(value, flags)


def _said(error: Exception) -> str:
    """Return what the server or the system says, in words; of some of its errors pymemcache tells little more than the class."""
    kind = type(error).__name__
    if not error.args:
        return "the connection was closed" if kind == "MemcacheUnexpectedCloseError" else kind
    said = error.args[0] if len(error.args) == 1 else str(error)
    words = said.decode(errors="replace") if isinstance(said, bytes) else str(said)
    return f"it answers ERROR to '{words}'" if kind == "MemcacheUnknownCommandError" else words

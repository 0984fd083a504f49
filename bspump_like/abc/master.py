"""The master copy of a lookup, at another pump or any web server: asked for over HTTP, kept in a file for when it is away."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import hashlib
import os
from collections.abc import AsyncIterator, Callable, Mapping
from typing import IO, TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote, urlsplit

from ..errors import BSPumpError, ConfigError, ConnectionLost

if TYPE_CHECKING:
    from aiohttp import ClientResponse, StreamReader

_MODIFIED = "Last-Modified: "
_T = TypeVar("_T")
_SHOWN = 200  # bytes of what comes with a refusal


@dataclasses.dataclass(frozen=True)
class Table:
    """A table as it travels.

    Attributes:
        data: What `serialize` of the master returned.
        etag: What names this version: the master's ETag, or `Last-Modified: DATE`, or the digest of the data.
        kept_at: UNIX time at which it was kept, when it comes from a file.
    """

    data: bytes
    etag: str
    kept_at: float = 0.0


def checked_url(value: Any) -> str:
    """Return the URL of a web server; empty is none.

    Raises:
        ValueError: It is no such URL.
    """
    text = str(value)
    parts = urlsplit(text)
    if text and (parts.scheme not in ("http", "https") or not parts.hostname):
        raise ValueError("expected a URL that begins with http:// or https://")
    return text


class Master:
    """A table that is had over HTTP.

    Args:
        url: Of the table.
        name: What a person calls it: `the master`.
        hints: Status of an answer -> what to do about it.
        timeout: Seconds to wait for the connection, and for each piece of the answer.
        max_size: Bytes to take, decompressed.
        token: What the web server wants; empty: nothing.
    """

    def __init__(
        self, url: str, name: str, hints: Mapping[int, str], timeout: float, max_size: int, token: str = ""
    ) -> None:  # fmt: skip
        """Ask nothing yet."""
        self._max_size = max_size
        self.url, self._name, self._hints = url, name, hints
        self._timeout, self._token = timeout, token

    async def fetch(self, etag: str) -> Table | None:
        """Return the table, or None when it is still the one called `etag` (RFC 9110, section 13.1).

        Raises:
            ConnectionLost: The master cannot be reached, takes too long, or is not ready: ask again later.
            ConfigError: It has no such table, or wants another token.
        """
        async with self._asked(etag, {}) as response:
            if response is None:
                return None
            data = await self._read(response.content)
            found = await asyncio.to_thread(_named, data, response.headers)
            return None if found.etag == etag else found

    async def fetch_to(self, etag: str, opened: Callable[[], IO[bytes]]) -> str | None:
        """Write the table to a file as it comes; return its ETag, or None when it is still the one called `etag`.

        Args:
            etag: What the caller has.
            opened: Makes the file, in a thread; called only when there is a table to write.

        Raises:
            ConnectionLost: See `fetch`; what the file holds by then is no table.
            ConfigError: See `fetch`.
            BSPumpError: The file cannot be written.
        """
        # As it is: a web server may have compressed an older one beside the file.
        async with self._asked(etag, {"Accept-Encoding": "identity"}) as response:
            if response is None:
                return None
            stream = await _local(opened)
            digest, size = hashlib.sha256(), 0

            def write(piece: bytes) -> None:
                digest.update(piece)
                stream.write(piece)

            async for piece in response.content.iter_chunked(1 << 20):
                size += len(piece)
                self._check(size)
                await _local(write, piece)
            await _local(stream.flush)
            found = _name_of(response.headers) or f'"{digest.hexdigest()}"'
            return None if found == etag else found

    @contextlib.asynccontextmanager
    async def _asked(self, etag: str, more: Mapping[str, str]) -> AsyncIterator[ClientResponse | None]:
        """Ask for the table: the answer to read within the block, None when it is still the one called `etag`."""
        import aiohttp

        timeout = aiohttp.ClientTimeout(sock_connect=self._timeout, sock_read=self._timeout)
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout) as session,
                session.get(self.url, headers={**self._headers(etag), **more}) as response,
            ):
                if response.status not in (200, 304):
                    raise self._refused(response.status, await response.content.read(_SHOWN))
                yield response if response.status == 200 else None
        except aiohttp.InvalidURL as error:
            raise ConfigError(f"'{self.url}' of {self._name} is no URL", hint="http://HOST:PORT") from error
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            detail = f"no answer within {self._timeout:g} s" if isinstance(error, TimeoutError) else str(error)
            raise ConnectionLost(
                f"{self._name} at {self.url} cannot be reached", detail=detail, hint=self._hints.get(0, "")
            ) from error

    async def _read(self, content: StreamReader) -> bytes:
        pieces, size = [], 0
        async for piece in content.iter_chunked(1 << 20):
            pieces.append(piece)
            size += len(piece)
            self._check(size)
        return b"".join(pieces)

    def _check(self, size: int) -> None:
        if size > self._max_size:
            raise ConfigError(
                f"{self._name} at {self.url} is larger than {self._max_size:,} bytes", hint="raise 'master_max_size'"
            )

    def _headers(self, etag: str) -> Mapping[str, str]:
        headers = {"Authorization": f"Bearer {self._token}"} if self._token else {}
        if etag.startswith(_MODIFIED):
            headers["If-Modified-Since"] = etag.removeprefix(_MODIFIED)
        elif etag:
            # The second is what BSPump's own masters compare.
            headers |= {"If-None-Match": etag, "ETag": etag}
        return headers

    def _refused(self, status: int, data: bytes) -> Exception:
        message, hint = f"{self._name} at {self.url} answers {status}", self._hints.get(status, "")
        if hint:
            return ConfigError(message, hint=hint)
        return ConnectionLost(message, detail=data.decode("utf-8", "replace").strip())


def master_of(endpoint: str, lookup_id: str, timeout: float, max_size: int, token: str) -> Master:
    """Return the lookup of another pump, as its REST API serves it."""
    wanted = "set 'master_token' to its [web] token"
    hints = {
        0: "is it running, with [web] listen?", 401: wanted, 403: wanted,
        404: f"it has no lookup '{lookup_id}'; see 'master_lookup_id'",
    }  # fmt: skip
    return Master(f"{endpoint}{quote(lookup_id, safe='')}", "the master", hints, timeout, max_size, token)


def source_of(url: str, timeout: float, max_size: int, token: str) -> Master:
    """Return a table at any web server."""
    wanted = "set 'master_token' to what it wants as Bearer token"
    hints = {401: wanted, 403: wanted, 404: "see 'source_url'", 410: "see 'source_url'"}
    return Master(url, "the table", hints, timeout, max_size, token)


async def _local(function: Callable[..., _T], *args: Any) -> _T:
    """Call what writes to disk, in a thread: its failure is none of the connection."""
    try:
        return await asyncio.to_thread(function, *args)
    except OSError as error:
        raise BSPumpError(f"a table from a master cannot be written: {error}", hint="see 'cache_dir'") from error


def _named(data: bytes, headers: Mapping[str, str]) -> Table:
    """Return the table with what names its version; a server that gives no name gets the digest of the data."""
    return Table(data, _name_of(headers) or f'"{hashlib.sha256(data).hexdigest()}"')


def _name_of(headers: Mapping[str, str]) -> str:
    if "ETag" in headers:
        return headers["ETag"]
    return f"{_MODIFIED}{headers['Last-Modified']}" if "Last-Modified" in headers else ""


class KeptTable:
    """The last table of a master in a file: one line with its name (ETag), then the data.

    Args:
        path: The file.
    """

    def __init__(self, path: str) -> None:
        """Touch nothing yet."""
        self.path = path

    async def read(self) -> Table | None:
        """Return what was kept, None when there is nothing.

        Raises:
            OSError: The file is there and cannot be read.
        """
        return await asyncio.to_thread(self._read)

    async def write(self, table: Table) -> None:
        """Keep a table in place of the one before; a crash leaves the old one or the new one.

        Raises:
            OSError: It cannot be written.
        """
        await asyncio.to_thread(self._write, table)

    def _read(self) -> Table | None:
        try:
            with open(self.path, "rb") as stream:
                etag = stream.readline().rstrip(b"\n").decode()
                return Table(stream.read(), etag, os.fstat(stream.fileno()).st_mtime)
        except FileNotFoundError:
            return None

    def _write(self, table: Table) -> None:
        os.makedirs(os.path.dirname(self.path) or ".", exist_ok=True)
        new = f"{self.path}.new-{os.getpid()}"
        with open(new, "wb") as stream:
            stream.write(table.etag.encode() + b"\n")
            stream.write(table.data)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(new, self.path)


def kept_path(folder: str, lookup_id: str) -> str:
    """Return the file in `folder` that keeps the table of a lookup."""
    return os.path.join(folder, f"lookup-{quote(lookup_id, safe='')}.cache")

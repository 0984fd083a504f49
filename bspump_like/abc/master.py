"""The master copy of a lookup, at another pump: asked for over its REST API, kept in a file for when it is away."""

from __future__ import annotations

import asyncio
import dataclasses
import os
from collections.abc import Mapping
from urllib.parse import quote

from ..errors import ConfigError, ConnectionLost

ENDPOINT = "/bspump/v1/lookup/"


@dataclasses.dataclass(frozen=True)
class Table:
    """A table as it travels.

    Attributes:
        data: What `serialize` of the master returned.
        etag: What the master calls this version; '' when it does not say.
        kept_at: UNIX time at which it was kept, when it comes from a file.
    """

    data: bytes
    etag: str
    kept_at: float = 0.0


class Master:
    """One lookup of another pump, as its REST API serves it.

    Args:
        url: Of that pump's web server.
        lookup_id: Id of the lookup there.
        timeout: Seconds to wait for the connection, and for each piece of the answer.
        token: What that web server wants; empty: nothing.
    """

    def __init__(self, url: str, lookup_id: str, timeout: float, token: str = "") -> None:
        """Ask nothing yet."""
        self.url = f"{url.rstrip('/')}{ENDPOINT}{quote(lookup_id, safe='')}"
        self._lookup_id = lookup_id
        self._timeout = timeout
        self._token = token

    async def fetch(self, etag: str) -> Table | None:
        """Return the table, or None when it is still the one called `etag` (RFC 9110, section 13.1.2).

        Raises:
            ConnectionLost: The master cannot be reached, takes too long, or is not ready: ask again later.
            ConfigError: It has no such lookup, or wants another token.
        """
        import aiohttp

        timeout = aiohttp.ClientTimeout(sock_connect=self._timeout, sock_read=self._timeout)
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout) as session,
                session.get(self.url, headers=self._headers(etag)) as response,
            ):
                if response.status == 304:
                    return None
                data = await response.read()
                if response.status == 200:
                    return Table(data, response.headers.get("ETag", ""))
                raise self._refused(response.status, data)
        except aiohttp.InvalidURL as error:
            raise ConfigError(
                f"option 'master_url' leads to '{self.url}', which is no URL", hint="http://HOST:PORT"
            ) from error
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            detail = f"no answer within {self._timeout:g} s" if isinstance(error, TimeoutError) else str(error)
            raise ConnectionLost(
                f"the master at {self.url} cannot be reached", detail=detail, hint="is it running, with [web] listen?"
            ) from error

    def _headers(self, etag: str) -> Mapping[str, str]:
        headers = {"Authorization": f"Bearer {self._token}"} if self._token else {}
        # The second is what BSPump's own masters compare.
        return {**headers, "If-None-Match": etag, "ETag": etag} if etag else headers

    def _refused(self, status: int, data: bytes) -> Exception:
        said = data[:200].decode("utf-8", "replace").strip()
        if status == 404:
            return ConfigError(
                f"the master at {self.url} has no lookup '{self._lookup_id}'", hint="see 'master_lookup_id'"
            )
        if status in (401, 403):
            return ConfigError(
                f"the master at {self.url} answers {status}", hint="set 'master_token' to its [web] token"
            )
        return ConnectionLost(f"the master at {self.url} answers {status}", detail=said)


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

"""One node of a cluster: an HTTP client for the transport of the `elastic_transport` package.

In place of the package's own: that one has no limit for connecting, compresses on the event loop, and follows redirects.
"""

from __future__ import annotations

import asyncio
import gzip
import io
import logging
import time
from typing import Any, NamedTuple

import aiohttp
import elastic_transport
import orjson
from yarl import URL

L = logging.getLogger(__name__)

CONNECT_TIMEOUT = 5.0  # seconds for one try, TLS included; of several addresses of a name each has as much
_LARGE = 65536  # bytes; what is larger is compressed in a thread, and sent piece by piece


_ALL_STORED = b'{"errors":false,"items":['
"""Beginning of the answer to a bulk that was stored: its thousands of equal outcomes are not worth the time to parse them."""


class Json(elastic_transport.JsonSerializer):
    """Parses answers with orjson."""

    def json_loads(self, data: bytes) -> Any:
        """Return what the answer holds, of a bulk without errors only that; `ValueError` if it is no JSON."""
        if data.startswith(_ALL_STORED) and data.endswith(b"]}"):
            return {"errors": False}
        return orjson.loads(data)


class Lines(elastic_transport.Serializer):
    """Lets the lines of a bulk pass as the bytes they are."""

    mimetype = "application/x-ndjson"

    def dumps(self, data: bytes) -> bytes:
        """Return the same bytes."""
        return data


class Answer(NamedTuple):
    """What the transport wants to have of an answer."""

    meta: elastic_transport.ApiResponseMeta
    body: bytes


class Node(elastic_transport.BaseAsyncNode):
    """The client of one node.

    Args:
        config: Its address, credentials, TLS.
    """

    has_others = False

    def __init__(self, config: elastic_transport.NodeConfig) -> None:
        """Make no connection yet."""
        super().__init__(config)
        self._session: aiohttp.ClientSession | None = None
        self._failing = False

    async def perform_request(  # type: ignore[override]
        self, method: str, target: str, body: bytes | None = None, headers: Any = None, request_timeout: Any = None
    ) -> Answer:
        """Send a request and return the answer, whatever it says.

        Raises:
            elastic_transport.ConnectionError: There is no connection, or it has broken; another node may do better.
            elastic_transport.ConnectionTimeout: It is connected and does not answer.
            elastic_transport.TlsError: The two do not agree on TLS.
        """
        every = self.headers.copy()
        every.update(headers or {})
        data: Any = body
        if body and self.config.http_compress:
            every["content-encoding"] = "gzip"
            large = len(body) > _LARGE
            # Level 1: a third of the time of the default, for a tenth more bytes.
            data = await asyncio.to_thread(gzip.compress, body, 1) if large else gzip.compress(body, 1)
        if data and len(data) > _LARGE:
            data = io.BytesIO(data)
        limit = request_timeout if isinstance(request_timeout, int | float) else self.config.request_timeout
        timeout = aiohttp.ClientTimeout(total=limit, sock_connect=CONNECT_TIMEOUT)
        begin = time.monotonic()
        try:
            async with self._client().request(
                method, URL(self.base_url + target, encoded=True), data=data, headers=dict(every), timeout=timeout,
                allow_redirects=False,
            ) as response:  # fmt: skip
                raw = await response.read()
        except aiohttp.ConnectionTimeoutError as error:
            self._failed(f"there is no connection to {self.base_url} within {CONNECT_TIMEOUT:g} s")
            raise elastic_transport.ConnectionError(
                f"no connection to {self.base_url} within {CONNECT_TIMEOUT:g} s", errors=(error,)
            ) from None
        except TimeoutError as error:
            self._failed(f"{self.base_url} has not answered in {limit} s")
            raise elastic_transport.ConnectionTimeout(
                f"{self.base_url} has not answered in {limit} s", errors=(error,)
            ) from None
        except aiohttp.ClientSSLError as error:
            reason = f"{self.base_url}: {_cause(error)}"
            self._failed(reason)
            raise elastic_transport.TlsError(reason, errors=(error,)) from None
        except (aiohttp.ClientError, OSError) as error:
            reason = f"{self.base_url}: {_cause(error)}"
            self._failed(reason)
            raise elastic_transport.ConnectionError(reason, errors=(error,)) from None
        if self._failing:
            self._failing = False
            if self.has_others:
                L.warning("node %s answers again", self.base_url)
        answered = elastic_transport.HttpHeaders(response.headers)
        meta = elastic_transport.ApiResponseMeta(
            node=self.config,
            duration=time.monotonic() - begin,
            http_version="1.1",
            status=response.status,
            headers=answered,
        )
        return Answer(meta, raw)

    async def close(self) -> None:  # type: ignore[override]
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _failed(self, reason: str) -> None:
        if self.has_others and not self._failing:
            L.warning("a node is passed over for a while: %s", reason)
        self._failing = True

    def _client(self) -> aiohttp.ClientSession:
        if self._session is None:
            config = self.config
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    limit_per_host=config.connections_per_node, ssl=config.ssl_context or True
                ),
                cookie_jar=aiohttp.DummyCookieJar(),
                # Answers are short: to compress them costs more than it saves, unless somebody asks for it.
                skip_auto_headers=() if config.http_compress else ("accept-encoding",),
            )
        return self._session


class OneOfMany(Node):
    """The client of one node of several; the operator is told when it fails, since no sink says so."""

    has_others = True


def _cause(error: Exception) -> str:
    """Return what the system said, without the words of the client around it."""
    inner = getattr(error, "certificate_error", None) or getattr(error, "os_error", None) or error
    return str(getattr(inner, "strerror", None) or inner) or "it has closed the connection"

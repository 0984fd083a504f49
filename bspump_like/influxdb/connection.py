"""InfluxDBConnection: where points are written."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import urlencode, urlsplit

from ..abc import Connection, ConnectionOptions
from ..abc.tls import TLSOptions, ssl_context
from ..config import Seconds, Size, option
from ..errors import BSPumpError, ConfigError, ConnectionLost, Problem, needs
from .line import FACTORS

if TYPE_CHECKING:
    from ..application import BSPumpApplication


def _url(value: Any) -> str:
    text = str(value)
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("expected a URL such as http://localhost:8086/")
    if parts.query or parts.path.rstrip("/").endswith("/write"):
        raise ValueError("expected the URL of the server alone: what is written to stands in 'db', or in 'bucket' and 'org'")
    return text


class InfluxDBConnectionOptions(ConnectionOptions, TLSOptions):
    """Options of an InfluxDB server."""

    refused: ClassVar[dict[str, str]] = {
        "database": "it is called 'db' here", "host": "it stands in 'url'", "port": "it stands in 'url'",
    }  # fmt: skip

    url: str = option("http://localhost:8086/", "URL of the server", parse=_url)
    db: str = option("mydb", "database, 1.x")
    username: str = option("", "user, 1.x")
    password: str = option("", "password, 1.x", secret=True)
    bucket: str = option("", "bucket, 2.x; set, the 2.x interface is used")
    org: str = option("", "organization, 2.x")
    token: str = option("", "token, 2.x", secret=True)
    precision: str = option(
        "ns", "unit of timestamps on the wire, and of lines that come ready", choices=tuple(FACTORS)
    )
    output_queue_max_size: int = option(10, "buckets waiting before the pipeline is throttled", ge=1)
    output_bucket_max_size: Size = option(1000000, "bytes of a bucket after which it is sent", gt=0)
    timeout: Seconds = option(30.0, "seconds to wait for an answer", gt=0)
    retry_enabled: bool = option(True, "kept for old configuration files; what can succeed later is always tried again")
    response_codes_to_retry: list[int] = option(
        [404, 429, 500, 502, 503, 504],
        "statuses after which a bucket is sent again; 400, 413 and 422 only if they stand here",
    )


_CONNECT_TIMEOUT = 5.0  # seconds, TLS included
_AT_FAULT = (400, 413, 422)
"""Statuses that are about the points: some are malformed, do not fit what is stored, or are too many."""


class Refused(BSPumpError):
    """The server will not take these points.

    Args:
        status: HTTP status.
        reason: What the server says.
    """

    def __init__(self, status: int, reason: str) -> None:
        """Keep the status."""
        super().__init__(f"InfluxDB answers {status}", detail=reason)
        self.status = status


class InfluxDBConnection(Connection):
    """An InfluxDB server, 1.x or 2.x, that sinks share.

        InfluxDBConnection(app, "InfluxConnection1", {"url": "http://influx:8086/", "db": "metrics"})

    With `bucket`, `org` and `token` it is the 2.x write interface, which 1.8 and 3.x have too.

    Example:
        connections:
          - {id: Influx, class: InfluxDBConnection, config: {url: "${INFLUXDB:http://localhost:8086}", db: flights}}
        pipelines:
          - id: Example
            sources:
              - class: IteratorSource
                args:
                  iterator:
                    - {measurement: delays, tags: {origin: EWR}, fields: {delay: 2.5}, time: 1767225600}
            sink: {class: InfluxDBSink, args: {connection: Influx}}
    """

    class Options(InfluxDBConnectionOptions):
        """Server, database, buckets."""

    def __init__(self, app: BSPumpApplication, id: str | None = None, config: Mapping[str, Any] | None = None) -> None:
        """See `Connection`.

        Raises:
            MissingDependency: aiohttp is not installed.
        """
        super().__init__(app, id, config)
        with needs("http"):
            import aiohttp  # noqa: F401 - said at the start, not at the first event
        options = self.options
        problem = self._contradiction(config or {})
        if problem:
            raise ConfigError([Problem(problem, where=f"connection {self.Id}")])
        if options.bucket:
            query = {
                "bucket": options.bucket,
                "org": options.org,
                "precision": "us" if options.precision == "u" else options.precision,
            }
            self._target = f"{options.url.rstrip('/')}/api/v2/write?{urlencode(query)}"
        else:
            query = {
                "db": options.db,
                "precision": "u" if options.precision == "us" else options.precision,
            }
            self._target = f"{options.url.rstrip('/')}/write?{urlencode(query)}"
        self._where = re.sub(r"//[^/@]*@", "//", options.url)
        self._session: Any = None

    def _contradiction(self, config: Mapping[str, Any]) -> str:
        options = self.options
        if options.bucket and "db" in config:
            return "either 'db' (1.x) or 'bucket' (2.x) may be set, and not both"
        if options.org and not options.bucket:
            return "'org' is set and 'bucket' is not: both name where points go in 2.x"
        if options.password and not options.username:
            return "'password' is set and 'username' is not"
        return ""

    async def on_start(self) -> None:
        """Make the client; it connects with the first points."""
        import aiohttp

        options = self.options
        headers = {"Content-Type": "text/plain; charset=utf-8"}
        if options.token:
            headers["Authorization"] = f"Token {options.token}"
        elif options.username:
            pair = f"{options.username}:{options.password}".encode()
            headers["Authorization"] = f"Basic {base64.b64encode(pair).decode()}"
        if options.url.startswith("https"):
            options.tls = True
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=ssl_context(options) or True),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers=headers,
            timeout=aiohttp.ClientTimeout(total=options.timeout, sock_connect=_CONNECT_TIMEOUT),
        )

    async def on_stop(self) -> None:
        """Close the client."""
        if self._session is not None:
            await self._session.close()

    async def write(self, lines: bytes) -> None:
        """Write points in line protocol.

        Raises:
            ConnectionLost: Not now; the same points can be written later.
            Refused: Never; some of the points are at fault.
        """
        import aiohttp

        options = self.options
        # As a file: aiohttp sends it piece by piece, and lets others have their turn between.
        body = io.BytesIO(lines)
        try:
            async with self._session.post(self._target, data=body, allow_redirects=False) as answer:
                text = " ".join((await answer.text(errors="replace")).split())[:1000]
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            inner = getattr(error, "certificate_error", None) or getattr(error, "os_error", None) or error
            reason = str(getattr(inner, "strerror", None) or inner) or "no answer in time"
            secure = isinstance(error, aiohttp.ClientSSLError)
            hint = "check url and tls_ca_file" if secure else "check url"
            raise ConnectionLost(f"cannot reach InfluxDB at {self._where}", detail=reason, hint=hint) from error
        if answer.status == 204 or (answer.status < 300 and not text):
            return
        if answer.status < 400:
            raise ConnectionLost(f"what answers at {self._where} is no InfluxDB", detail=text[:200], hint="check url")
        if answer.status in _AT_FAULT and answer.status not in options.response_codes_to_retry:
            raise Refused(answer.status, text)
        hint = "check username, password or token" if answer.status in (401, 403) else ""
        raise ConnectionLost(f"InfluxDB at {self._where} answers {answer.status}", detail=text[:300], hint=hint)

"""ElasticSearchConnection: the nodes of a cluster, and how to be let in."""

from __future__ import annotations

import base64
import logging
import re
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import orjson

from ..abc import Connection, ConnectionOptions
from ..abc.tls import TLSOptions, ssl_context
from ..config import Seconds, Size, option
from ..errors import BSPumpError, ConfigError, ConnectionLost, Problem, needs

if TYPE_CHECKING:
    from ..application import BSPumpApplication
    from .bulk import ElasticSearchBulk
    from .outbox import Outbox


def _urls(value: Any) -> list[str]:
    parts = re.split(r"[;,\s]+", value) if isinstance(value, str) else [str(part) for part in value]
    urls = [part.rstrip("/") for part in parts if part]
    for url in urls:
        if not re.match(r"https?://[^/]+", url):
            raise ValueError(f"expected URLs such as http://localhost:9200/, and '{url}' is none")
    return urls


class ElasticSearchConnectionOptions(ConnectionOptions, TLSOptions):
    """Options of an Elasticsearch or OpenSearch cluster."""

    refused: ClassVar[dict[str, str]] = dict.fromkeys(("host", "hosts", "node", "nodes", "port"), "the nodes stand in 'url'")

    url: list[str] = option(
        "http://localhost:9200/", "URLs of the nodes, separated by blanks or ';'; one that fails is passed over for a while",
        parse=_urls,
    )  # fmt: skip
    username: str = option("", "user, for basic authentication")
    password: str = option("", "password", secret=True)
    api_key: str = option("", "API key, in place of a user; encoded, or ID:KEY", secret=True)
    compress: bool = option(False, "compress requests with gzip")
    timeout: Seconds = option(300.0, "seconds to wait for an answer", gt=0)
    loader_per_url: int = option(4, "bulks under way at once, for each URL", ge=1)
    output_queue_max_size: int = option(
        4, "bulks waiting or under way before the pipeline is throttled; at least one for each loader", ge=1
    )
    bulk_out_max_size: Size = option(1048576, "bytes of a bulk after which it is sent", gt=0)
    allowed_bulk_response_codes: list[int] = option([200, 201], "statuses of an item that mean it is stored")
    retry_on_status: list[int] = option(
        [429, 502, 503, 504], "statuses of an item or a bulk after which it is tried again"
    )
    fail_log_max_size: int = option(20, "refused items to log for each bulk", ge=0)
    precise_error_handling: bool = option(False, "kept for old configuration files; items are always told apart")
    log_failed_documents: bool = option(False, "log the refused documents too; they may hold what nobody should read")
    bulk_lifespan: int = option(30, "kept for old configuration files; barriers send what waits", ge=0)
    max_bulk_age: Seconds = option(
        2.0, "seconds after which documents given to `consume` are sent, though the bulk is not full; sinks send with barriers",
        ge=0,
    )  # fmt: skip


class Refused(BSPumpError):
    """The cluster answered with an error.

    Args:
        status: HTTP status.
        reason: What the cluster says.
    """

    def __init__(self, status: int, reason: str) -> None:
        """Keep the status."""
        hint = "check username, password or api_key" if status in (401, 403) else ""
        super().__init__(f"Elasticsearch answers {status}", detail=reason, hint=hint)
        self.status = status

    @property
    def passes(self) -> bool:
        """Tell whether the same request may be answered later: the cluster is busy, or in trouble."""
        return self.status in (408, 429) or self.status >= 500

    @property
    def steady_detail(self) -> str:
        """Return the reason without figures that differ from answer to answer, so that it is news only once."""
        return self.detail.partition(":")[0] if self.passes else self.detail


class ElasticSearchConnection(Connection):
    """A cluster that sources, sinks and lookups share.

        ElasticSearchConnection(app, "ESConnection", {"url": "http://es1:9200/ http://es2:9200/"})

    The client is the transport layer of the `elasticsearch` package, without its check of what is at the other end: the same
    code serves Elasticsearch 7, 8, 9 and OpenSearch.

    Code of one's own may hand documents over without an ElasticSearchSink: `consume` takes them, `await drained()` waits until
    they are stored. Publishes `ElasticSearchConnection.pause!` and `unpause!` when too many bulks wait, and when they are fewer.

    Example:
        connections:
          - {id: Search, class: ElasticSearchConnection, config: {url: "${ELASTICSEARCH:http://localhost:9200}"}}
        pipelines:
          - id: Example
            sources:
              - {class: IteratorSource, args: {iterator: [{_id: UA1545, origin: EWR}, {_id: UA1714, origin: LGA}]}}
            sink: {class: ElasticSearchSink, args: {connection: Search}, config: {index: flights}}
    """

    class Options(ElasticSearchConnectionOptions):
        """Nodes, credentials, bulks."""

    def __init__(self, app: BSPumpApplication, id: str | None = None, config: Mapping[str, Any] | None = None) -> None:
        """See `Connection`.

        Raises:
            MissingDependency: The elasticsearch package is not installed.
        """
        super().__init__(app, id, config)
        options, where = self.options, f"connection {self.Id}"
        if options.api_key and options.username:
            raise ConfigError([Problem("either 'api_key' or 'username' may be set, and not both", where=where)])
        if options.password and not options.username:
            raise ConfigError([Problem("'password' is set and 'username' is not", where=where)])
        with needs("elasticsearch", package="elasticsearch"):
            import elastic_transport  # noqa: F401 - said at the start, not at the first event
        # The transport logs each failed try with a traceback; sources and sinks say the same in one sentence.
        logging.getLogger("elastic_transport").setLevel(logging.CRITICAL)
        self._transport: Any = None
        self._session: Any = None
        self._outbox: Outbox | None = None
        self._queues: list[Callable[[], int]] = []
        self._gauge: Any = None

    @property
    def loaders(self) -> int:
        """Number of bulks under way at once."""
        return int(self.options.loader_per_url) * len(self.options.url)

    def get_url(self) -> str:
        """Return the URL of the first node."""
        return f"{self.options.url[0]}/"

    def get_session(self) -> Any:
        """Return an `aiohttp.ClientSession` with the credentials of this connection, for requests of one's own.

        It is closed with the connection.
        """
        if self._session is None:
            import aiohttp

            options = self.options
            if any(url.startswith("https") for url in options.url):
                options.tls = True
            self._session = aiohttp.ClientSession(
                headers=self._authorization(),
                timeout=aiohttp.ClientTimeout(total=options.timeout),
                connector=aiohttp.TCPConnector(ssl=ssl_context(options) or True),
            )
        return self._session

    # Documents without a sink

    def consume(
        self, index: str, data_feeder_generator: Iterable[bytes], bulk_class: type[ElasticSearchBulk] | None = None
    ) -> None:
        """Take one document for an index; it is sent when its bulk is full or old.

        Args:
            index: The index.
            data_feeder_generator: Yields the lines of the document, as `data_feeder_create_or_index(event, id)` does.
            bulk_class: Your own bulk, with other callbacks.
        """
        from .bulk import ElasticSearchBulk

        self._out().consume(check_index_name(index), data_feeder_generator, bulk_class or ElasticSearchBulk)

    def flush(self, forced: bool = False) -> None:
        """Send bulks that are older than `max_bulk_age`; all of them when `forced`."""
        if self._outbox is not None:
            self._outbox.flush(forced)

    def enqueue(self, bulk: ElasticSearchBulk) -> None:
        """Send a bulk of one's own."""
        self._out().enqueue(bulk)

    async def drained(self) -> None:
        """Wait until everything given to `consume` and `enqueue` before this call is stored, or refused for good."""
        if self._outbox is not None:
            await self._outbox.drained()

    def _out(self) -> Outbox:
        if self._outbox is None:
            from .outbox import Outbox

            outbox = self._outbox = Outbox(self)
            self.watch(lambda: outbox.waiting)
            self.App.PubSub.subscribe("Application.tick!", self._on_tick)
        return self._outbox

    def _on_tick(self, _message_type: str) -> None:
        self.flush()

    def watch(self, waiting: Callable[[], int]) -> None:
        """Add a queue, by what tells how many bulks wait in it, to the metric `elasticsearch.outputqueue`."""
        metrics: Any = self.App.get_service("asab.MetricsService")
        if metrics is not None and not self._queues:
            tags = {"connection": self.Id}
            self._gauge = metrics.create_gauge("elasticsearch.outputqueue", tags=tags, init_values={"size": 0})
            self.App.PubSub.subscribe("Metrics.flush!", self._on_metrics)
        self._queues.append(waiting)

    def _on_metrics(self, _message_type: str) -> None:
        self._gauge.set("size", sum(waiting() for waiting in self._queues))

    # The client

    async def on_start(self) -> None:
        """Make the client; it connects with the first request."""
        self._client()

    async def on_stop(self) -> None:
        """Send what was given to `consume`, as long as a stop may take, and close the client."""
        if self._outbox is not None:
            await self._outbox.stop(self.App.pump_service.settings.options.stop_timeout)
        session, self._session = self._session, None
        if session is not None:
            await session.close()
        if self._transport is not None:
            await self._transport.close()
            self._transport = None

    def _client(self) -> Any:
        if self._transport is not None:
            return self._transport
        import elastic_transport
        from elastic_transport.client_utils import url_to_node_config

        from .node import Json, Lines, Node, OneOfMany

        options = self.options
        common = {"user-agent": "bspump_like", **self._authorization()}
        if any(url.startswith("https") for url in options.url):
            options.tls = True
        secure = ssl_context(options)
        nodes = []
        for url in dict.fromkeys(options.url):
            node = url_to_node_config(url, use_default_ports_for_scheme=True)
            nodes.append(
                node.replace(
                    # What stands in the URL as user and password is there already.
                    headers={**node.headers, **common},
                    http_compress=options.compress,
                    request_timeout=options.timeout,
                    connections_per_node=options.loader_per_url * len(options.url) + 4,
                    **({"ssl_context": secure} if url.startswith("https") else {}),
                )
            )
        self._transport = elastic_transport.AsyncTransport(
            nodes,
            node_class=OneOfMany if len(nodes) > 1 else Node,
            serializers={Json.mimetype: Json(), Lines.mimetype: Lines()},
            max_retries=len(nodes) - 1,
            retry_on_status=(),
            dead_node_backoff_factor=1.0,
            max_dead_node_backoff=options.reconnect_delay_max,
            meta_header=False,
        )
        return self._transport

    def _authorization(self) -> dict[str, str]:
        options = self.options
        if options.api_key:
            key = options.api_key
            return {"authorization": f"ApiKey {base64.b64encode(key.encode()).decode() if ':' in key else key}"}
        if options.username:
            pair = f"{options.username}:{options.password}".encode()
            return {"authorization": f"Basic {base64.b64encode(pair).decode()}"}
        return {}

    async def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        content_type: str = "application/json",
        timeout: float | None = None,
    ) -> Any:
        """Return the parsed answer of the cluster.

        Args:
            method: GET, POST, ...
            path: With the query, from the slash on.
            body: Bytes as they are to be sent, or what becomes JSON.
            content_type: Of the body.
            timeout: Seconds, in place of the option.

        Raises:
            ConnectionLost: No node answers.
            Refused: The answer is an error.
        """
        from elastic_transport import ConnectionTimeout, SerializationError, TlsError, TransportError

        data = body if body is None or isinstance(body, bytes) else orjson.dumps(body)
        headers = {"accept": "application/json"}
        if data is not None:
            headers["content-type"] = content_type
        limit = {} if timeout is None else {"request_timeout": timeout}
        try:
            try:
                answer = await self._client().perform_request(method, path, body=data, headers=headers, **limit)
            except TransportError as error:
                _let_go(error)
                raise
        except SerializationError as error:
            raise self._stranger(str(error)) from error
        except ConnectionTimeout as error:
            raise ConnectionLost(f"Elasticsearch does not answer in time: {error.message}") from error
        except TransportError as error:
            # Of all nodes tried, in the same order whichever came first: the same trouble is the same sentence.
            reasons = sorted(
                {str(getattr(one, "message", one)) for one in (error, *error.errors[: len(self.options.url) - 1])}
            )
            reason = "; ".join(reasons)[:500]
            raise ConnectionLost(
                f"cannot reach Elasticsearch at {self._where()}",
                detail=reason,
                hint=_hint(reason, isinstance(error, TlsError)),
            ) from error
        status = answer.meta.status
        if status < 300 and isinstance(answer.body, Mapping):
            return answer.body
        if status < 300 or (status == 400 and not isinstance(answer.body, Mapping)):
            raise self._stranger(str(answer.body))
        raise Refused(status, _reason(answer.body))

    def _stranger(self, answer: str) -> ConnectionLost:
        return ConnectionLost(
            f"what answers at {self._where()} is no Elasticsearch",
            detail=" ".join(answer[:200].split()),
            hint="check url",
        )

    def _where(self) -> str:
        return " ".join(re.sub(r"//[^/@]*@", "//", url) for url in self.options.url)


def _reason(body: Any) -> str:
    """Return what an error answer says, in its own words."""
    error = body.get("error", body) if isinstance(body, Mapping) else body
    if isinstance(error, Mapping):
        return f"{error.get('type', '')}: {error.get('reason', '')}".strip(": ") or str(error)[:500]
    return " ".join(str(error)[:500].split())


def _let_go(error: BaseException) -> None:
    """Forget the frames of an error of the transport and of its causes.

    The transport makes a circle of frames and errors that holds the body of the request. Only a full garbage collection would
    free it, and while a cluster is away those are rare: each try would cost a bulk of memory.
    """
    waiting, seen = [error], set()
    while waiting:
        one = waiting.pop()
        if id(one) not in seen:
            seen.add(id(one))
            one.__traceback__ = None
            causes = (*getattr(one, "errors", ()), one.__cause__, one.__context__)
            waiting += [cause for cause in causes if isinstance(cause, BaseException)]


def _hint(reason: str, about_tls: bool) -> str:
    if not about_tls:
        return "check url"
    return "check tls_ca_file" if "certificate" in reason else "check url: does the node speak TLS?"


def check_index_name(value: str) -> str:
    """Return a name of an index, if it is one.

    Raises:
        ConfigError: It is none.
    """
    if value.startswith("<") and value.endswith(">"):
        return value  # date mathematics: the cluster makes the name
    if not value or value != value.lower() or value[0] in "_-+" or re.search(r'[\\/*?"<>| ,#:]', value):
        raise ConfigError(
            f"'{value}' is no name of an index", hint='lower case, no blanks, none of \\ / * ? " < > | , # :'
        )
    return value

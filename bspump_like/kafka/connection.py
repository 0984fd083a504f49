"""KafkaConnection: where the cluster is, and how to be let in."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..abc import Connection, ConnectionOptions
from ..abc.tls import TLSOptions, ssl_context
from ..config import Seconds, option
from ..errors import ConfigError, ConnectionLost, needs
from .names import parse_servers

if TYPE_CHECKING:
    from ..application import BSPumpApplication

_WITH_USER = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
_DIAGNOSE_TIMEOUT = 2.5  # seconds for all brokers together: with `connect_timeout`, people read the reason within 10


class KafkaConnectionOptions(ConnectionOptions, TLSOptions):
    """Options of a Kafka cluster."""

    bootstrap_servers: str = option(
        "localhost:9092",
        "brokers to begin with, HOST:PORT, several separated by commas",
        aliases=("bootstrap.servers",),
        parse=parse_servers,
    )
    connect_timeout: Seconds = option(
        7.0, "seconds to connect; then the reason is looked for and said, and it is tried again", gt=0
    )
    compression_type: str = option(
        "", "compression of what sinks produce", choices=("", "none", "gzip", "snappy", "lz4", "zstd"),
        aliases=("compression.type", "compression.codec"),
    )  # fmt: skip
    security_protocol: str = option(
        "", "PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL; empty: by `tls` and `sasl_mechanism`", aliases=("security.protocol",),
        choices=("", "PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"),
    )  # fmt: skip
    sasl_mechanism: str = option(
        "", "how to authenticate; empty: not", choices=("", "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "GSSAPI"),
        aliases=("sasl.mechanism", "sasl.mechanisms"),
    )  # fmt: skip
    sasl_username: str = option("", "user, for PLAIN and SCRAM", aliases=("sasl.username", "sasl_plain_username"))
    sasl_password: str = option("", "password", secret=True, aliases=("sasl.password", "sasl_plain_password"))
    tls_ca_file: str = option(
        "", "certificates of the authorities to trust, PEM; empty: those of the system", aliases=("ssl.ca.location",)
    )
    tls_cert_file: str = option("", "our certificate, PEM", aliases=("ssl.certificate.location",))
    tls_key_file: str = option("", "the key of our certificate, PEM", aliases=("ssl.key.location",))
    tls_key_password: str = option("", "password of the key", secret=True, aliases=("ssl.key.password",))


class KafkaConnection(Connection):
    """A Kafka cluster that sources and sinks share.

        KafkaConnection(app, "KafkaConnection", {"bootstrap_servers": "kafka1:9092,kafka2:9092"})

    The client is aiokafka. Each source and sink opens its own sockets; the connection says how.

    Example:
        connections:
          - {id: Kafka, class: KafkaConnection, config: {bootstrap_servers: "${KAFKA:localhost:9092}"}}
        pipelines:
          - id: Example
            sources:
              - {class: KafkaSource, args: {connection: Kafka}, config: {topic: flights, group_id: example}}
            sink: {class: PPrintSink}
    """

    class Options(KafkaConnectionOptions):
        """Brokers, compression, credentials."""

    def __init__(self, app: BSPumpApplication, id: str | None = None, config: Mapping[str, Any] | None = None) -> None:
        """See `Connection`.

        Raises:
            ConfigError: There is a way to authenticate and no user, or a user and no way.
            MissingDependency: aiokafka is not installed.
        """
        super().__init__(app, id, config)
        options = self.options
        if options.sasl_mechanism in _WITH_USER and not options.sasl_username:
            raise ConfigError(
                f"connection {self.Id}: sasl_mechanism {options.sasl_mechanism} needs a user",
                hint="set sasl_username and sasl_password",
            )
        if options.sasl_username and not (options.sasl_mechanism or options.security_protocol.startswith("SASL")):
            raise ConfigError(
                f"connection {self.Id}: sasl_username is set, and nothing says how to authenticate",
                hint=f"set sasl_mechanism: {', '.join(_WITH_USER)}",
            )
        with needs("kafka"):
            import aiokafka  # noqa: F401 - said at the start, not at the first event
        logger = logging.getLogger("aiokafka")
        if logger.level == logging.NOTSET:
            # The client logs every try, many times a second; sources and sinks say the same in one sentence.
            logger.setLevel(logging.CRITICAL)

    def client_settings(self) -> dict[str, Any]:
        """Return the arguments that every aiokafka client takes.

        Raises:
            ConfigError: A certificate cannot be used.
        """
        options = self.options
        protocol = options.security_protocol
        encrypted = options.tls or protocol.endswith("SSL")
        if not protocol:
            protocol = ("SASL_" if options.sasl_mechanism else "") + ("SSL" if encrypted else "PLAINTEXT")
        settings: dict[str, Any] = {
            "bootstrap_servers": options.bootstrap_servers,
            "security_protocol": protocol,
        }
        if encrypted:
            options.tls = True
            settings["ssl_context"] = ssl_context(options)
        if protocol.startswith("SASL"):
            settings["sasl_mechanism"] = options.sasl_mechanism or "PLAIN"
            settings["sasl_plain_username"] = options.sasl_username
            settings["sasl_plain_password"] = options.sasl_password
        return settings

    async def why(self, error: BaseException) -> ConnectionLost:
        """Return what is wrong with the connection, as one sentence: aiokafka's own error only says that it failed.

        Args:
            error: What aiokafka raised.
        """
        servers: str = self.options.bootstrap_servers
        tries = [asyncio.ensure_future(self._knock(server)) for server in servers.split(",")]
        await asyncio.wait(tries)
        reasons = [one.result() for one in tries]
        if None in reasons:
            return ConnectionLost(f"Kafka at {servers} answers, but", detail=_text(error))
        reason = (reasons[0] if reasons else None) or error
        encrypted = self.client_settings()["security_protocol"].endswith("SSL")
        return ConnectionLost(
            f"cannot connect to Kafka at {servers}", detail=_text(reason), hint=_hint(reason, encrypted)
        )

    async def _knock(self, server: str) -> BaseException | None:
        """Connect to one broker; return why that fails, None when it does not."""
        from aiokafka.conn import create_conn
        from aiokafka.protocol.metadata import MetadataRequest

        settings = self.client_settings()
        del settings["bootstrap_servers"]
        host, _, port = server.rpartition(":")
        connection = None
        try:
            async with asyncio.timeout(_DIAGNOSE_TIMEOUT):
                connection = await create_conn(
                    host.strip("[]"),
                    int(port),
                    request_timeout_ms=int(_DIAGNOSE_TIMEOUT * 1000),
                    **settings,
                )
                await connection.send(
                    MetadataRequest([])
                )  # a broker that wants credentials closes only at the first request
        except Exception as found:  # whatever it is, it is what people need to read
            return found
        finally:
            if connection is not None:
                connection.close()
        return None


def _text(error: BaseException) -> str:
    cause = error.__cause__ or error
    if isinstance(error, TimeoutError) or isinstance(cause, TimeoutError | asyncio.CancelledError):
        return "no answer in time"
    if isinstance(cause, ConnectionResetError):
        return "the broker closes the connection"
    # aiokafka's errors begin with their own class, which nobody asked for.
    return str(cause).removeprefix(f"{type(cause).__name__}: ") or type(cause).__name__


def _hint(error: BaseException, encrypted: bool) -> str:
    cause = error.__cause__ or error
    name = type(cause).__name__
    if isinstance(cause, ssl.SSLError) or (encrypted and isinstance(cause, ConnectionResetError)):
        return "check tls_ca_file, tls_cert_file and the port: is it the one that speaks TLS?"
    if "Auth" in name or "Sasl" in name:
        return "check sasl_mechanism, sasl_username and sasl_password"
    return "check bootstrap_servers, and security_protocol"

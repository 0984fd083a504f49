"""KafkaSource: messages of topics, by the batch."""

from __future__ import annotations

import datetime
import logging
import re
import zlib
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

from ..abc import Batch, Position, ReaderSource, SourceOptions
from ..config import Seconds, option
from ..errors import BSPumpError, ConfigError, ConnectionLost
from .connection import KafkaConnection
from .lag import LagGauge
from .names import parse_topics

if TYPE_CHECKING:
    from ..application import BSPumpApplication
    from ..pipeline import Pipeline
    from .consumer import Consumer
    from .sink import KafkaSink

L = logging.getLogger(__name__)

_NO_EQUAL = "it has no equal here; remove it"


def _moment(value: Any) -> Any:
    if value in ("", None):
        return ""
    try:
        return datetime.datetime.fromisoformat(str(value)).astimezone(datetime.UTC)
    except ValueError:
        raise ValueError("expected a time such as 2026-01-31T12:00:00Z") from None


class KafkaSourceOptions(SourceOptions):
    """Options of a consumer."""

    topic: list[str] = option(
        help="topics, separated by commas or blanks; TOPIC:PARTITION for one partition; ^PATTERN for all topics that match",
        parse=parse_topics, example="access,errors",
    )  # fmt: skip
    group_id: str = option(
        "", "consumer group that shares the partitions; empty: all of them are ours", aliases=("group.id",)
    )
    client_id: str = option("BSPump-KafkaSource", "name shown at the brokers", aliases=("client.id",))
    auto_offset_reset: str = option(
        "earliest", "where to begin without a position: earliest or latest", choices=("earliest", "latest"),
        aliases=("auto.offset.reset",),
    )  # fmt: skip
    start_at: Any = option("", "begin at this time instead, ISO 8601, where there is no position", parse=_moment)
    positions: str = option(
        "auto", "resume from the group's offsets at the broker, or from our store, which agrees with snapshots; "
        "auto: store for pipelines with state", choices=("auto", "broker", "store"),
    )  # fmt: skip
    event_block_size: int = option(1000, "most messages handed over at once", ge=1, aliases=("buffer_size",))
    event_idle_time: Seconds = option(
        0.01, "kept for old configuration files; the loop has its turn after each block", ge=0
    )
    get_timeout_ms: int = option(20000, "longest wait for messages at a time, in milliseconds", ge=1)
    max_partition_fetch_bytes: int = option(
        1048576, "most bytes of one partition in an answer", ge=1, aliases=("max.partition.fetch.bytes",)
    )
    fetch_min_bytes: int = option(
        1, "least bytes in an answer, unless the time is over", ge=1, aliases=("fetch.min.bytes",)
    )
    fetch_max_wait_ms: int = option(500, "longest wait for fetch_min_bytes", ge=0, aliases=("fetch.wait.max.ms",))
    request_timeout_ms: int = option(
        40000, "milliseconds before a request has failed", ge=1, aliases=("request.timeout.ms",)
    )
    session_timeout_ms: int = option(
        10000, "milliseconds without a heartbeat after which the group goes on without us", ge=1,
        aliases=("session.timeout.ms",),
    )  # fmt: skip
    heartbeat_interval_ms: int = option(
        3000, "milliseconds between heartbeats", ge=1, aliases=("heartbeat.interval.ms",)
    )
    max_poll_interval_ms: int = option(
        300000, "kept for old configuration files; a pipeline that waits keeps its place in the group", ge=1,
        aliases=("max.poll.interval.ms",),
    )  # fmt: skip
    rebalance_timeout_ms: int = option(60000, "milliseconds to finish what was read before partitions move", ge=1000)
    metadata_max_age_ms: int = option(
        60000, "milliseconds after which new partitions, and new topics that match a pattern, are looked for", ge=1,
        aliases=("metadata.max.age.ms", "topic.metadata.refresh.interval.ms"),
    )  # fmt: skip
    isolation_level: str = option(
        "read_committed", "read_committed leaves out aborted transactions", choices=("read_committed", "read_uncommitted"),
        aliases=("isolation.level",),
    )  # fmt: skip
    stall_timeout: Seconds = option(
        60.0, "seconds without progress, though there are messages, before the client is rebuilt", gt=0
    )
    consumer_timeout_ms: str = option("", "kept for old configuration files")
    api_version: str = option("auto", "kept for old configuration files; the client asks the broker")
    retry: int = option(20, "kept for old configuration files; tries never end")
    user_defined_partitions: list[int] = option([], "partitions of `topic` to read, without a group; empty: all")

    refused = dict.fromkeys(
        (
            "refresh_topics", "consumer_threads", "poll_interval", "buffer_timeout", "sleep_on_error", "sleep_on_retryable_error",
            "check_assignment_errors", "errors_max_retry_attempts", "enable.auto.offset.store", "enable.auto.commit",
            "auto.commit.interval.ms", "statistics.interval.ms", "queued.min.messages",
        ),
        _NO_EQUAL,
    )  # fmt: skip


class KafkaSource(ReaderSource):
    """Consume messages; the offset of a message is committed when everything made from it is durable.

    Out: the value of each message, bytes. Context: `kafka` (the record: `.key`, `.topic`, `.partition`, `.offset`, `.headers`,
    `.timestamp`), `kafka_key`, `kafka_headers`, `_kafka_topic`, `_kafka_partition`, `_kafka_offset`. The entries are made when
    somebody looks at them; what reads a dict past its methods, as orjson does, wants `dict(context)`.

    With a `group_id` partitions are shared with other consumers of the group. Before one moves away, everything read from it
    is made durable and its offset committed. While the pipeline is throttled, partitions are paused and the client goes on
    polling, so heartbeats never wait for processing. Without a group all partitions are ours; workers divide them by their
    numbers.

    Example:
        connections:
          - {id: Kafka, class: KafkaConnection, config: {bootstrap_servers: "${KAFKA:localhost:9092}"}}
        pipelines:
          - id: Example
            sources:
              - {class: KafkaSource, args: {connection: Kafka}, config: {topic: flights, group_id: example}}
            sink: {class: PPrintSink}
    """

    class Options(KafkaSourceOptions):
        """Topics, group, limits."""

    def __init__(
        self, app: BSPumpApplication, pipeline: Pipeline, connection: str | KafkaConnection, id: str | None = None,
        config: Mapping[str, Any] | None = None,
    ) -> None:  # fmt: skip
        """See `Source`.

        Args:
            app: The application.
            pipeline: The pipeline.
            connection: The KafkaConnection or its id.
            id: Name within the pipeline.
            config: Options.

        Raises:
            ConfigError: Partitions are named together with a group or a pattern.
        """
        super().__init__(app, pipeline, id, config)
        self._connection: KafkaConnection = pipeline.locate_connection(app, connection)
        self._consumer: Consumer | None = None
        self._resumes = False  # this process has begun before
        self._gauge = LagGauge(self)
        self.transaction: KafkaSink | None = None
        """The sink of this pipeline whose transactions hold our offsets."""
        self.worker = (0, 1)
        """(k, n): without a group, this process is number k of n that share the partitions; the pump sets it before the start."""
        self.rebalances = bool(self.options.group_id)
        """With a group, partitions may move from worker to worker at any time."""
        named = any(":" in topic for topic in self.options.topic or [])
        patterns = [topic for topic in self.options.topic or [] if topic.startswith("^")]
        if (named or self.options.user_defined_partitions) and (self.options.group_id or patterns):
            raise ConfigError(
                f"{self.locate_address()} names partitions and a group or a pattern",
                hint="a group assigns partitions by itself: remove group_id, or the partitions",
            )
        for pattern in patterns:
            try:
                re.compile(pattern)
            except re.error as error:
                raise ConfigError(
                    f"{self.locate_address()}: topic '{pattern}' is no regular expression: {error}"
                ) from error

    @property
    def keeps_positions(self) -> bool:
        """Tell whether the store, and not the group's offsets, says where to resume."""
        if self.transaction is not None:
            return False
        if self.options.positions == "store" or not self.options.group_id:
            return True
        return self.options.positions == "auto" and any(p.has_state() for p in self.Pipeline.committer.pipelines)

    def belongs_to(self, partition: str, worker: tuple[int, int]) -> bool:
        """Tell whether a partition is for worker k of n, where no group divides them; others that come change nothing."""
        k, n = worker
        topic, _, number = partition.rpartition(":")
        return (zlib.crc32(topic.encode()) + int(number)) % n == k

    async def connect(self) -> None:
        """Join the group or take the partitions, and go to the position."""
        from .consumer import Consumer  # aiokafka is imported when it is needed

        if self.transaction is not None:
            await self.transaction.ready()  # by then the transaction of an earlier process is committed or aborted
        if not self._resumes:
            self._resumes = True
            self._gauge.start()
            if not self.keeps_positions:
                self.position.clear()  # from here on it says what this process has handed over
        self._consumer = Consumer(self, self._connection)
        await self._consumer.start()

    async def read(self) -> Batch:
        """Return the next messages of all partitions; waits while there are none."""
        assert self._consumer is not None
        return await self._consumer.read()

    async def wait_for_room(self) -> None:
        """Pause the partitions and go on polling until the pipeline takes events."""
        assert self._consumer is not None
        await self._consumer.idle_until(self.Pipeline.room())

    async def commit(self, position: Position) -> None:
        """Commit offsets of partitions that are still ours."""
        if self._consumer is not None and self.options.group_id:
            await self._consumer.commit(position)

    async def close(self) -> None:
        """Leave the group."""
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            await consumer.stop()

    def say(self, error: BSPumpError) -> None:
        """Tell people that the brokers are away; the client waits for them."""
        if self.Pipeline.report_unavailable(self, error):
            L.warning("%s: %s; waiting for it", self.locate_address(), error)

    async def lag(self) -> dict[str, int]:
        """Return partition -> messages that are there and not yet read.

        Raises:
            ConnectionLost: The brokers do not answer.
        """
        return {} if self._consumer is None else await self._consumer.lag()

    def rest_get(self) -> dict[str, Any]:
        """Return what the web API shows of this source, with the lag as it was measured last."""
        return {**super().rest_get(), "Topics": self.options.topic, "Lag": self._gauge.last}

    # For transactions

    def owns(self, position: Position) -> bool:
        """Tell whether these partitions are ours, and have been since they were read."""
        return self._consumer is not None and self._consumer.owns(position.keys())

    def membership(self) -> tuple[int, str]:
        """Return the generation of the group when it gave us our partitions, and our name in it."""
        return (-1, "gone") if self._consumer is None else self._consumer.membership

    def begin_again(self, reason: str) -> None:
        """Forget what was handed over since the last commit and read it once more."""
        self.Pipeline.committer.forget(self, list(self.position))
        if self._consumer is not None:
            self._consumer.fail(ConnectionLost(reason, hint="what was not committed is read again"))

    async def before_letting_go(self, partitions: Collection[str]) -> None:
        """Wait until others see what a transaction has committed for these partitions."""
        if self.transaction is not None and self._consumer is not None:
            done = self.transaction.committed(self)
            await self._consumer.confirm({name: done[name] for name in partitions if name in done})

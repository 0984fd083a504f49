"""KafkaSink: produce messages, by the batch and partition."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, cast

from orjson import OPT_NON_STR_KEYS, dumps

from ..abc import Context, Event, Position, ProcessorOptions, Sink, Source
from ..abc.backoff import BackoffOptions
from ..config import Size, option
from ..errors import ConfigError, MissingDependency, ProcessingError
from ..expression import OptionalTemplate, Template, provided_by
from .connection import KafkaConnection
from .lane import NO_HEADERS, Lane
from .message import KafkaContext
from .names import check_topic

if TYPE_CHECKING:
    from ..application import BSPumpApplication
    from ..pipeline import Pipeline
    from .producer import Producer
    from .transaction import TransactionalProducer

_NO_EQUAL = "it has no equal here; remove it"

_size = dict.__len__  # of entries that are made already


class KafkaSinkOptions(ProcessorOptions, BackoffOptions):
    """Options of a producer."""

    topic: Template = option(
        "unconfigured",
        "topic for events whose context names none in `kafka_topic`; may be a template: events-{{ kind }}",
    )
    key: OptionalTemplate = option(
        "", "template of the key, made of the event; empty: `kafka_key` of the context", example="{{ user.id }}"
    )
    client_id: str = option("BSPump-KafkaSink", "name shown at the brokers", aliases=("client.id",))
    encoding: str = option("utf-8", "text encoding of events that are str")
    acks: str = option(
        "all",
        "who must have a message before it counts as delivered",
        choices=("all", "1"),
        aliases=("request.required.acks",),
    )
    enable_idempotence: bool = option(
        True, "the broker drops what a retry sends twice", aliases=("enable.idempotence",)
    )
    max_batch_size: Size = option(262144, "most bytes of one batch", gt=0, aliases=("batch.size",))
    max_request_size: Size = option(1048576, "most bytes of one request", gt=0, aliases=("message.max.bytes",))
    linger_ms: int = option(
        0, "kept for old configuration files; barriers send what waits", ge=0, aliases=("linger.ms",)
    )
    request_timeout_ms: int = option(
        40000, "milliseconds before a batch has failed and is sent again", ge=1, aliases=("request.timeout.ms",)
    )
    output_queue_max_size: int = option(100, "batches waiting or under way before the pipeline is throttled", ge=1)
    delivery: str = option(
        "at_least_once",
        "exactly_once: messages and the offsets of a KafkaSource in one transaction",
        choices=("at_least_once", "exactly_once"),
    )
    transactional_id: str = option(
        "", "name of the transactions; empty: PIPELINE.ID. With several workers the worker's number follows",
        aliases=("transactional.id",),
    )  # fmt: skip
    transaction_timeout_ms: int = option(
        30000, "milliseconds after which the broker aborts a transaction that nobody ends", ge=1000,
        aliases=("transaction.timeout.ms",),
    )  # fmt: skip

    refused = dict.fromkeys(
        (
            "watermark.low",
            "watermark.high",
            "queue.buffering.max.messages",
            "batch.num.messages",
            "queue.buffering.max.kbytes",
            "poll.timeout",
        ),
        _NO_EQUAL,
    )


class KafkaSink(Sink):
    """Produce every event to a topic.

    In: bytes, str, or a dict (becomes JSON). Context: `kafka_topic` overrides the topic, `kafka_key` (bytes or str) is the
    key, and so chooses the partition as Kafka's own clients do; `kafka_headers` are the headers. `topic` and `key` may be
    templates of the event, see docs/how-to/expressions.md.
    Raises: ProcessingError, for an event that is nothing of these. A message that is too large for the topic becomes a
    dead letter.

    A barrier waits until the brokers have acknowledged everything before it. What cannot be sent is tried again for ever.

    With `delivery: exactly_once` the messages of a barrier and the offsets of the KafkaSources of this pipeline are one
    transaction: after any crash, a consumer that reads committed messages finds every one once. Input waits while a barrier
    ends, so a longer `commit_interval` gives more throughput.

    Example:
        connections:
          - {id: Kafka, class: KafkaConnection, config: {bootstrap_servers: "${KAFKA:localhost:9092}"}}
        pipelines:
          - id: Example
            sources:
              - {class: IteratorSource, args: {iterator: [{flight: 1545, origin: EWR}, {flight: 1714, origin: LGA}]}}
            sink: {class: KafkaSink, args: {connection: Kafka}, config: {topic: flights}}
    """

    class Options(KafkaSinkOptions):
        """Topic, batches, guarantees."""

    def __init__(
        self, app: BSPumpApplication, pipeline: Pipeline, connection: str | KafkaConnection,
        key_serializer: Callable[[Any], bytes] | None = None, id: str | None = None, config: Mapping[str, Any] | None = None,
    ) -> None:  # fmt: skip
        """See `ProcessorBase`.

        Args:
            app: The application.
            pipeline: The pipeline.
            connection: The KafkaConnection or its id.
            key_serializer: Makes bytes of a key; UTF-8 when left out.
            id: Name within the pipeline.
            config: Options.
        """
        super().__init__(app, pipeline, id, config)
        self._connection: KafkaConnection = pipeline.locate_connection(app, connection)
        self._key_serializer = key_serializer
        topic, key = self.options.topic, self.options.key
        self._topic: str = topic
        names = provided_by(app)
        self._topic_of: Callable[[Context, Event], str] | None = None if topic.constant else topic.compile(names)
        self._key_of: Callable[[Context, Event], str | None] | None = key.compile(names) if key else None
        if self._topic_of is not None or self._key_of is not None:
            self.process = self._process_named  # type: ignore[method-assign] # what looks into events is not for all to pay
        self._producer: Producer | None = None
        self._lanes: dict[bytes | None, Lane] = {}  # of the producer; `process` is called often
        self.transactional = self.options.delivery == "exactly_once"
        self.worker: tuple[int, int] = (0, 1)
        """Index of this process and number of processes that run the definition."""
        if topic.constant:
            try:
                check_topic(topic)
            except ValueError as error:
                raise ConfigError(f"{self.locate_address()}: option 'topic': {error}") from None
        _check_compression(self._connection.options.compression_type)

    @property
    def transactional_id(self) -> str:
        """Return the name that transactions of this sink have at the brokers: one for each worker."""
        name = self.options.transactional_id or f"{self.Pipeline.Id}.{self.Id}"
        return name if self.worker[1] == 1 else f"{name}.{self.worker[0]}"

    async def on_start(self) -> None:
        """Begin to connect; events that come before the brokers are there wait.

        Raises:
            ConfigError: exactly_once is asked for, and something in the pipeline stands against it.
        """
        from .producer import Producer

        if self.transactional:
            from .transaction import TransactionalProducer

            self._producer = TransactionalProducer(self, self._connection)
        else:
            self._producer = Producer(self, self._connection)
        self._lanes = self._producer.lanes
        self._producer.start()

    def process(self, context: Context, event: Event) -> None:
        """Put one event into the batch of its partition."""
        if type(event) is dict:
            try:
                event = dumps(event)
            except TypeError:
                event = self._encoded(context, event)
        elif type(event) is not bytes:
            event = self._encoded(context, event)
        if type(context) is KafkaContext and not _size(context):  # as the source has made it
            record, topic = context.record, None
            key, headers = record.key, record.headers
        else:
            key, headers, topic = context.get("kafka_key"), context.get("kafka_headers"), context.get("kafka_topic")
            if key is not None and type(key) is not bytes:
                key = self._key(key)
        lane = self._lanes.get(key)
        if lane is None or topic is not None:
            self._running().add(topic or self._topic, key, event, context)
            return
        contexts = lane.contexts
        if lane.append(len(contexts), None, key, event, list(headers) if headers else NO_HEADERS) is None:
            self._running().put(lane, key, event, context)
        else:
            contexts.append(context)

    def _process_named(self, context: Context, event: Event) -> None:
        """Put one event into the batch of the partition that its own fields name."""
        topic = context.get("kafka_topic") or (
            self._topic if self._topic_of is None else self._topic_of(context, event)
        )
        key = context.get("kafka_key") if self._key_of is None else self._key_of(context, event)
        if key is not None and type(key) is not bytes:
            key = self._key(key)
        value = event if type(event) is bytes else self._encoded(context, event)
        lane = self._lanes.get(key) if topic is self._topic else None
        if lane is None:
            self._running().add(topic, key, value, context)
        else:
            self._running().put(lane, key, value, context)

    def _key(self, key: Any) -> bytes:
        return self._key_serializer(key) if self._key_serializer is not None else str(key).encode()

    def _running(self) -> Producer:
        assert self._producer is not None
        return self._producer

    def _encoded(self, context: Context, event: Event) -> bytes | None:
        if isinstance(event, str):
            return event.encode(self.options.encoding)
        if isinstance(event, dict | list):
            try:
                return dumps(event, option=OPT_NON_STR_KEYS)
            except TypeError as error:
                raise ProcessingError("the event has no JSON form", detail=str(error)) from error
        if isinstance(event, bytes | bytearray | memoryview):
            return bytes(event)
        if event is None and context.get("kafka_key") is not None:
            return None  # a tombstone: compacted topics forget the key
        raise ProcessingError(f"expected bytes, text or a dict as a message, got {type(event).__name__}")

    async def flush(self) -> None:
        """Return when the brokers have acknowledged everything produced before this call."""
        await self._running().flush()

    async def commit_transaction(self, positions: Mapping[Source, Position]) -> None:
        """Commit what was flushed and the offsets of its input; or nothing of both, and the input is read again."""
        await self._transactions().commit(positions)

    async def ready(self) -> None:
        """Wait until transactions of an earlier process are over, and a new one can begin."""
        await self._transactions().ready.wait()

    def committed(self, source: Source) -> Position:
        """Return the offsets of a source that transactions have committed."""
        return self._transactions().committed.get(source, {})

    def _transactions(self) -> TransactionalProducer:
        return cast("TransactionalProducer", self._producer)

    async def on_stop(self) -> None:
        """Close the client."""
        if self._producer is not None:
            await self._producer.stop()


def _check_compression(name: str) -> None:
    from aiokafka import codec

    if name not in ("", "none") and not getattr(codec, f"has_{name}")():
        raise MissingDependency("cramjam", "kafka")


class KafkaBatchSink(KafkaSink):
    """The old name of a sink that produces by the batch; every KafkaSink does.

    Example:
        connections:
          - {id: Kafka, class: KafkaConnection, config: {bootstrap_servers: "${KAFKA:localhost:9092}"}}
        pipelines:
          - id: Example
            sources:
              - {class: IteratorSource, args: {iterator: [{flight: 1545, origin: EWR}, {flight: 1714, origin: LGA}]}}
            sink: {class: KafkaBatchSink, args: {connection: Kafka}, config: {topic: flights}}
    """

    class Options(KafkaSinkOptions):
        """The options of KafkaSink, and one kept for old configuration files."""

        batch_size: int = option(10000, "kept for old configuration files; see max_batch_size", ge=1)

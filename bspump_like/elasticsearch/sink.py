"""ElasticSearchSink: documents into indices, by the bulk."""

from __future__ import annotations

import asyncio
import pathlib
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import orjson
from orjson import dumps

from ..abc import Context, Event, ProcessorOptions, Sink
from ..abc.uploader import Limit
from ..config import Seconds, Size, option
from ..errors import ConfigError, ConnectionLost, Problem, ProcessingError
from ..expression import Template, provided_by
from .bulk import Document, ElasticSearchBulk
from .connection import ElasticSearchConnection, Refused, check_index_name
from .feeder import with_index
from .loader import Loader
from .rollover import Rollover

if TYPE_CHECKING:
    from ..application import BSPumpApplication
    from ..pipeline import Pipeline

_REMEMBERED = 1000  # indices
_LINE = orjson.OPT_APPEND_NEWLINE
_has = dict.__contains__  # a context of Kafka makes its entries when asked; it never has this one by itself


class ElasticSearchSinkOptions(ProcessorOptions):
    """Options of documents on their way to an index."""

    index_prefix: str = option("bspump_", "beginning of the index's name; with a rollover the rest follows")
    index: Template = option(
        "",
        "name of the index or data stream; set, there is no rollover; may be a template",
        example="access-{{ host }}",
    )
    rollover_mechanism: str = option(
        "time", "time: a new index each `time_period`; size: when it is larger than `max_index_size`; fixed: never",
        choices=("time", "size", "fixed"),
    )  # fmt: skip
    time_period: str = option("d", "h, d, w or m: hour, day, week or month, UTC", choices=("h", "d", "w", "m"))
    time_field: str = option(
        "", "field with the time that chooses the index, UNIX seconds or ISO 8601; empty: now", example="@timestamp"
    )
    max_index_size: Size = option(
        32212254720, "bytes after which a new index begins, for `rollover_mechanism: size`", gt=0
    )
    size_check_interval: Seconds = option(60.0, "least time between two looks at the size of the newest index", ge=0)
    data_stream: bool = option(
        False, "`index` is a data stream: it comes from an index template; documents are only created"
    )
    document_id: Template = option(
        "", "position: an id from topic, partition and offset, so that nothing is stored twice; field:NAME: a field's value; "
        "or a template, {{ user }}-{{ day }}; empty: the event's _id when it has one", example="position",
    )  # fmt: skip
    doctype: str = option("doc", "kept for old configuration files; types are gone since Elasticsearch 7")
    timeout: Seconds = option(30.0, "seconds for requests other than bulks", gt=0)
    template: str = option(
        "", "file with an index template, JSON; put as `template_name` at the start", example="etc/template.json"
    )
    template_name: str = option("bspump", "name of the index template")


class ElasticSearchSink(Sink):
    """Index every event as a document.

    In: dict, or bytes that are one JSON object. `_id` in a dict becomes the document's id. Context:
    `es_index` overrides the index.
    Raises: ProcessingError, for an event that is neither.

    What the cluster cannot take now (429, 503, no answer) is tried again, alone and for ever; what it will never take
    becomes a dead letter with the cluster's reason. A barrier waits until every document before it is stored. Documents with
    the same id keep their order.

    Example:
        connections:
          - {id: Search, class: ElasticSearchConnection, config: {url: "${ELASTICSEARCH:http://localhost:9200}"}}
        pipelines:
          - id: Example
            sources:
              - {class: IteratorSource, args: {iterator: [{_id: UA1545, origin: EWR}, {_id: UA1714, origin: LGA}]}}
            sink: {class: ElasticSearchSink, args: {connection: Search}, config: {index: flights}}
    """

    class Options(ElasticSearchSinkOptions):
        """Index, rollover, ids."""

    def __init__(
        self, app: BSPumpApplication, pipeline: Pipeline, connection: str | ElasticSearchConnection, id: str | None = None,
        config: Mapping[str, Any] | None = None, bulk_class: type[ElasticSearchBulk] = ElasticSearchBulk,
        data_feeder: Callable[..., Any] | None = None,
    ) -> None:  # fmt: skip
        """See `ProcessorBase`.

        Args:
            app: The application.
            pipeline: The pipeline.
            connection: The ElasticSearchConnection or its id.
            id: Name within the pipeline.
            config: Options.
            bulk_class: Your own bulk, with other callbacks.
            data_feeder: Takes (event without _id, id) and yields the lines of a bulk as bytes, an action and a document, as
                `data_feeder_create_or_index` does.

        Raises:
            ConfigError: Options that cannot be, or that contradict each other.
        """
        super().__init__(app, pipeline, id, config)
        options = self.options
        self._connection: ElasticSearchConnection = pipeline.locate_connection(app, connection)
        self._feeder = data_feeder
        self._id_field = options.document_id.removeprefix("field:") if options.document_id.startswith("field:") else ""
        self._id_from_position = options.document_id == "position"
        self._has_id = bool(options.document_id)
        names = provided_by(app)
        self._index_of: Callable[[Context, Event], str] | None = (
            None if options.index.constant else options.index.compile(names)
        )
        self._id_made: Callable[[Context, Event], str] | None = None
        if not options.document_id.constant:
            self._id_made = options.document_id.compile(names)
        self._check()
        self._rollover = Rollover(options, self._connection)
        count = self._connection.loaders
        # One for each loader at least. More that wait would bring nothing but memory, whose use costs more than it seems.
        limit = Limit(self, max(count, self._connection.options.output_queue_max_size), self._paused)
        self._loaders = [Loader(self, self._connection, bulk_class, limit) for _ in range(count)]
        self._filling = 0
        self._bulk = self._loaders[0].bulk
        self._is_usual = self._feeder is None and (self._id_from_position or not self._has_id)
        # The action of usual documents for the index of now, up to the id; empty when that is to be found out anew.
        self._action_now = b""
        self._place: tuple[str, int] | None = None  # the partition of the last document
        self._beginning = b""  # the action with the beginning of its id
        self._action = b"create" if options.data_stream else b"index"
        self._actions: dict[str, tuple[bytes, bytes]] = {}
        self._template = b""
        self._prepared = asyncio.Event()
        self._counter: Any = None

    def _check(self) -> None:
        options = self.options
        problems = []
        if options.document_id and not (self._id_field or self._id_from_position or self._id_made):
            problems.append(
                f"option 'document_id' has '{options.document_id}'; use position, field:NAME, or a template"
            )
        if options.data_stream and not options.index:
            problems.append("with 'data_stream' the option 'index' must have the name of the data stream")
        try:
            if options.index.constant:
                check_index_name(options.index or f"{options.index_prefix}0")
        except ConfigError as error:
            problems.append(f"option '{'index' if options.index else 'index_prefix'}': {error}")
        if problems:
            raise ConfigError([Problem(one, where=f"pipeline {self.Pipeline.Id}, {self.Id}") for one in problems])

    async def on_start(self) -> None:
        """Read the index template, and begin to send.

        With a template, or a rollover by size, the pipeline is throttled until the cluster has been asked.

        Raises:
            ConfigError: The file of the template cannot be read, or is no JSON.
        """
        options = self.options
        if options.template:
            self._template = await asyncio.to_thread(_template_of, options.template)
        metrics: Any = self.App.get_service("asab.MetricsService")
        if metrics is not None:
            tags = {"pipeline": self.Pipeline.Id, "sink": self.Id}
            self._counter = metrics.create_counter("elasticsearch.insert", tags=tags, init_values={"ok": 0, "fail": 0})
        self._connection.watch(lambda: sum(loader.uploader.waiting for loader in self._loaders))
        if self._template or self._rollover.by_size:
            self.Pipeline.throttle(self)
            self._loaders[0].uploader.start(self._prepare)
        else:
            self._prepared.set()
            self._loaders[0].uploader.start()
        for loader in self._loaders[1:]:
            loader.uploader.start(self._wait_prepared)

    async def _prepare(self) -> None:
        options = self.options
        try:
            if self._template:
                path = f"/_index_template/{quote(options.template_name, safe='')}"
                await self._connection.request("PUT", path, self._template, timeout=options.timeout)
            await self._rollover.prepare()
        except Refused as error:
            raise ConnectionLost(error.message, detail=error.steady_detail, hint=error.hint) from error
        self._prepared.set()
        self.Pipeline.throttle(self, False)

    async def _wait_prepared(self) -> None:
        await self._prepared.wait()

    def process(self, context: Context, event: Event) -> None:
        """Put one document into a bulk."""
        # The usual cases in as few steps as it takes: a document without an id of its own, for the index of the last one.
        action = self._action_now
        if not action or _has(context, "es_index"):
            self._process_any(context, event)
            return
        raw = None
        if type(event) is dict and "_id" not in event:
            try:
                body = dumps(event, None, _LINE)
            except TypeError:
                body = self._body(event)
        elif type(event) is bytes and b"\n" not in event:
            body, raw = event + b"\n", event
        else:
            self._process_any(context, event)
            return
        if self._id_from_position:
            try:
                place, offset = context.place, context.record.offset  # type: ignore[attr-defined]
            except AttributeError:
                place, offset = self._position_of(context)
            if place is not self._place:  # many documents in a row are of one partition
                self._begin_place(place, action)
            action = b'%b%d"}}\n' % (self._beginning, offset)
        bulk = self._bulk
        documents = bulk.documents
        if raw is not None:
            documents.raws[len(documents.contexts)] = (
                raw  # together with the rest: what is refused above leaves nothing
            )
        documents.lines += (action, body)
        documents.contexts.append(context)
        bulk.capacity -= len(body) + len(action)
        if bulk.capacity <= 0:
            self._close(self._loaders[self._filling])

    def _begin_place(self, place: tuple[str, int], action: bytes) -> None:
        """Make the action of documents from a partition, up to the offset."""
        self._place = place
        self._beginning = action + dumps(f"{place[0]}:{place[1]}:")[:-1]

    def _process_any(self, context: Context, event: Event) -> None:
        given = context.get("es_index") or (self._index_of is not None and self._index_of(context, event))
        index = given or self._rollover.name or self._rollover.index_of(event)
        kind, raw = type(event), None
        if self._feeder is not None or (kind is not bytes and (kind is not dict or "_id" in event)):
            self._process_with_id(context, event, index)
            return
        if kind is bytes:
            raw = event
            # In JSON a bare line end can only stand between tokens; in a bulk it would end the document.
            body = b"%b\n" % (event.strip().replace(b"\n", b" ") if b"\n" in event else event)
        else:
            body = self._body(event)
        loader, actions = self._loaders[self._filling], self._actions.get(index) or self._new_actions(index)
        if self._is_usual and not given and self._rollover.name:
            self._place = None
            self._action_now = actions[self._has_id]
        if not self._has_id:
            action = actions[0]
        else:
            id = self._id_of(context, event)
            action = b"%b%b}}\n" % (actions[1], dumps(id))
            if not self._id_from_position:
                # One id, one loader: two versions of a document never overtake each other.
                loader = self._loaders[hash(id) % len(self._loaders)]
        loader.bulk.documents.append(Document(action, body, context, raw))
        loader.bulk.capacity -= len(body) + len(action)
        if loader.bulk.capacity <= 0:
            self._close(loader)

    def _process_with_id(self, context: Context, event: Event, index: str) -> None:
        """Take an event with an `_id`, or for a feeder."""
        id = self._id_of(context, event) if self._has_id else None
        document = event
        if isinstance(event, dict) and "_id" in event:
            document = {**event}
            own = document.pop("_id")
            if id is None:
                id = str(own)
        loader = self._loaders[self._filling if id is None else hash(id) % len(self._loaders)]
        lines: Iterable[bytes]
        if self._feeder is not None:
            lines = with_index(self._feeder(document, id), index)
        else:
            actions = self._actions.get(index) or self._new_actions(index)
            lines = [b"%b%b}}" % (actions[1], dumps(id)), self._body(document)]
        if loader.bulk.consume(lines, context, event):
            self._close(loader)

    def _body(self, document: Event) -> bytes:
        if not isinstance(document, dict):
            raise ProcessingError(f"expected a dict or bytes of JSON as a document, got {type(document).__name__}")
        try:
            return dumps(document, None, _LINE | orjson.OPT_NON_STR_KEYS)
        except TypeError as error:
            raise ProcessingError("the event cannot be written as JSON", detail=str(error)) from None

    def _close(self, loader: Loader) -> None:
        loader.close_bulk()
        self._filling = (self._filling + 1) % len(self._loaders)
        self._bulk = self._loaders[self._filling].bulk

    def _new_actions(self, index: str) -> tuple[bytes, bytes]:
        """Return the action line of a document without an id, and the beginning of one with an id."""
        if len(self._actions) >= _REMEMBERED:
            self._actions.clear()
        name = dumps(index)
        made = b'{"create":{"_index":%b}}\n' % name, b'{"%b":{"_index":%b,"_id":' % (self._action, name)
        self._actions[index] = made
        return made

    def _position_of(self, context: Context) -> tuple[tuple[str, int], int]:
        """Return topic and partition, and the offset; a context that was copied has them as entries only."""
        try:
            return (context["_kafka_topic"], context["_kafka_partition"]), context["_kafka_offset"]
        except KeyError:
            raise ProcessingError(
                "there is no position to make an id from", hint="document_id: position needs a KafkaSource in this pipeline"
            ) from None

    def _id_of(self, context: Context, event: Event) -> str:
        if self._id_from_position:
            (topic, partition), offset = self._position_of(context)
            return f"{topic}:{partition}:{offset}"
        if self._id_made is not None:
            return self._id_made(context, event)
        try:
            return str(event[self._id_field])
        except (KeyError, TypeError):
            raise ProcessingError(f"the event has no field '{self._id_field}' to make an id from") from None

    async def flush(self) -> None:
        """Return when everything handed over before this call is stored, or refused for good."""
        self._rollover.forget()
        self._action_now = b""
        for loader in self._loaders:
            loader.close_bulk()
        self._bulk = self._loaders[self._filling].bulk
        for loader in self._loaders:
            await loader.uploader.drained()

    def _paused(self, on: bool) -> None:
        self.App.PubSub.publish(f"ElasticSearchConnection.{'pause' if on else 'unpause'}!", self._connection)

    async def on_stored(self) -> None:
        """Take note of a stored bulk; loaders call it."""
        await self._rollover.check_size()
        self._action_now = b""

    def count(self, stored: int, refused: int) -> None:
        """Count documents; loaders call it."""
        if self._counter is not None:
            self._counter.add("ok", stored)
            self._counter.add("fail", refused)

    async def on_stop(self) -> None:
        """Stop the loaders."""
        for loader in self._loaders:
            await loader.uploader.stop()


def _template_of(path: str) -> bytes:
    try:
        body = pathlib.Path(path).read_bytes()
        orjson.loads(body)
    except (OSError, orjson.JSONDecodeError) as error:
        raise ConfigError(f"option 'template' has '{path}': {error}") from None
    return body

"""AnomalyStorage: the anomalies of a manager, in memory, in the store, and in Elasticsearch."""

from __future__ import annotations

import asyncio
import datetime
import hashlib
import logging
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, cast
from urllib.parse import quote

from ..abc import Backoff
from ..abc.anomaly import OPEN, Anomaly
from ..codec import encode
from ..config import Configurable, Options, Seconds, option
from ..errors import BSPumpError, ConnectionLost
from .general import GeneralAnomaly
from .state import AnomalyState

if TYPE_CHECKING:
    from ..application import BSPumpApplication
    from ..pipeline import Pipeline

L = logging.getLogger(__name__)

STORAGE_INPUT = "AnomalyStoragePipeline.*InternalSource"
"""Address that anomalies are sent to, unless another is given."""

_DAY = 86_400.0
_PAGE = 1000  # documents
_CHUNK = 500  # anomalies sent in one step of the loop
_SCROLL = "1m"

_FIELDS = {"id", "type", "key_dimensions", "status", "started", "updated", "occurrences", "details"}

Key = tuple[str, tuple[tuple[str, Any], ...]]


class SearchConnection(Protocol):
    """What is asked of a connection to Elasticsearch."""

    async def request(self, method: str, path: str, body: Any = None) -> Any:
        """Return the answer of the cluster.

        Raises:
            BSPumpError: Nobody answers, or the cluster refuses.
        """


class AnomalyStorageOptions(Options):
    """Options of a storage of anomalies."""

    quiet: Seconds = option(
        300.0, "seconds without an event after which an anomaly without a class of its own is over", gt=0
    )
    closed_anomaly_longevity: float = option(
        5.0, "days after which a closed anomaly is forgotten; what was sent on stays where it is", ge=0
    )
    index: str = option("bs_anomaly*", "indices that anomalies are loaded from; patterns are fine")


class AnomalyStorage(Configurable, OrderedDict[str, Anomaly]):
    """Anomalies by id, in the order in which they began.

    Each that is new, has changed or is closed is sent to the source at `anomaly_storage_pipeline_source` with the next barrier,
    as a dict with `_id` and `@timestamp` added: an ElasticSearchSink behind it, with a fixed `index`, holds each anomaly once, as
    it is now. The anomalies are stored with each barrier, too, those that have changed: after a crash they are as the
    positions say. With a new store (on a new machine) those of Elasticsearch are loaded first, if a connection is given.

    Example:
        from bspump_like import Pipeline
        from bspump_like.anomaly import AnomalyManager, AnomalyStorage
        from bspump_like.common import InternalSource, NullSink


        class Alarms(Pipeline):
            def __init__(self, app, id="Alarms"):
                super().__init__(app, id)
                storage = AnomalyStorage(app, "Search", config={"index": "bs_anomaly"})
                self.build(InternalSource(app, self), AnomalyManager(app, self, storage), NullSink(app, self))
    """

    class Options(AnomalyStorageOptions):
        """What is loaded, and how long it is kept."""

    def __init__(
        self, app: BSPumpApplication, es_connection: SearchConnection | str | None = None,
        anomaly_classes: Iterable[type[Anomaly]] = (), anomaly_storage_pipeline_source: str = STORAGE_INPUT,
        pipeline: Pipeline | None = None, id: str = "AnomalyStorage", config: Mapping[str, Any] | None = None,
    ) -> None:  # fmt: skip
        """Begin empty.

        Args:
            app: The application.
            es_connection: An ElasticSearchConnection or its id; None: nothing is loaded.
            anomaly_classes: Classes of anomalies that are not general ones.
            anomaly_storage_pipeline_source: Address of the source that anomalies are sent to; '': they are not sent.
            pipeline: The pipeline whose barriers store and send them; that of the first manager when left out.
            id: Name in the store, and of the section `[anomalystorage:ID]` of the configuration file.
            config: Options.
        """
        OrderedDict.__init__(self)
        Configurable.__init__(self, f"anomalystorage:{id}", config, where=f"anomaly storage {id}")
        self.App = app
        self.Id = id
        self.Pipeline = pipeline
        self.AnomalyClasses: dict[str, type[Anomaly]] = {}
        self.add_classes(anomaly_classes)
        self.state = AnomalyState(id, self._header, self._restore)
        self.watermark: float | None = None
        """Time of the newest event, UNIX seconds; the manager sets it."""
        self._connection = es_connection
        self._address = anomaly_storage_pipeline_source
        self._source: Any = None
        self._loaded = False
        self._newest: dict[Key, Anomaly] = {}
        self._open: dict[str, Anomaly] = {}
        self._closed: dict[str, Anomaly] = {}  # in the order in which they were closed
        self._unsent: dict[str, None] = {}  # ids, in order

    def add_classes(self, classes: Iterable[type[Anomaly]]) -> None:
        """Let anomalies of the `TYPE` of these classes be of them."""
        self.AnomalyClasses.update({cls.TYPE: cls for cls in classes})

    def set_pipeline(self, pipeline: Pipeline) -> None:
        """Let the barriers of a pipeline store and send the anomalies."""
        self.Pipeline = pipeline

    def open(self, pipeline: Pipeline | None = None) -> None:
        """Find the connection, and where anomalies go; called at the start by each manager.

        Args:
            pipeline: That of the manager: what its barriers send goes on before they are complete.

        Raises:
            ConfigError: There is no source at the address.
        """
        if isinstance(self._connection, str):
            self._connection = cast(SearchConnection, self.App.pump_service.locate_connection(self._connection))
        sender = pipeline or self.Pipeline
        if self._address and sender is not None:
            service = self.App.pump_service
            self._source = service.locate_input(self._address)
            service.connect(sender, self._source.Pipeline)

    # Anomalies

    def new(self, key_dimensions: Mapping[str, Any], timestamp_started: float, anomaly_type: str) -> Anomaly:
        """Return a new anomaly, kept from now on.

        Its id is made of type, dimensions and time: the same events make the same id, after a crash too.
        """
        seed = encode([sorted(key_dimensions.items()), float(timestamp_started)])
        anomaly = self._of_its_class(
            {
                "id": f"{anomaly_type}-{hashlib.blake2b(seed, digest_size=12).hexdigest()}", "type": anomaly_type,
                "key_dimensions": dict(key_dimensions), "status": OPEN, "started": timestamp_started,
                "updated": timestamp_started, "occurrences": 0, "details": {},
            }
        )  # fmt: skip
        self._keep(anomaly)
        return anomaly

    def newest(self, key_dimensions: Mapping[str, Any], anomaly_type: str) -> Anomaly | None:
        """Return the anomaly of these dimensions that began last, closed or not."""
        return self._newest.get(_key(anomaly_type, key_dimensions))

    def opened(self) -> list[Anomaly]:
        """Return the anomalies that are open."""
        return list(self._open.values())

    def changed(self, anomaly: Anomaly) -> None:
        """Note that an anomaly is to be stored and sent with the next barrier; call it after each change.

        Raises:
            Unencodable: It holds what the store cannot keep.
        """
        self.state.put(anomaly["id"], anomaly)
        self._sort(anomaly)
        self._unsent[anomaly["id"]] = None

    def forget(self, current_time: float) -> None:
        """Forget anomalies that were closed more than `closed_anomaly_longevity` days before `current_time`."""
        end = current_time - self.options.closed_anomaly_longevity * _DAY
        while self._closed:
            id, anomaly = next(iter(self._closed.items()))
            if anomaly["closed"] >= end or id in self._unsent:
                return
            del self._closed[id], self[id]
            self.state.remove(id)
            key = _key(anomaly["type"], anomaly["key_dimensions"])
            if self._newest.get(key) is anomaly:
                del self._newest[key]

    def _of_its_class(self, fields: Mapping[str, Any]) -> Anomaly:
        anomaly = self.AnomalyClasses.get(fields["type"], GeneralAnomaly)(fields)
        if type(anomaly) is GeneralAnomaly:
            anomaly.quiet = self.options.quiet
        return anomaly

    def _keep(self, anomaly: Anomaly) -> None:
        self[anomaly["id"]] = anomaly
        self._sort(anomaly)
        key = _key(anomaly["type"], anomaly["key_dimensions"])
        if key not in self._newest or self._newest[key]["started"] <= anomaly["started"]:
            self._newest[key] = anomaly

    def _sort(self, anomaly: Anomaly) -> None:
        here, there = (self._closed, self._open) if anomaly.is_closed() else (self._open, self._closed)
        there.pop(anomaly["id"], None)
        here[anomaly["id"]] = anomaly

    # The store

    def _header(self) -> dict[str, Any]:
        return {
            "watermark": self.watermark,
            "loaded": self._loaded,
        }  # what was changed before a barrier is sent when it is complete

    def _restore(self, header: Mapping[str, Any], anomalies: Sequence[dict[str, Any]]) -> None:
        self.watermark, self._loaded = header["watermark"], header["loaded"]
        for fields in anomalies:
            self._keep(self._of_its_class(fields))

    # Elasticsearch

    async def flush(self, message_type: str = "") -> None:
        """Send what has changed; called with each barrier, `message_type` is the contract's."""
        for number, id in enumerate(list(self._unsent), 1):
            del self._unsent[id]
            if self._source is not None:
                self._source.accept({}, _document(self[id]))
            if number % _CHUNK == 0:
                await asyncio.sleep(0)  # a turn for the others; nothing is waited for

    @property
    def loads(self) -> bool:
        """True: there is a connection, and nothing has been loaded from it by any run with this store."""
        return self._connection is not None and not self._loaded

    async def load(self) -> None:
        """Take in the open anomalies of the index, and the closed ones that are not too old; what is here stays as it is.

        Returns when it is done: while the cluster does not answer, or refuses, it is asked again. Documents that are no anomalies
        are passed over.
        """
        self.open()
        connection = cast(SearchConnection | None, self._connection)
        if connection is None:
            return
        backoff = Backoff(0.5, 30.0)
        said = ""
        while True:
            try:
                found = await self._search(connection)
                break
            except BSPumpError as error:
                if str(error) != said:
                    L.warning("%s: anomalies cannot be loaded now, trying again: %s", self.Id, error)
                said = str(error)
            await asyncio.sleep(backoff.next())
        documents = [document for document in found if document.keys() >= _FIELDS]
        if len(documents) < len(found):
            L.warning(
                "%s: %d documents in '%s' are no anomalies", self.Id, len(found) - len(documents), self.options.index
            )
        # Where there is an index for each month, an anomaly may stand in two of them: the newer wins.
        loaded = {one["id"]: one for one in sorted(documents, key=lambda one: (one["started"], one["updated"]))}
        for id, document in loaded.items():
            if id not in self:
                fields = {name: value for name, value in document.items() if name != "@timestamp"}
                self._keep(self._of_its_class(fields))
                self.state.put(id, fields)
        self._loaded = True

    async def _search(self, connection: SearchConnection) -> list[dict[str, Any]]:
        since = self.App.time() - self.options.closed_anomaly_longevity * _DAY
        wanted = [{"match": {"status": OPEN}}, {"range": {"closed": {"gte": since}}}]
        body = {"size": _PAGE, "sort": ["_doc"], "query": {"bool": {"should": wanted, "minimum_should_match": 1}}}
        index = quote(self.options.index, safe="*,")
        found: list[dict[str, Any]] = []
        page = await connection.request("POST", f"/{index}/_search?scroll={_SCROLL}&ignore_unavailable=true", body)
        while hits := _hits(page):
            found += hits
            page = await connection.request(
                "POST", "/_search/scroll", {"scroll": _SCROLL, "scroll_id": page["_scroll_id"]}
            )
        if "_scroll_id" in page:  # OpenSearch leaves it out when there is no index to search
            await _forget_scroll(connection, page["_scroll_id"])
        return found


async def _forget_scroll(connection: SearchConnection, id: str) -> None:
    try:
        await connection.request("DELETE", "/_search/scroll", {"scroll_id": id})
    except BSPumpError:
        return  # there was nothing to search, or it expires by itself


def _hits(page: Mapping[str, Any]) -> list[dict[str, Any]]:
    failed = page.get("_shards", {}).get("failed")
    if failed or page.get("timed_out"):
        raise ConnectionLost("the search for anomalies has found only a part", detail=f"{failed} shards failed")
    return [hit["_source"] for hit in page["hits"]["hits"]]


def _key(anomaly_type: str, key_dimensions: Mapping[str, Any]) -> Key:
    return anomaly_type, tuple(sorted(key_dimensions.items()))


def _document(anomaly: Anomaly) -> dict[str, Any]:
    started = datetime.datetime.fromtimestamp(anomaly["started"], datetime.UTC).isoformat()
    return {"_id": anomaly["id"], "@timestamp": started, **anomaly}

"""One of the lines on which a sink sends bulks: fills one bulk at a time, settles each document by the answer."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from ..abc import Backoff
from ..abc.uploader import Limit, Uploader
from ..errors import ConnectionLost
from .bulk import ElasticSearchBulk, Failure, NotIndexed
from .connection import ElasticSearchConnection, Refused

if TYPE_CHECKING:
    from .sink import ElasticSearchSink

L = logging.getLogger(__name__)

_SAY_BUSY_EVERY = 60.0  # seconds; under full load a cluster may be busy for hours, bulk by bulk


class Loader:
    """Fills bulks and hands them to its uploader.

    Args:
        sink: Its options and its pipeline.
        connection: The cluster.
        bulk_class: What to make bulks of.
        limit: Of the bulks of the sink.
    """

    def __init__(
        self,
        sink: ElasticSearchSink,
        connection: ElasticSearchConnection,
        bulk_class: type[ElasticSearchBulk],
        limit: Limit,
    ) -> None:
        """Begin with an empty bulk."""
        self._sink = sink
        self._connection = connection
        self._class = bulk_class
        self.bulk = self._new_bulk()
        """The bulk that is being filled."""
        self._busy_said = float("-inf")
        self._kinds: set[tuple[int, str]] = set()
        options = connection.options
        backoff = Backoff(options.reconnect_delay, options.reconnect_delay_max)
        self.uploader = Uploader(sink, self._upload, backoff, limit)

    def close_bulk(self) -> None:
        """Send what there is."""
        if self.bulk.documents:
            self.bulk.documents.seal()
            self.uploader.put(self.bulk)
            self.bulk = self._new_bulk()

    def _new_bulk(self) -> ElasticSearchBulk:
        return self._class(self._connection, "", self._connection.options.bulk_out_max_size)

    async def _upload(self, bulk: ElasticSearchBulk) -> ElasticSearchBulk | None:
        """Send a bulk; return it with the documents that are to be tried again, None when there are none."""
        count = len(bulk.documents)
        try:
            busy = await bulk.upload()
        except Refused as error:
            raise ConnectionLost(error.message, detail=error.steady_detail, hint=error.hint) from error
        finally:
            refused, bulk.refused = bulk.refused, []
            self._refuse(refused)
            self._sink.count(count - len(bulk.documents) - len(refused), len(refused))
        await self._sink.on_stored()
        if not bulk.documents:
            return None
        self._say_busy(busy[0])
        return bulk

    def _say_busy(self, first: Failure) -> None:
        busy = ConnectionLost(
            f"Elasticsearch answers {first.status} for some documents", detail=first.reason.partition(":")[0]
        )
        news, now = self._sink.Pipeline.report_unavailable(self._sink, busy), time.monotonic()
        if news and now - self._busy_said > _SAY_BUSY_EVERY:
            self._busy_said = now
            L.warning("%s: %s; trying those again, nothing is lost", self._sink.locate_address(), busy)

    def _refuse(self, failures: list[Failure]) -> None:
        options = self._connection.options
        for number, (document, status, reason) in enumerate(failures):
            address, kind = self._sink.locate_address(), (status, reason.partition(":")[0])
            if options.log_failed_documents and number < options.fail_log_max_size:
                text = (document.action + document.body).decode(errors="replace")[:500]
                L.warning("%s: a document is refused with %d: %s; the document: %s", address, status, reason, text)
            elif kind not in self._kinds and len(self._kinds) < options.fail_log_max_size:
                # Each kind once; the dead letters have the reason of each document, and the pipeline logs their number.
                L.warning("%s: a document is refused with %d: %s", address, status, reason)
            self._kinds.add(kind)
            error = NotIndexed(f"Elasticsearch refuses the document with {status}", detail=reason)
            self._sink.Pipeline.reject(self._sink, document.context, document.event, error)

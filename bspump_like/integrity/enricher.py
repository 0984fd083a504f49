"""IntegrityEnricher: gives each event its hash and that of the event before it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..abc import Context, Event, Processor, Snapshot
from ..errors import ProcessingError
from .chain import ChainOptions, link

if TYPE_CHECKING:
    from ..application import BSPumpApplication
    from ..pipeline import Pipeline


class IntegrityEnricher(Processor):
    """Chain events: each gets its own hash, and the hash of the one before it, in place.

    In: dict of what JSON can say. Out: the same dict with `_id` and `_prev_id` (None in the first event). What stood in
    these fields is replaced. `IntegrityVerifier` checks such a chain. Raises: ProcessingError, if the event is no dict or
    JSON cannot say it.

    The chain goes on after a stop or a crash: its last hash is stored with each barrier. Salts come from a secret of the
    chain that is stored likewise, so events that are read again after a crash get the hashes that they had before. It is
    one chain over all partitions of the sources: run such a pipeline with one worker.

    Example:
        pipelines:
          - id: Example
            sources:
              - {class: IteratorSource, args: {iterator: [{text: one}, {text: two}]}}
            processors:
              - {class: IntegrityEnricher}
              - {class: IntegrityVerifier}
            sink: {class: PPrintSink}
    """

    class Options(ChainOptions):
        """Function and fields."""

    shares = False
    """Several workers would make several chains."""

    def __init__(
        self, app: BSPumpApplication, pipeline: Pipeline, id: str | None = None, config: Mapping[str, Any] | None = None
    ) -> None:
        """See `Processor`."""
        super().__init__(app, pipeline, id, config)
        self._previous: str | None = None
        self._secret = os.urandom(16)

    def process(self, context: Context, event: Event) -> Event:
        """Return the event as the next link."""
        if not isinstance(event, dict):
            raise ProcessingError(f"expected a dict to chain, got {type(event).__name__}")
        o = self.options
        event[o.prev_hash_key] = self._previous
        salt = hashlib.sha512(self._secret + str(self._previous).encode()).digest()[: o.salt_length]
        event[o.hash_key] = self._previous = link(event, salt, o)
        return event

    def snapshot(self) -> Snapshot:
        """Return the last hash, and the secret that salts come from."""
        return {"previous": self._previous, "secret": self._secret}

    def restore(self, state: Snapshot) -> None:
        """Go on with the stored chain."""
        self._previous, self._secret = state["previous"], state["secret"]

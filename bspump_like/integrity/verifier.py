"""IntegrityVerifier: checks that a chain of events is whole."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..abc import Context, Event, Processor, Snapshot
from ..errors import Reject
from .chain import ChainOptions, link

if TYPE_CHECKING:
    from ..application import BSPumpApplication
    from ..pipeline import Pipeline


class IntegrityVerifier(Processor):
    """Check that each event has the hash it says, and follows the one before it.

    In: dicts that `IntegrityEnricher` has chained, in order. Out: the same. An event that comes again, as after a crash
    of its sender, passes when it is the last one; the first event may have any predecessor, so that reading can begin
    anywhere.
    Raises: Reject, if an event was changed, or if events before it are missing; the next one is measured by it then.

    Example:
        pipelines:
          - id: Example
            config: {on_error: drop}
            sources:
              - class: IteratorSource
                args:
                  iterator:
                    - {text: forged, _prev_id: null, _id: 1a2b3c00}
            processors:
              - {class: IntegrityVerifier}
            sink: {class: PPrintSink}
    """

    class Options(ChainOptions):
        """Function and fields, as they were when the chain was made."""

    shares = False
    """Several workers would each see a part of the chain."""

    def __init__(
        self, app: BSPumpApplication, pipeline: Pipeline, id: str | None = None, config: Mapping[str, Any] | None = None
    ) -> None:
        """See `Processor`."""
        super().__init__(app, pipeline, id, config)
        self._previous: str | None = None
        self._begun = False

    def process(self, context: Context, event: Event) -> Event:
        """Let the event pass if it is the next link."""
        o = self.options
        found = event.get(o.hash_key) if isinstance(event, Mapping) else None
        if not isinstance(found, str):
            raise Reject(f"there is no hash in '{o.hash_key}'")
        try:
            salt = bytes.fromhex(found[: 2 * o.salt_length])
        except ValueError:
            salt = b""
        if link(event, salt, o) != found:
            raise Reject("the event was changed: it has another hash than it says", detail=found)
        expected, before = self._previous, event.get(o.prev_hash_key)
        begun, self._previous, self._begun = self._begun, found, True
        if begun and before != expected and found != expected:
            raise Reject(
                "events are missing, or come in another order", detail=f"before it comes {before}, not {expected}"
            )
        return event

    def snapshot(self) -> Snapshot:
        """Return the last hash."""
        return {"previous": self._previous, "begun": self._begun}

    def restore(self, state: Snapshot) -> None:
        """Go on with the stored one."""
        self._previous, self._begun = state["previous"], state["begun"]

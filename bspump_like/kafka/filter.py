"""KafkaKeyFilter: lets through the messages with certain keys."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from ..abc import Context, Event, Processor
from ..abc.processor import ConcurrencyOptions
from ..config import option

if TYPE_CHECKING:
    from ..application import BSPumpApplication
    from ..pipeline import Pipeline


class KafkaKeyFilter(Processor):
    """Drop the events whose Kafka key is not among `keys`.

    In and out: any event of a KafkaSource, unchanged.

    Example:
        connections:
          - {id: Kafka, class: KafkaConnection, config: {bootstrap_servers: "${KAFKA:localhost:9092}"}}
        pipelines:
          - id: Example
            sources:
              - {class: KafkaSource, args: {connection: Kafka}, config: {topic: flights, group_id: example}}
            processors:
              - {class: KafkaKeyFilter, args: {keys: [EWR, LGA]}}
            sink: {class: PPrintSink}
    """

    class Options(ConcurrencyOptions):
        """The keys."""

        keys: list[str] = option([], "keys to let through, as text; must be set unless they are given in code")

    def __init__(
        self, app: BSPumpApplication, pipeline: Pipeline, keys: bytes | str | Iterable[bytes | str] | None = None,
        id: str | None = None, config: Mapping[str, Any] | None = None,
    ) -> None:  # fmt: skip
        """See `Processor`.

        Args:
            app: The application.
            pipeline: The pipeline.
            keys: One key or several, bytes or text.
            id: Name within the pipeline.
            config: Options.
        """
        super().__init__(app, pipeline, id, config)
        given: Iterable[bytes | str] = (
            self.options.keys if keys is None else [keys] if isinstance(keys, bytes | str) else keys
        )
        self._keys = frozenset(key.encode() if isinstance(key, str) else bytes(key) for key in given)

    def process(self, context: Context, event: Event) -> Event:
        """Let the event through if its key is one of ours."""
        return event if context["kafka"].key in self._keys else None

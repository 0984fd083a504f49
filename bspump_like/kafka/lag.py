"""The lag of a KafkaSource as a metric: messages that are there and not read, of each partition."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..errors import ConnectionLost

if TYPE_CHECKING:
    from .source import KafkaSource


class LagGauge:
    """Asks the brokers when asab collects its metrics, once a minute, and sets `bspump.kafka.lag`.

    The value is `lag`; tags are `pipeline`, `source`, `group`, `topic` and `partition`. A partition that has moved to another
    process counts as 0 here, so that the sum over all processes is right.

    Args:
        source: Whose lag it is.
    """

    def __init__(self, source: KafkaSource) -> None:
        """Measure nothing yet."""
        self._source = source
        self._gauges: dict[str, Any] = {}
        self._measuring = False
        self.last: dict[str, int] = {}
        """Partition -> lag as of the last measurement."""

    def start(self) -> None:
        """Measure from now on, if the application has metrics."""
        service = self._source.App.get_service("asab.MetricsService")
        if service is not None:
            self._service: Any = service
            self._source.App.PubSub.subscribe("Metrics.flush!", self._on_flush)

    def _on_flush(self, _message_type: str) -> None:
        if not self._measuring:
            self._measuring = True
            name = f"lag of {self._source.locate_address()}"
            self._source.App.pump_service.start_background(self._measure(), name)

    async def _measure(self) -> None:
        try:
            self.last = await self._source.lag()
        except ConnectionLost:
            return  # the source itself says that it has lost its brokers
        finally:
            self._measuring = False
        for name in self.last.keys() - self._gauges.keys():
            self._gauges[name] = self._service.create_gauge(
                "bspump.kafka.lag", tags=self._tags(name), init_values={"lag": 0}, help="messages not read yet"
            )
        for name, gauge in self._gauges.items():
            gauge.set("lag", self.last.get(name, 0))

    def _tags(self, name: str) -> dict[str, str]:
        source = self._source
        topic, _, partition = name.rpartition(":")
        return {
            "pipeline": source.Pipeline.Id, "source": source.Id, "group": source.options.group_id, "topic": topic,
            "partition": partition,
        }  # fmt: skip

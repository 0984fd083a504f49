"""What a pipeline counts, and its sampled profile.

Counters are plain integers, added to once per batch. The contract's asab metrics are fed from them when asab flushes its
metrics, once a minute, so that the event path pays nothing for metrics.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .pipeline import Pipeline


class Counters:
    """Events of one pipeline since its start."""

    __slots__ = ("dead_letters", "dropped", "errors", "events_in", "events_out", "retries", "warnings")

    def __init__(self) -> None:
        """Begin at zero."""
        self.events_in = 0
        self.events_out = 0
        self.dropped = 0
        self.warnings = 0
        self.errors = 0
        self.dead_letters = 0
        self.retries = 0

    def as_dict(self) -> dict[str, int]:
        """Return the counters by name."""
        return {name: getattr(self, name) for name in self.__slots__}


class Profile:
    """Time spent in each processor, of one event in many."""

    def __init__(self) -> None:
        """Begin with nothing sampled."""
        self._samples: dict[str, list[int]] = {}

    def timer(self, processor_id: str) -> Callable[[int], None]:
        """Return the function that takes one duration of a processor, in nanoseconds."""
        times = self._samples.setdefault(processor_id, [0, 0])

        def add(duration: int) -> None:
            times[0] += duration
            times[1] += 1

        return add

    def as_dict(self) -> dict[str, dict[str, float]]:
        """Return processor id -> `duration` in seconds, `run` times, and `mean` in microseconds."""
        return {
            name: {"duration": total / 1e9, "run": runs, "mean": total / runs / 1e3}
            for name, (total, runs) in self._samples.items()
            if runs
        }


class PipelineMetrics:
    """The contract's metrics of one pipeline, in asab's metrics service.

    Args:
        pipeline: The pipeline to report.
        service: asab's metrics service.
    """

    _NAMES = {  # name of the metric's field -> our counter
        "event.in": "events_in", "event.out": "events_out", "event.drop": "dropped", "warning": "warnings", "error": "errors",
    }  # fmt: skip

    def __init__(self, pipeline: Pipeline, service: Any) -> None:
        """Create the metrics and feed them at every flush."""
        tags = {"pipeline": pipeline.Id}
        zero = dict.fromkeys(self._NAMES, 0)
        rates = {name.replace("event.", "eps."): 0 for name in self._NAMES}
        self._pipeline = pipeline
        self._counter = service.create_counter("bspump.pipeline", tags=tags, init_values=zero)
        self._eps = service.create_eps_counter("bspump.pipeline.eps", tags=tags, init_values=rates)
        self._gauge = service.create_gauge(
            "bspump.pipeline.gauge", tags=tags, init_values={"warning.ratio": 0.0, "error.ratio": 0.0}
        )
        self.duty_cycle = service.create_duty_cycle(
            "bspump.pipeline.dutycycle", tags=tags, init_values={"ready": False}
        )
        self._profiler = service.create_counter(
            "bspump.pipeline.profiler", tags=tags, init_values={"duration": 0, "run": 0}
        )
        self._profiled = (0.0, 0.0)
        self._seen = dict.fromkeys(self._NAMES, 0)
        pipeline.App.PubSub.subscribe("Metrics.flush!", self._on_flush)

    def _on_flush(self, _message_type: str) -> None:
        counters = self._pipeline.counters
        for name, attribute in self._NAMES.items():
            value = getattr(counters, attribute)
            self._counter.add(name, value - self._seen[name])
            self._eps.add(name.replace("event.", "eps."), value - self._seen[name])
            self._seen[name] = value
        total = max(counters.events_in, 1)
        self._gauge.set("warning.ratio", counters.warnings / total)
        self._gauge.set("error.ratio", counters.errors / total)
        profile = self._pipeline.profile.as_dict().values()
        profiled = (sum(p["duration"] for p in profile), sum(p["run"] for p in profile))
        self._profiler.add("duration", profiled[0] - self._profiled[0])
        self._profiler.add("run", profiled[1] - self._profiled[1])
        self._profiled = profiled

"""Run a pump from a file source to a file sink, and look at what is on disk."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from bspump_like import Pipeline
from bspump_like.testing import CollectSink, run_pump


class Pump:
    """One pipeline `P`; each `run` is a process of its own as far as the store and the files can tell."""

    def __init__(self, store: str) -> None:
        self.store = store
        self.source: Any = None
        self.sink: Any = None

    def run(
        self, source: Callable[..., Any], source_config: dict[str, Any], sink: Callable[..., Any] = CollectSink,
        sink_config: dict[str, Any] | None = None, *, pipeline: dict[str, Any] | None = None, **arguments: Any,
    ) -> list[Any]:  # fmt: skip
        """Run to the end; return what a CollectSink got."""

        def build(app: Any) -> None:
            p = Pipeline(app, "P", config={"commit_interval": 0.0, **(pipeline or {})})
            self.source = source(app, p, config=source_config)
            self.sink = sink(app, p, config=sink_config)
            p.build(self.source, self.sink)
            app.pump_service.add_pipeline(p)

        run_pump(build, store=self.store, **arguments)
        return self.sink.events if isinstance(self.sink, CollectSink) else []


@pytest.fixture
def pump(tmp_path: Any) -> Pump:
    """Return a pump with a store of its own."""
    return Pump(str(tmp_path / "store.db"))

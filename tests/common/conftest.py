"""How the tests of single parts get one: `make(Class, config)` in a pipeline that does not run, `pump` for one that does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from bspump_like import Pipeline
from bspump_like.testing import CollectSink, ListSource, fresh_application, run_pump


@pytest.fixture
def app():
    with fresh_application() as app:
        yield app


@pytest.fixture
def make(app) -> Callable[..., Any]:
    pipeline = Pipeline(app, "P")

    def made(part: type, config: dict[str, Any] | None = None, **arguments: Any) -> Any:
        return part(app, pipeline, config=config, **arguments)

    return made


@pytest.fixture
def pump() -> Callable[..., list[Any]]:
    """Run events through parts, each given as a class or as (class, config), and return what comes out."""

    def run(
        events: list[Any], *parts: Any, prepare: Callable[[Any], None] = lambda app: None, **options: Any
    ) -> list[Any]:
        sinks, settings = [], options.pop("pipeline", None)

        def build(app):
            prepare(app)
            pipeline = Pipeline(app, "P", config=settings)
            made = [
                part[0](app, pipeline, config=part[1]) if isinstance(part, tuple) else part(app, pipeline)
                for part in parts
            ]
            sinks.append(CollectSink(app, pipeline))
            pipeline.build(ListSource(app, pipeline, events), *made, sinks[0])
            app.pump_service.add_pipeline(pipeline)

        run_pump(build, **options)
        return sinks[0].events

    return run

"""How the tests of single parts get one: `make(Class, config)` in a pipeline that does not run, `pump` for one that does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from bspump_like import Pipeline
from bspump_like.testing import ListSource, fresh_application, pipeline_of, run_pump


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
        def source(app: Any, pipeline: Any) -> ListSource:
            return ListSource(app, pipeline, events)

        build = pipeline_of(source, *parts, config=options.pop("pipeline", None))

        def prepared(app: Any) -> None:
            prepare(app)
            build(app)

        return run_pump(prepared, **options).pump_service.locate("P.CollectSink").events

    return run

from __future__ import annotations

from typing import Any

import pytest

from bspump_like import ConfigError, Pipeline, ProcessingError
from bspump_like.application import BSPumpApplication
from bspump_like.common import DivertProcessor, InternalSource
from bspump_like.testing import CollectSink, ListSource, Trial, fresh_application


def tried(
    events: list[Any], config: dict[str, Any] | None = None, on_error: str = "stop", **arguments: Any
) -> Trial:
    """Return what came of events that a divert may send away."""

    def build(app: BSPumpApplication) -> None:
        main, other = Pipeline(app, "Main", {"on_error": on_error}), Pipeline(app, "Other")
        divert = DivertProcessor(app, main, config={"target": "Other", **(config or {})}, **arguments)
        main.build(ListSource(app, main, events), divert, CollectSink(app, main))
        other.build(InternalSource(app, other), CollectSink(app, other))
        app.pump_service.add_pipelines(main, other)

    with Trial(build) as trial:
        return trial.run()


def pumped(*arguments: Any, **more: Any) -> tuple[list[Any], list[Any]]:
    """Return what went on and what was diverted."""
    trial = tried(*arguments, **more)
    return trial.outputs("Main"), trial.outputs("Other")


def test_events_for_which_the_condition_holds_leave() -> None:
    assert pumped([{"n": n} for n in range(4)], {"when": "n >= 2"}) == ([{"n": 0}, {"n": 1}], [{"n": 2}, {"n": 3}])


def test_what_leaves_is_counted_as_sent_and_not_as_dropped() -> None:
    counters = tried([{"n": n} for n in range(10)], {"when": "n > 6"}).pipelines["Main"].counters
    assert (counters.events_in, counters.events_out, counters.dropped) == (10, 10, 0)


def test_the_condition_may_be_a_function() -> None:
    assert pumped([1, "x", 2], condition=lambda context, event: isinstance(event, str)) == ([1, 2], ["x"])


def test_the_condition_may_be_a_constant() -> None:
    assert pumped([1, 2], {"when": True}) == ([], [1, 2])
    assert pumped([1, 2], {"when": False}) == ([1, 2], [])


def test_an_event_for_which_it_cannot_be_computed_goes_by_the_policy() -> None:
    assert pumped([{"n": "x"}, {"n": 5}], {"when": "n > 2"}, on_error="drop") == ([], [{"n": 5}])


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"when": "n >"}, "column 4"),
        ({"when": 5}, "expected an expression, such as: delay > 15"),
        ({}, "option 'when' must be set"),
        ({"when": "n > 1", "target": ""}, "option 'target' must be set"),
    ],
)
def test_mistakes_are_said_when_it_is_made(config: dict[str, Any], said: str) -> None:
    with fresh_application() as app, pytest.raises(ConfigError, match=said):
        DivertProcessor(app, Pipeline(app, "P"), config={"target": "Q", **config})


def test_the_error_names_the_expression() -> None:
    with fresh_application() as app:
        divert = DivertProcessor(app, Pipeline(app, "P"), config={"target": "Q", "when": "n > 2"})
        with pytest.raises(ProcessingError, match="n > 2"):
            divert.process({}, {"n": "x"})

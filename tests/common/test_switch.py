from __future__ import annotations

from typing import Any

import pytest

from bspump_like import ConfigError, Pipeline
from bspump_like.common import SwitchProcessor, SwitchSink
from bspump_like.testing import Trial, fresh_application

CASES = [{"when": "n == 1", "target": "One"}, {"when": "n < 3", "target": "Few.*InternalSource"}]
OTHERS = ("One", "Few", "Others", "Errors")


def pumped(cls: type, config: dict[str, Any]) -> dict[str, list[int]]:
    """Return pipeline -> what its sink got of 0 to 4."""
    step = {"class": cls.__name__, "config": config}
    others = [{"id": id, "source": {"class": "InternalSource"}, "sink": {"class": "NullSink"}} for id in OTHERS]
    main = {"id": "Main", "config": {"on_error": {"route": "Errors"}}, "source": {"class": "InternalSource"}}
    main |= {"sink": step} if cls is SwitchSink else {"processors": [step], "sink": {"class": "NullSink"}}
    with Trial({"pipelines": [main, *others]}) as trial:
        trial.feed("Main", *({"n": n} for n in range(5)))
        trial.run()
        reached = OTHERS if cls is SwitchSink else ("Main", *OTHERS)
        return {id: [event["n"] for event in trial.outputs(id)] for id in reached}


def test_the_first_case_that_holds_takes_the_event() -> None:
    assert pumped(SwitchProcessor, {"cases": CASES}) == {
        "Main": [3, 4],
        "One": [1],
        "Few": [0, 2],
        "Others": [],
        "Errors": [],
    }


def test_a_default_takes_the_others() -> None:
    expected = {"One": [1], "Few": [0, 2], "Others": [3, 4], "Errors": []}

    assert pumped(SwitchProcessor, {"cases": CASES, "default": "Others"}) == {"Main": [], **expected}
    assert pumped(SwitchSink, {"cases": CASES, "default": "Others"}) == expected


def test_at_the_end_an_event_that_no_case_takes_is_an_error() -> None:
    assert pumped(SwitchSink, {"cases": CASES}) == {"One": [1], "Few": [0, 2], "Others": [], "Errors": [3, 4]}


@pytest.mark.parametrize(
    ("cases", "path", "said"),
    [
        (["x"], ("cases", 0), "a case must be an object"),
        ([CASES[0], {"when": "n >", "target": "One"}], ("cases", 1, "when"), "column 4"),
        ([{"when": "n > 1"}], ("cases", 0), "a case needs 'target'"),
        ([{"when": "n > 1", "to": "One"}], ("cases", 0, "to"), "unknown key 'to' in a case"),
    ],
)
def test_mistakes_are_said_with_their_place(cases: list[Any], path: tuple[Any, ...], said: str) -> None:
    with fresh_application() as app, pytest.raises(ConfigError) as caught:
        SwitchProcessor(app, Pipeline(app, "P"), config={"cases": cases})

    (problem,) = caught.value.problems
    assert problem.path == path
    assert said in problem.message

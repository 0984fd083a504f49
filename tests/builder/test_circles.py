"""Pipelines that send events round in a circle: refused where none can leave, a warning where they may."""

from __future__ import annotations

import pytest

from bspump_like.builder import PumpBuilder, construct_pumps
from bspump_like.testing import fresh_application

from .conftest import Mistakes, Write
from .mistake import HEAD, SINK, Mistake

FOR_EVER = "(send it on only on a condition, with a step that has 'when')"
AS_IT_WAS = "it comes back as it was (to try again: on_error: {retry: {attempts: 3}, then: dead_letter})"
INTO_A = HEAD + "  sink: {class: InternalSink, config: {target: A}}\n"

MISTAKES = [
    Mistake(
        "a pipeline whose sink is itself",
        INTO_A + "- id: A\n  source: {class: InternalSource}\n  sink: {class: InternalSink, config: {target: A}}\n",
        f"pump.yaml:7: every event goes round in A -> A for ever {FOR_EVER}",
    ),
    Mistake(
        "two pipelines that send everything to one another",
        INTO_A + "- {id: A, source: {class: InternalSource}, sink: {class: InternalSink, config: {target: B}}}\n"
        "- {id: B, source: {class: InternalSource}, sink: {class: InternalSink, config: {target: A}}}\n",
        f"pump.yaml:5: every event goes round in A -> B -> A for ever {FOR_EVER}",
    ),
    Mistake(
        "a fork that copies everything to its own pipeline",
        INTO_A + "- id: A\n  source: {class: InternalSource}\n  processors:\n  - fork: A\n" + SINK,
        f"pump.yaml:8: every event goes round in A -> A for ever {FOR_EVER}",
    ),
    Mistake(
        "a copy of a copy",
        INTO_A + "- id: A\n  source: {class: InternalSource}\n  processors:\n  - {class: TeeProcessor, id: T}\n" + SINK
        + "- id: B\n  source: {class: TeeSource, config: {tee: A.T}}\n  sink: {class: InternalSink, config: {target: A}}\n",
        f"pump.yaml:12: every event goes round in B -> A -> B for ever {FOR_EVER}",
    ),
    Mistake(
        "errors that lead to where they come from",
        INTO_A + "- id: A\n  config:\n    on_error: {route: A}\n  source: {class: InternalSource}\n" + SINK,
        f"pump.yaml:7: an event that fails goes round in A -> A for ever: {AS_IT_WAS}",
    ),
    Mistake(
        "errors of a part that come back unchanged",
        INTO_A + "- id: A\n  source: {class: InternalSource}\n  processors:\n  - class: JSONParserProcessor\n"
        "    config: {on_error: {route: E}}\n" + SINK
        + "- {id: E, source: {class: InternalSource}, sink: {class: InternalSink, config: {target: A}}}\n",
        f"pump.yaml:9: an event that fails goes round in A -> E -> A for ever: {AS_IT_WAS}",
    ),
    Mistake(
        "two circles",
        INTO_A + "- {id: A, source: {class: InternalSource}, sink: {class: InternalSink, config: {target: A}}}\n"
        "- {id: B, source: {class: InternalSource}, sink: {class: InternalSink, config: {target: B}}}\n",
        f"pump.yaml:5: every event goes round in A -> A for ever {FOR_EVER}",
        f"pump.yaml:6: every event goes round in B -> B for ever {FOR_EVER}",
    ),
]  # fmt: skip


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.title)
def test_a_circle_that_no_event_leaves_is_a_mistake(mistakes: Mistakes, mistake: Mistake) -> None:
    assert mistakes(mistake.text) == list(mistake.said)


def warnings(*definitions: str) -> list[str]:
    with fresh_application() as app:
        return [str(one).rpartition("/")[2] for one in construct_pumps(
            [PumpBuilder(definition) for definition in definitions], app, app.pump_service
        )]  # fmt: skip


MAY = (
    "one that never leaves holds up all others (make sure that each leaves, with a condition that comes true)"
)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            INTO_A + "- id: A\n  source: {class: InternalSource}\n  processors:\n  - when: n < 5\n    to: A\n" + SINK,
            [f"a.yaml:9: warning: events may go round in A -> A: {MAY}"],
        ),
        (
            INTO_A + "- id: A\n  source: {class: InternalSource}\n  processors:\n"
            "  - {class: FilterProcessor, config: {where: n < 5}}\n  sink: {class: InternalSink, config: {target: A}}\n",
            [f"a.yaml:9: warning: events may go round in A -> A: {MAY}"],
        ),
        (
            INTO_A + "- id: A\n  config: {on_error: {route: E}}\n  source: {class: InternalSource}\n" + SINK
            + "- id: E\n  source: {class: InternalSource}\n  processors: [{class: DeriveProcessor, config: {fields: {a: b}}}]\n"
            "  sink: {class: InternalSink, config: {target: A}}\n",
            [f"a.yaml:6: warning: events may go round in A -> E -> A: {MAY}"],
        ),
        (INTO_A + "- id: A\n  source: {class: InternalSource}\n  config: {on_error: {route: E}}\n" + SINK
         + "- {id: E, source: {class: InternalSource}, sink: {class: NullSink}}\n", []),
    ],
    ids=["divert", "filter", "repair", "no circle"],
)  # fmt: skip
def test_a_circle_that_events_may_leave_is_a_warning(write: Write, text: str, said: list[str]) -> None:
    assert warnings(str(write(a_yaml=text))) == said


def test_a_circle_over_two_definitions_is_said_once(write: Write) -> None:
    one = write(
        a_yaml=INTO_A + "- id: A\n  source: {class: InternalSource}\n  processors:\n  - when: n < 5\n    to: B\n" + SINK,
        b_yaml="pipelines:\n- {id: B, source: {class: InternalSource}, sink: {class: InternalSink, config: {target: A}}}\n",
    )
    assert warnings(str(one), str(one.parent / "b.yaml")) == [
        f"a.yaml:9: warning: events may go round in A -> B -> A: {MAY}"
    ]

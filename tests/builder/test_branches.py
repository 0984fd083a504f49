"""Branches written in place: what they become, and what they do with events."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from bspump_like.application import BSPumpApplication
from bspump_like.builder import PumpBuilder
from bspump_like.builder.loader import load
from bspump_like.testing import CollectSink, fresh_application, run_pump

from .conftest import Write

COLLECT = {"module": "bspump_like.testing", "class": "CollectSink"}


def pump(*steps: Any, events: Any = range(6), **keys: Any) -> dict[str, Any]:
    source = {"module": "bspump_like.testing", "class": "ListSource", "args": {"events": [{"n": n} for n in events]}}
    return {"pipelines": [{"id": "P", "source": source, "processors": list(steps), "sink": COLLECT, **keys}]}


def run(tree: dict[str, Any], **arguments: Any) -> BSPumpApplication:
    return run_pump(lambda app: PumpBuilder(tree).construct_pump(app, app.pump_service), **arguments)


def collected(app: BSPumpApplication) -> dict[str, list[int]]:
    """Return pipeline -> what its sink has collected."""
    found = {}
    for pipeline in app.pump_service.Pipelines.values():
        sink = list(pipeline.iter_processors())[-1]
        if isinstance(sink, CollectSink):
            assert sink.durable == len(sink.events)
            found[pipeline.Id] = [event["n"] for event in sink.events]
    return found


def test_diverted_events_leave_and_the_others_go_on() -> None:
    app = run(pump({"when": "n > 3", "branch": {"sink": COLLECT}}))

    assert collected(app) == {"P": [0, 1, 2, 3], "P-when": [4, 5]}


def test_a_branch_is_an_ordinary_pipeline_with_an_address() -> None:
    app = run(
        pump({"id": "Late", "when": "n > 3", "branch": {"processors": [{"class": "FilterProcessor"}], "sink": COLLECT}})
    )
    service = app.pump_service

    assert service.locate("P.Late").__class__.__name__ == "DivertProcessor"
    assert service.locate("P-Late.FilterProcessor").Pipeline is service.Pipelines["P-Late"]
    assert service.Pipelines["P-Late"].counters.events_in == 2


def test_to_names_a_pipeline_that_is_there() -> None:
    tree = pump({"when": "n > 3", "to": "Q"})
    tree["pipelines"].append({"id": "Q", "source": {"class": "InternalSource"}, "sink": COLLECT})

    assert collected(run(tree)) == {"P": [0, 1, 2, 3], "Q": [4, 5]}


def test_the_first_case_that_holds_takes_the_event_and_others_go_on() -> None:
    app = run(pump({"case": [
        {"when": "n == 1", "branch": {"sink": COLLECT}},
        {"when": "n < 3", "id": "Few", "branch": {"sink": COLLECT}},
    ]}))  # fmt: skip

    assert collected(app) == {"P": [3, 4, 5], "P-case-1": [1], "P-Few": [0, 2]}


def test_the_last_case_may_take_all_that_is_left() -> None:
    app = run(pump({"case": [{"when": "n < 3", "branch": {"sink": COLLECT}}, {"branch": {"sink": COLLECT}}]}))

    assert collected(app) == {"P": [], "P-case-1": [0, 1, 2], "P-else": [3, 4, 5]}


def test_a_branch_of_a_case_without_a_sink_gives_its_events_back() -> None:
    app = run(pump(
        {"when": "n == 5", "branch": {"sink": COLLECT}},
        {"case": [
            {"when": "n == 0", "branch": {"processors": [{"class": "DeriveProcessor", "config": {"fields": {
                "n": {"op": "add", "args": ["n", {"const": 100}]}}}}]}},
            {"when": "n == 1", "branch": {"sink": COLLECT}},
        ]},
        {"class": "FilterProcessor"},
        {"when": "n == 2", "branch": {"sink": COLLECT}},
    ))  # fmt: skip

    found = collected(app)
    assert sorted(found.pop("P-case-rest")) == [3, 4, 100]
    assert found == {"P-when": [5], "P-case-2": [1], "P-case-rest-when": [2]}


def test_a_case_at_the_end_is_the_sink_and_an_event_that_nothing_takes_is_an_error() -> None:
    case = {"case": [{"when": "n < 5", "branch": {"sink": COLLECT}}]}
    app = run(pump(case, sink=None, config={"on_error": {"route": {"sink": COLLECT}}}))

    assert collected(app) == {"P-case-1": [0, 1, 2, 3, 4], "P-errors": [5]}
    (context,) = app.pump_service.locate("P-errors.CollectSink").contexts
    assert "no case of case takes the event" in context["ancestor"]["error"]["message"]


def test_a_fork_gets_a_copy_of_every_event() -> None:
    add = {"class": "DeriveProcessor", "config": {"fields": {"n": {"op": "add", "args": ["n", {"const": 10}]}}}}
    app = run(pump({"fork": [{"processors": [add], "sink": COLLECT}, {"id": "Log", "sink": COLLECT}]}))

    assert collected(app) == {"P": [*range(6)], "P-fork-1": [*range(10, 16)], "P-Log": [*range(6)]}


def test_branches_may_have_branches() -> None:
    inner = {"when": "n == 5", "branch": {"sink": COLLECT}}
    app = run(pump({"when": "n > 3", "branch": {"processors": [inner], "sink": COLLECT}}))

    assert collected(app) == {"P": [0, 1, 2, 3], "P-when": [4], "P-when-when": [5]}


def test_errors_of_a_pipeline_and_of_a_part_lead_into_branches() -> None:
    fails = {"class": "DeriveProcessor", "id": "Half", "config": {
        "fields": {"n": {"op": "div", "args": [{"const": 10}, "n"]}}, "on_error": {"route": {"sink": COLLECT}}}}  # fmt: skip
    app = run(pump(fails, events=[0, 5]))

    assert collected(app) == {"P": [2], "P-Half-errors": [0]}


def test_a_branch_does_with_errors_what_its_pipeline_does_unless_it_says_otherwise() -> None:
    own = {"sink": COLLECT, "config": {"on_error": "drop", "max_in_flight": 7}}
    tree = pump({"fork": [{"sink": COLLECT}, own]}, config={"on_error": {"route": {"sink": COLLECT}}})
    with fresh_application() as app:
        PumpBuilder(tree).construct_pump(app, app.pump_service)
        policies = {one.Id: one.options.on_error for one in app.pump_service.Pipelines.values()}

    assert policies == {
        "P": {"route": "P-errors"}, "P-fork-1": {"route": "P-errors"}, "P-fork-2": "drop", "P-errors": "stop",
    }  # fmt: skip


def test_steps_without_an_id_are_numbered() -> None:
    divert = {"when": "n > 3", "branch": {"sink": COLLECT}}
    ids = [one["id"] for one in load(pump(divert, {"id": "when-2", **divert}, divert)).tree["pipelines"]]

    assert ids == ["P", "P-when", "P-when-2", "P-when-3"]


def test_what_stands_in_a_branch_keeps_its_place(write: Write) -> None:
    path = write(p_yaml="""pipelines:
- id: P
  processors:
  - case:
    - when: a
      branch:
        processors:
        - class: A
    - when: b
      to: Q
  - class: B
    config:
      x: 1
  sink:
    class: C
""")  # fmt: skip
    definition = load(path)
    pipelines = definition.tree["pipelines"]
    lines = {
        (pipelines[index]["id"], *path): definition.place(("pipelines", index, *path))[1]
        for index, path in [
            (0, ("sink", "config", "cases", 0, "when")), (0, ("sink", "config", "cases", 1, "target")),
            (1, ("processors", 0, "class")), (2, ("processors", 0, "config", "x")), (2, ("sink", "class")),
        ]
    }  # fmt: skip

    assert lines == {
        ("P", "sink", "config", "cases", 0, "when"): 5, ("P", "sink", "config", "cases", 1, "target"): 10,
        ("P-case-1", "processors", 0, "class"): 8,
        ("P-case-rest", "processors", 0, "config", "x"): 13, ("P-case-rest", "sink", "class"): 15,
    }  # fmt: skip


def test_nothing_is_lost_or_doubled_over_branches_when_a_run_goes_on(tmp_path: Path) -> None:
    tree = pump(
        {"when": "n % 5 == 0", "branch": {"sink": COLLECT}},
        {"case": [{"when": "n % 2 == 0", "branch": {}}, {"when": "n % 3 == 0", "branch": {"sink": COLLECT}}]},
        events=range(5000),
    )
    store = str(tmp_path / "store.db")

    async def stop_midway(app: BSPumpApplication) -> None:
        while not app.pump_service.Pipelines["P"].counters.events_in:  # noqa: ASYNC110 - it watches a counter
            await asyncio.sleep(0)
        app.stop()

    first = run(tree, store=store, during=stop_midway)
    stopped = [n for numbers in collected(first).values() for n in numbers]
    rest = [n for numbers in collected(run(tree, store=store)).values() for n in numbers]

    assert sorted(stopped + rest) == list(range(5000))


@pytest.mark.parametrize("value", [True, False])
def test_a_condition_may_be_switched_on_and_off_by_a_variable(value: bool) -> None:
    tree = {**pump({"when": "${divert}", "branch": {"sink": COLLECT}}, events=[1]), "variables": {"divert": value}}

    assert collected(run(tree)) == {"P": [] if value else [1], "P-when": [1] if value else []}


def test_error_scopes_follow_the_processors_that_they_name() -> None:
    spans = [{"from": "A", "to": "A"}, {"from": "B"}, {"from": "A", "to": "B"}, {}]
    scopes = [{**span, "on_error": "drop"} for span in spans]
    parts = [{"class": "FilterProcessor", "id": id} for id in "AB"]
    case = {"case": [{"when": "n == 1", "branch": {}}]}
    tree = pump(parts[0], case, parts[1], config={"error_scopes": scopes})
    with fresh_application() as app:
        PumpBuilder(tree).construct_pump(app, app.pump_service)
        found = {one.Id: one.options.error_scopes for one in app.pump_service.Pipelines.values()}

    drop = {"on_error": "drop"}
    assert found == {
        "P": [{"from": "A", "to": "A", **drop}, {"from": "A", **drop}, drop],
        "P-case-rest": [{"from": "B", **drop}, {"to": "B", **drop}, drop],
        "P-case-1": [],
    }


def test_branches_share_the_commit_interval_of_their_pipeline() -> None:
    case = {
        "case": [
            {"when": "n == 1", "branch": {}},
            {"when": "n == 2", "branch": {"sink": COLLECT, "config": {"commit_interval": 9}}},
        ]
    }
    config = {"commit_interval": "5s", "on_error": {"route": {"sink": COLLECT}}}
    with fresh_application() as app:
        PumpBuilder(pump(case, config=config)).construct_pump(app, app.pump_service)
        found = {one.Id: one.options.commit_interval for one in app.pump_service.Pipelines.values()}

    assert found == {"P": 5, "P-errors": 5, "P-case-1": 5, "P-case-2": 9, "P-case-rest": 5}


def test_conditions_ask_lookups(tmp_path: Path) -> None:
    (tmp_path / "known.csv").write_text("n,kind\n1,odd\n2,even\n")
    lookup = {"id": "Known", "class": "FileLookup", "config": {"path": str(tmp_path / "known.csv"), "key": "n"}}
    unknown = {"when": 'lookup("Known", str(n)) is null', "branch": {"sink": COLLECT}}
    case = {"case": [{"when": 'lookup("Known", str(n)).kind == "even"', "branch": {"sink": COLLECT}}]}
    app = run({**pump(unknown, case, events=range(4)), "lookups": [lookup]})

    assert collected(app) == {"P": [1], "P-when": [0, 3], "P-case-1": [2]}

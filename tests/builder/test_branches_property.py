"""Whatever branches there are in branches: each event arrives once, in the sink that the conditions say."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bspump_like.builder import PumpBuilder
from bspump_like.testing import CollectSink, run_pump

NUMBERS = range(24)
COLLECT = {"module": "bspump_like.testing", "class": "CollectSink"}

conditions = st.builds(lambda divisor, rest: (divisor, rest), st.integers(2, 5), st.integers(0, 3))


def chains(depth: int) -> st.SearchStrategy[list[tuple[Any, ...]]]:
    """Return chains of steps: `("when", condition, chain)` and `("case", [(condition or None, gives back, chain), ...])`."""
    if depth == 0:
        return st.just([])
    inner = chains(depth - 1)
    divert = st.tuples(st.just("when"), conditions, inner)
    cases = st.lists(st.tuples(conditions, st.booleans(), inner), min_size=1, max_size=2)
    switch = st.builds(
        lambda cases, last: ("case", [*cases, *([(None, *last)] if last else [])]),
        cases, st.none() | st.tuples(st.booleans(), inner),
    )  # fmt: skip
    return st.lists(divert | switch, max_size=2)


def written(chain: list[tuple[Any, ...]], numbers: Iterator[int]) -> list[dict[str, Any]]:
    """Return a chain as it stands in a definition, each step with an id of its own."""
    steps = []
    for kind, what, *rest in chain:
        id = f"s{next(numbers)}"
        if kind == "when":
            branch = {"processors": written(rest[0], numbers), "sink": COLLECT}
            steps.append({"id": id, "when": text(what), "branch": branch})
            continue
        cases = []
        for condition, gives_back, inner in what:
            branch = {"processors": written(inner, numbers)} | ({} if gives_back else {"sink": COLLECT})
            # A step with branches at the end of one that gives back would be its sink: something else stands there.
            if gives_back:
                branch["processors"].append({"class": "FilterProcessor"})
            cases.append({"branch": branch} | ({"when": text(condition)} if condition else {}))
        steps.append({"id": id, "case": cases})
    return steps


def text(condition: tuple[int, int]) -> str:
    return f"n % {condition[0]} == {condition[1]}"


def goes_to(n: int, steps: list[dict[str, Any]], pipeline: str, sink: bool = True) -> str | None:
    """Return the pipeline whose sink gets an event, by the rules as the how-to page has them; None: it comes back."""
    for step in steps:
        if "when" in step:
            if holds(n, step):
                return goes_to(n, step["branch"]["processors"], f"{pipeline}-{step['id']}")
            continue
        if "case" not in step:
            continue
        gives_back = any("sink" not in case["branch"] for case in step["case"])
        for number, case in enumerate(step["case"], 1):
            if "when" not in case or holds(n, case):
                name = f"{pipeline}-{step['id']}-{number if 'when' in case else 'else'}"
                end = goes_to(n, case["branch"]["processors"], name, sink="sink" in case["branch"])
                if end is not None:
                    return end
                break
        pipeline = f"{pipeline}-{step['id']}-rest" if gives_back else pipeline
    return pipeline if sink else None


def holds(n: int, written: dict[str, Any]) -> bool:
    divisor, rest = (int(part) for part in written["when"].removeprefix("n % ").split(" == "))
    return n % divisor == rest


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(chains(3))
def test_each_event_arrives_once_where_the_conditions_say(chain: list[tuple[Any, ...]]) -> None:
    steps = written(chain, itertools.count())
    source = {"module": "bspump_like.testing", "class": "ListSource", "args": {"events": [{"n": n} for n in NUMBERS]}}
    tree = {"pipelines": [{"id": "P", "source": source, "processors": steps, "sink": COLLECT}]}

    service = run_pump(lambda app: PumpBuilder(tree).construct_pump(app, app.pump_service)).pump_service

    arrived = Counter(
        (pipeline.Id, event["n"])
        for pipeline in service.Pipelines.values()
        for sink in pipeline.iter_processors() if isinstance(sink, CollectSink)
        for event in sink.events
    )  # fmt: skip
    assert arrived == Counter((goes_to(n, steps, "P"), n) for n in NUMBERS)

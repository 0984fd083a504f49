"""Measure expressions: `python benchmarks/expressions.py --help`.

On the events of the event path, already parsed: one condition and three assignments, as Python functions written by hand, as
expressions of this project, and in other languages for expressions that Python has a library for, if it is installed.
"""

from __future__ import annotations

import argparse
import gc
import pathlib
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

sys.path[0] = str(pathlib.Path(__file__).resolve().parent.parent)  # started as a file: the package lies one folder up

import orjson  # noqa: E402

from benchmarks import report, workload  # noqa: E402
from bspump_like.expression import compile_assignments, compile_condition, compile_template, condition_function  # noqa: E402

Step = Callable[[Any, Any], Any]
"""Takes context and event, returns the event, or None to drop it."""

RESULTS = pathlib.Path(__file__).parent / "EXPRESSIONS.md"
NOTE = """\
A condition and three assignments on the events of the event path, already parsed: `level != "debug"`, then `kilobytes`, `slow`
and `where`. Rows take turns; figures are medians over the rounds of CPU time, less that of the loop; `ratio` is the median over
the rounds of the ratio to the Python functions in the same round. The target is less than 1.5 for the expressions."""

CONDITION = 'level != "debug"'
ASSIGNMENTS = {"kilobytes": "bytes / 1024", "slow": "duration > 0.5", "where": 'host + ":" + path'}


# By hand


def keep(context: Any, event: Any) -> Any:
    """The condition, written by hand."""
    return event if event["level"] != "debug" else None


def derive(context: Any, event: Any) -> Any:
    """The assignments, written by hand."""
    event["kilobytes"] = event["bytes"] / 1024
    event["slow"] = event["duration"] > 0.5
    event["where"] = event["host"] + ":" + event["path"]
    return event


def keep_with_care(context: Any, event: Any) -> Any:
    """The condition by hand, for events that may lack the field."""
    return event if event.get("level") != "debug" else None


def derive_with_care(context: Any, event: Any) -> Any:
    """The assignments by hand, for events that may lack a field: what the expressions answer, too."""
    size, duration, host, path = event.get("bytes"), event.get("duration"), event.get("host"), event.get("path")
    event["kilobytes"] = None if size is None else size / 1024
    event["slow"] = duration is not None and duration > 0.5
    event["where"] = None if host is None or path is None else host + ":" + path
    return event


# In other languages


def of_values(condition: Callable[[Any], Any], assignments: dict[str, Callable[[Any], Any]]) -> list[Step]:
    """Return the two steps of functions that take an event and return a value."""

    def kept(context: Any, event: Any) -> Any:
        return event if condition(event) else None

    def derived(context: Any, event: Any) -> Any:
        for target, compute in assignments.items():
            event[target] = compute(event)
        return event

    return [kept, derived]


def simpleeval() -> list[Step]:
    """Parsed once, walked for each event."""
    from simpleeval import SimpleEval

    def made(text: str) -> Callable[[Any], Any]:
        evaluator = SimpleEval()
        parsed = evaluator.parse(text)

        def compute(event: Any) -> Any:
            evaluator.names = event
            return evaluator.eval(text, previously_parsed=parsed)

        return compute

    return of_values(made(CONDITION), {target: made(text) for target, text in ASSIGNMENTS.items()})


def cel() -> list[Step]:
    """CEL, as in Kubernetes; its numbers are typed, so the texts say which."""
    import celpy

    environment = celpy.Environment()

    def made(text: str) -> Callable[[Any], Any]:
        program = environment.program(environment.compile(text))
        return lambda event: program.evaluate(celpy.json_to_cel(event))

    return of_values(
        made(CONDITION),
        {
            "kilobytes": made("double(bytes) / 1024.0"),
            "slow": made("duration > 0.5"),
            "where": made('host + ":" + path'),
        },
    )


def rule_engine() -> list[Step]:
    """rule-engine."""
    import rule_engine as engine

    def made(text: str) -> Callable[[Any], Any]:
        return engine.Rule(text).evaluate  # type: ignore[no-any-return]

    return of_values(made(CONDITION), {target: made(text) for target, text in ASSIGNMENTS.items()})


def jmespath() -> list[Step]:
    """JMESPath has no arithmetic: only what it can do, the condition, a comparison and a join."""
    import jmespath as library

    def made(text: str) -> Callable[[Any], Any]:
        return library.compile(text).search  # type: ignore[no-any-return]

    return of_values(
        made("level != 'debug'"), {"slow": made("duration > `0.5`"), "where": made("join(':', [host, path])")}
    )


def jsonata() -> list[Step]:
    """JSONata."""
    from jsonata import Jsonata

    def made(text: str) -> Callable[[Any], Any]:
        return Jsonata(text).evaluate  # type: ignore[no-any-return]

    return of_values(
        made(CONDITION),
        {"kilobytes": made("bytes / 1024"), "slow": made("duration > 0.5"), "where": made('host & ":" & path')},
    )


def ours() -> list[Step]:
    """As FilterProcessor and DeriveProcessor compile them."""
    return [
        condition_function(CONDITION, {}, lambda holds: f"return event if {holds} else None"),
        compile_assignments(ASSIGNMENTS),
    ]


ROWS: dict[str, Callable[[], list[Step]]] = {
    "Python functions": lambda: [keep, derive],
    "Python functions that look for None": lambda: [keep_with_care, derive_with_care],
    "expressions": ours,
    "simpleeval": simpleeval,
    "cel-python": cel,
    "rule-engine": rule_engine,
    "jmespath (no arithmetic: two assignments)": jmespath,
    "jsonata-python": jsonata,
}
SLOW = frozenset(
    {"simpleeval", "cel-python", "rule-engine", "jmespath (no arithmetic: two assignments)", "jsonata-python"}
)

# Single things: (title, by hand, by expression)
PAIRS: dict[str, tuple[Step, Callable[[], Step]]] = {
    CONDITION: (
        lambda context, event: event["level"] != "debug", lambda: compile_condition(CONDITION)),
    'duration > 0.5 and level in ["info", "error"]': (
        lambda context, event: event["duration"] > 0.5 and event["level"] in ("info", "error"),
        lambda: compile_condition('duration > 0.5 and level in ["info", "error"]')),
    "{level: info, duration: {gt: 0.5}}": (
        lambda context, event: event["level"] == "info" and event["duration"] > 0.5,
        lambda: compile_condition({"level": "info", "duration": {"gt": 0.5}})),
    "(bytes / 1024) * duration - 1": (
        lambda context, event: (event["bytes"] / 1024) * event["duration"] - 1,
        lambda: compile_condition("(bytes / 1024) * duration - 1")),
    "lower(method) + path[0:4]": (
        lambda context, event: event["method"].lower() + event["path"][0:4],
        lambda: compile_condition("lower(method) + path[0:4]")),
    "a missing field: nothing > 1 or level == 'info'": (
        lambda context, event: (event.get("nothing") is not None and event["nothing"] > 1) or event["level"] == "info",
        lambda: compile_condition("nothing > 1 or level == 'info'")),
    "access-{{ host }}": (
        lambda context, event: f"access-{event['host']}", lambda: compile_template("access-{{ host }}")),
}  # fmt: skip


def seconds(steps: list[Step], events: list[dict[str, Any]]) -> float:
    """Return the CPU time of the steps over all events."""
    context: dict[str, Any] = {}
    gc.collect()
    began = time.process_time()
    for event in events:
        for step in steps:
            event = step(context, event)
            if event is None:
                break
    return time.process_time() - began


def measured(rows: dict[str, list[Step]], events: list[dict[str, Any]], repeat: int) -> dict[str, list[float]]:
    """Return nanoseconds per event of each row in each round, less the loop; rows take turns, the first round warms up."""
    taken: dict[str, list[float]] = {title: [] for title in rows}
    for turn in range(repeat + 1):
        empty = seconds([], events) / len(events) * 1e9
        for title, steps in rows.items():
            few = [dict(event) for event in (events[: len(events) // 20] if title in SLOW else events)]
            per_event = seconds(steps, few) / len(few) * 1e9
            if turn:
                taken[title].append(per_event - empty)
    return taken


def main() -> int:
    """Measure and print Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=100_000, help="events of each round (default: %(default)s)")
    parser.add_argument("--repeat", type=int, default=15, help="rounds (default: %(default)s)")
    parser.add_argument("--write", action="store_true", help=f"write {RESULTS.parent.name}/{RESULTS.name}")
    arguments = parser.parse_args()
    events = [orjson.loads(line) for line in workload.make_events(arguments.events)]
    rows: dict[str, list[Step]] = {}
    missing = []
    for title, make in ROWS.items():
        try:
            rows[title] = make()
        except ImportError as error:
            missing.append(f"- not run: {title}: {error}")
    parts = [
        "# Expressions", report.headline(arguments.events, arguments.repeat), NOTE,
        table(measured(rows, events, arguments.repeat), "Python functions"), "\n".join(missing),
        "One expression against the same function by hand, the call included:", pairs(events, arguments.repeat), report.load(),
    ]  # fmt: skip
    text = "\n\n".join(part for part in parts if part) + "\n"
    print(text)
    if arguments.write:
        RESULTS.write_text(text, encoding="utf-8")
    return 0


def pairs(events: list[dict[str, Any]], repeat: int) -> str:
    """Return the table of single expressions."""
    lines = ["| expression | by hand, ns | expression, ns | ratio |", "| --- | ---: | ---: | ---: |"]
    for title, (by_hand, make) in PAIRS.items():
        taken = measured({"by hand": [by_hand], "expression": [make()]}, events, repeat)
        ratio = statistics.median(e / h for h, e in zip(taken["by hand"], taken["expression"], strict=True))
        hand, expression = (statistics.median(taken[name]) for name in ("by hand", "expression"))
        lines.append(f"| `{title}` | {hand:.0f} | {expression:.0f} | {ratio:.2f} |")
    return "\n".join(lines)


def table(taken: dict[str, list[float]], base: str) -> str:
    """Return the rows with their ratio to `base`."""
    lines = ["| row | ns/event | best | ratio |", "| --- | ---: | ---: | ---: |"]
    for title, figures in taken.items():
        ratio = statistics.median(own / hand for own, hand in zip(figures, taken[base], strict=True))
        lines.append(f"| {title} | {statistics.median(figures):,.0f} | {min(figures):,.0f} | {ratio:.2f} |")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())

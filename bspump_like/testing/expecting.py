"""What a case expected, and how what came differs from it, in words for people."""

from __future__ import annotations

import difflib
import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..errors import BSPumpError
from ..expression import compile_expression
from .cases import Case
from .trial import Trial
from .values import differences, shown, shown_like_expected

_LISTED = 5
"""So many differences of one kind are said; the diff below shows the rest."""


def mismatches(case: Case, trial: Trial) -> Iterator[str]:
    """Yield, a few lines each, what is not as the case expects.

    Raises:
        ConfigError: The case expects something of what is not there; with file and line.
    """
    expect = case.get("expect", {})
    for address, wanted in (expect.get("outputs") or {}).items():
        try:
            actual, contexts = trial.outputs(address), trial.contexts(address)
        except KeyError as error:
            raise case.problem(str(error.args[0]), "expect", "outputs", address) from None
        for said in _output(case, address, {"equal": wanted} if isinstance(wanted, list) else wanted, actual, contexts):
            yield f"outputs of {address}: {said}"
    yield from _dropped(case, expect.get("dropped"), trial)
    yield from _failures(expect, trial)
    yield from _halted(expect.get("halted") or {}, trial)


def _output(
    case: Case, address: str, wanted: Mapping[str, Any], actual: Sequence[Any], contexts: Sequence[Any]
) -> Iterator[str]:
    if "count" in wanted and len(actual) != wanted["count"]:
        yield f"expected {wanted['count']} events, got {len(actual)}\n{_listed(actual)}"
    if wanted.get("equal") is not None:
        yield from _equal(wanted["equal"], actual)
    if wanted.get("in_any_order") is not None:
        yield from _in_any_order(wanted["in_any_order"], actual)
    for event in wanted.get("contains") or ():
        if not any(_is_like(event, one) for one in actual):
            yield f"none is like {shown(event)}\n{_listed(actual)}"
    conditions = wanted.get("matches") or []
    for condition in conditions if isinstance(conditions, list) else [conditions]:
        yield from _matches(case, address, condition, actual, contexts)
    for index, context in enumerate(wanted.get("contexts") or ()):
        found = list(differences(context, contexts[index], partial=True)) if index < len(contexts) else ["there is none"]
        for one in found:
            yield f"context {index + 1}: {one}"


def _equal(expected: Sequence[Any], actual: Sequence[Any]) -> Iterator[str]:
    said = [
        f"event {number}{', ' if text[:1].isalpha() and ':' in text else ': '}{text}"
        for number, (one, other) in enumerate(zip(expected, actual, strict=False), 1)
        for text in differences(one, other)
    ]
    if len(expected) != len(actual):
        said.insert(0, f"expected {len(expected)} events, got {len(actual)}")
    if said:
        yield "\n".join([*said[:_LISTED], *([f"and {len(said) - _LISTED} more"] if len(said) > _LISTED else []),
                         *diff(expected, actual)])  # fmt: skip


def _in_any_order(expected: Sequence[Any], actual: Sequence[Any]) -> Iterator[str]:
    left, missing = list(actual), []
    for event in expected:
        found = next((index for index, one in enumerate(left) if not list(differences(event, one))), None)
        if found is None:
            missing.append(event)
        else:
            del left[found]
    if missing or left:
        lines = [*(f"- {shown(event)}" for event in missing), *(f"+ {shown(one)}" for one in left)]
        yield "\n".join(["not the events that were expected", *lines])


def _matches(case: Case, address: str, condition: str, actual: Sequence[Any], contexts: Sequence[Any]) -> Iterator[str]:
    try:
        holds = compile_expression(condition)
    except BSPumpError as error:
        raise case.problem(str(error), "expect", "outputs", address, "matches") from None
    wrong = []
    for event, context in zip(actual, contexts, strict=False):
        try:
            if not holds(context, _opened(event)):
                wrong.append(f"  {shown(event)}")
        except BSPumpError as error:
            wrong.append(f"  {shown(event)}: {error}")
    if wrong:
        yield "\n".join([f"'{condition}' does not hold for {len(wrong)} of {len(actual)} events", *wrong[:_LISTED]])


def _opened(event: Any) -> Any:
    """Return what is in an event that is JSON text: a sink often gets it written out."""
    if isinstance(event, str | bytes):
        try:
            return json.loads(event)
        except ValueError:
            return event
    return event


def _dropped(case: Case, wanted: Any, trial: Trial) -> Iterator[str]:
    if wanted is None:
        return
    if not isinstance(wanted, Mapping):
        wanted = {"": wanted}
    for address, count in wanted.items():
        if address == "":
            got = sum(pipeline.counters.dropped for pipeline in trial.pipelines.values())
        elif address in trial.pipelines:
            got = trial.pipelines[address].counters.dropped
        else:
            try:
                got = len(trial.recorder(address).dropped)
            except KeyError as error:
                raise case.problem(str(error.args[0]), "expect", "dropped", address) from None
        if got != count:
            yield f"dropped{f' by {address}' if address else ''}: expected {count} events, got {got}"


def _failures(expect: Mapping[str, Any], trial: Trial) -> Iterator[str]:
    errors = [(one.address, _reason(one.error), one.event) for one in trial.errors]
    letters = [(f"{one.pipeline}.{one.processor}", f"{one.error_type}: {one.error}", one.event) for one in trial.dead_letters]
    if expect.get("errors") is not None:
        yield from _compared("errors", expect["errors"], errors)
    if expect.get("dead_letters") is not None:
        yield from _compared("dead letters", expect["dead_letters"], letters)
    elif letters and expect.get("errors") is None:
        yield "\n".join(["dead letters that nobody expected", *map(_failure, letters[:_LISTED])])
    elif errors and expect.get("errors") is None and not expect.get("halted"):
        yield "\n".join(["errors that nobody expected", *map(_failure, errors[:_LISTED])])


def _compared(what: str, wanted: Sequence[Mapping[str, Any]], got: Sequence[tuple[str, str, Any]]) -> Iterator[str]:
    left, missing = list(got), []
    for one in wanted:
        found = next((index for index, failure in enumerate(left) if _is_failure(one, failure)), None)
        if found is None:
            missing.append(one)
        else:
            del left[found]
    if missing or left:
        yield "\n".join([f"not the {what} that were expected", *(f"- {shown(dict(one))}" for one in missing),
                         *(f"+ {_failure(one).strip()}" for one in left)])  # fmt: skip


def _is_failure(wanted: Mapping[str, Any], failure: tuple[str, str, Any]) -> bool:
    address, reason, event = failure
    return (
        wanted.get("at", address) == address
        and str(wanted.get("reason", "")) in reason
        and ("event" not in wanted or _is_like(wanted["event"], event))
    )


def _halted(wanted: Mapping[str, Any], trial: Trial) -> Iterator[str]:
    halted = trial.halted
    for id, reason in wanted.items():
        if id not in halted:
            yield f"expected {id} to halt, it did not"
        elif reason and str(reason) not in halted[id]:
            yield f"expected {id} to halt with {reason!r}, it halted with {halted[id]!r}"
    for id in halted.keys() - wanted.keys():
        yield f"{id} halted, which nobody expected: {halted[id]}"


def _reason(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"


def _failure(one: tuple[str, str, Any]) -> str:
    address, reason, event = one
    return f"  at {address}: {reason}; event {shown(event)}"


def _is_like(expected: Any, actual: Any) -> bool:
    return next(differences(expected, actual, partial=True), None) is None


def _listed(events: Sequence[Any]) -> str:
    shown_ones = [f"  {shown(event)}" for event in itertools.islice(events, _LISTED)]
    return "\n".join([*shown_ones, *([f"  and {len(events) - _LISTED} more"] if len(events) > _LISTED else [])])


def diff(expected: Sequence[Any], actual: Sequence[Any]) -> list[str]:
    """Return two lists of events as a diff, an event a line: `-` was expected, `+` came."""
    wanted, got = ([shown_like_expected(event) for event in events] for events in (expected, actual))
    return [line for line in difflib.ndiff(wanted, got) if not line.startswith("?")]

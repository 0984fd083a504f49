"""Pipelines that send events round in a circle, by what their definitions say.

A circle that events leave again is sound: a barrier waits until they have. One that no event can leave holds up everything
for ever.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from ..abc import ProcessorBase, Sink
from ..errors import ConfigError, Problem
from ..policy import ErrorPolicy, ErrorScope
from .positions import KeyPath

if TYPE_CHECKING:
    from ..pipeline import Pipeline
    from ..service import PumpService as BSPumpService

ALWAYS, FAILED, SOMETIMES = "always", "failed", "sometimes"
"""Which events take a way: all that enter the pipeline, unchanged; those that fail, unchanged; some, or changed ones."""


@dataclasses.dataclass(frozen=True)
class Way:
    """A way from one pipeline to another.

    Attributes:
        start: Id of the pipeline.
        end: Id of the pipeline it leads to.
        taken: `ALWAYS`, `FAILED` or `SOMETIMES`.
        part: Who sends: a part, or the pipeline.
        below: Keys, from the place of `part`, to what says it.
    """

    start: str
    end: str
    taken: str
    part: Any
    below: KeyPath


def ways(svc: BSPumpService) -> Iterator[Way]:
    """Yield all ways between pipelines that are known before they run."""
    for pipeline in svc.Pipelines.values():
        clear = True  # every event that enters comes to this part, as it entered
        yield from _failing(svc, pipeline)
        for part in pipeline.iter_processors():
            copies = type(part).__name__ == "TeeProcessor"
            for name, value, below in _inputs(part):
                certain = clear and (copies or (isinstance(part, Sink) and name == "target"))
                yield from _way(svc, pipeline, value, ALWAYS if certain else SOMETIMES, part, below)
            policy = ErrorPolicy.parse(part.options.on_error) if part.options.on_error else None
            if policy is not None and policy.route:
                yield from _way(svc, pipeline, policy.route, FAILED, part, ("config", "on_error"))
            clear = clear and copies
        for source in pipeline.Sources:
            tee = getattr(source.options, "tee", "") or ""
            feeder = svc.Pipelines.get(tee.partition(".")[0])
            if feeder is not None:
                first = next(iter(feeder.iter_processors()), None)
                taken = ALWAYS if first is not None and f"{feeder.Id}.{first.Id}" == tee else SOMETIMES
                yield Way(feeder.Id, pipeline.Id, taken, source, ("config", "tee"))


def _failing(svc: BSPumpService, pipeline: Pipeline) -> Iterator[Way]:
    route = ErrorPolicy.parse(pipeline.options.on_error or "stop").route
    if route:
        yield from _way(svc, pipeline, route, FAILED, pipeline, ("config", "on_error"))
    for index, value in enumerate(pipeline.options.error_scopes):
        scope = ErrorScope.parse(value)
        if scope.policy.route:
            taken = SOMETIMES if scope.types else FAILED
            yield from _way(svc, pipeline, scope.policy.route, taken, pipeline, ("config", "error_scopes", index))


def _inputs(part: ProcessorBase) -> Iterator[tuple[str, str, KeyPath]]:
    """Yield option, address and place of each source that the options of a part name."""
    for name, option in type(part).Options.declarations().items():
        value = getattr(part.options, name, None) if option.refers == "input" else None
        for index, one in enumerate(value if isinstance(value, list | tuple) else [value] if value else []):
            address = one.get("target") if isinstance(one, Mapping) else one
            below = ("config", name, index) if isinstance(value, list | tuple) else ("config", name)
            yield name, str(address), below


def _way(svc: BSPumpService, pipeline: Pipeline, address: str, taken: str, part: Any, below: KeyPath) -> Iterator[Way]:
    try:
        end = svc.locate_input(address).Pipeline.Id
    except ConfigError:
        return  # said where the names are checked
    yield Way(pipeline.Id, end, taken, part, below)


def circles(found: Iterable[Way]) -> Iterator[tuple[Problem, Way]]:
    """Yield what is to be said of circles, and a way in each; one that may be wanted is a warning.

    The path of the problem is that from the place of the way's part.
    """
    found = list(found)
    said: set[str] = set()
    for taken, message, hint, warning in (
        (
            (ALWAYS,), "every event goes round in {} for ever",
            "send it on only on a condition, with a step that has 'when'", False,
        ),
        (
            (ALWAYS, FAILED), "an event that fails goes round in {} for ever: it comes back as it was",
            "to try again: on_error: {retry: {attempts: 3}, then: dead_letter}", False,
        ),
        (
            (ALWAYS, FAILED, SOMETIMES), "events may go round in {}: one that never leaves holds up all others",
            "make sure that each leaves, with a condition that comes true", True,
        ),
    ):  # fmt: skip
        usable = [way for way in found if way.taken in taken and way.start not in said and way.end not in said]
        for circle in _circles(usable):
            said.update(way.start for way in circle)
            shown = " -> ".join([*(way.start for way in circle), circle[0].start])
            yield Problem(message.format(shown), circle[0].below, hint=hint, warning=warning), circle[0]


def _circles(found: list[Way]) -> Iterator[list[Way]]:
    """Yield circles, none of which shares a pipeline with another: the shortest through the first pipeline that is in one."""
    ways: dict[str, list[Way]] = {}
    for way in found:
        ways.setdefault(way.start, []).append(way)
    leaves = _without_those_that_end(ways)
    used: set[str] = set()
    for start in leaves:
        if start in used:
            continue
        circle = _shortest(start, leaves, used)
        if circle:
            used.update(way.start for way in circle)
            yield circle


def _without_those_that_end(ways: dict[str, list[Way]]) -> dict[str, list[Way]]:
    """Return the ways of pipelines from which others lead on and on: what is left holds every circle, mostly nothing."""
    feeders: dict[str, list[str]] = {}
    for start, leaving in ways.items():
        for way in leaving:
            feeders.setdefault(way.end, []).append(start)
    left = {start: len(leaving) for start, leaving in ways.items()}
    ended = [id for id in feeders if id not in ways]
    while ended:
        for start in feeders.get(ended.pop(), ()):
            left[start] -= 1
            if not left[start]:
                ended.append(start)
    return {start: leaving for start, leaving in ways.items() if left[start]}


def _shortest(start: str, ways: Mapping[str, list[Way]], avoided: set[str]) -> list[Way]:
    came: dict[str, Way] = {}
    waiting = [start]
    for id in waiting:
        for way in ways.get(id, ()):
            if way.end in came or way.end in avoided:
                continue
            came[way.end] = way
            waiting.append(way.end)
            if way.end == start:
                circle = [way]
                while circle[0].start != start:
                    circle.insert(0, came[circle[0].start])
                return circle
    return []

"""Pipelines that feed one another in a circle: an event may come by several times before it leaves.

A barrier waits until nothing goes round any more, and the input waits meanwhile. Nothing of a circle has come to its end before
the input of all of it has.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .pipeline import Pipeline

L = logging.getLogger(__name__)

_PATIENCE = 10.0
"""Seconds after which it is said that a barrier waits for what goes round."""


def note_link(upstream: Pipeline, downstream: Pipeline) -> None:
    """Note the circle that a new link closes, in all that belong to it; nothing when it closes none."""
    before = _ancestors(upstream)
    if downstream in before:
        circle = frozenset(one for one in before if downstream in _ancestors(one))
        for member in circle:
            member.circle = circle


def _ancestors(pipeline: Pipeline) -> set[Pipeline]:
    """Return a pipeline and all that feed it, directly or not."""
    found, waiting = {pipeline}, [pipeline]
    while waiting:
        for feeder in waiting.pop().upstream - found:
            found.add(feeder)
            waiting.append(feeder)
    return found


async def until_quiet(pipelines: Sequence[Pipeline], one_pass: Callable[[], Awaitable[None]]) -> None:
    """Let everything pass through a group: once, or as many times as it takes until nothing goes round.

    Args:
        pipelines: The group; others may join it meanwhile.
        one_pass: Goes through all of them; with a circle their input is held until it is over.
    """
    held: list[Pipeline] = []
    token, began, said = object(), 0.0, False
    try:
        while True:
            circles = [pipeline for pipeline in pipelines if pipeline.circle]
            if circles:
                for pipeline in pipelines:
                    if pipeline not in held:
                        pipeline.hold(token)
                        held.append(pipeline)
                began = began or circles[0].Loop.time()
            taken = [pipeline.counters.events_in for pipeline in circles]
            await one_pass()
            waiting = any(source.queued() for pipeline in circles for source in pipeline.Sources)
            if not waiting and taken == [pipeline.counters.events_in for pipeline in circles]:
                return
            if not said and circles[0].Loop.time() - began > _PATIENCE:
                said = True
                names = ", ".join(sorted(pipeline.Id for pipeline in circles))
                L.warning("events go round in %s: the input waits until they have left", names)
            await asyncio.sleep(0)  # a pass over events that nothing awaits would keep the loop
    finally:
        for pipeline in held:
            pipeline.hold(token, False)

"""Dead letters that are to be tried again: replays that somebody asked for, and deferred events whose time has come.

A replay enters its pipeline at the processor that refused it. The letter is removed with the barrier that covers the event, so
that a crash in between tries it again; when it fails again, a new letter is stored by the same barrier.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from .abc.clock import wall_time
from .failure import ATTEMPTS
from .store import DeadLetter, Store

if TYPE_CHECKING:
    from .service import PumpService

L = logging.getLogger(__name__)


async def replay_forever(service: PumpService) -> None:
    """Look into the store every `replay_interval`, and replay what is due; ends with the pump."""
    under_way: set[int] = set()
    while True:
        due = await service.store.call(Store.due_dead_letters, wall_time())
        under_way.intersection_update(letter.id for letter in due)  # the others are gone, with their barriers
        for letter in due:
            if letter.id not in under_way and _replay(service, letter):
                under_way.add(letter.id)
        await asyncio.sleep(service.settings.options.replay_interval)


def _replay(service: PumpService, letter: DeadLetter) -> bool:
    """Send one event into its pipeline; return False when that takes none now, so that it is tried at the next look."""
    pipeline = service.Pipelines.get(letter.pipeline)
    place = pipeline.place_of(letter.processor) if pipeline is not None else None
    if pipeline is None or place is None:
        L.warning("dead letter %d cannot be replayed: there is no %s.%s", letter.id, letter.pipeline, letter.processor)
        return True
    if not pipeline.is_ready():
        return False
    pipeline.counters.events_in += 1
    pipeline.push(place[0], {**letter.context, ATTEMPTS: letter.attempts}, letter.event, start=place[1])
    pipeline.committer.replayed(letter.id)
    return True

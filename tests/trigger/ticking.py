"""A source for the tests of triggers, and how to run one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from bspump_like import BSPumpApplication, Pipeline, TriggerSource
from bspump_like.testing import CollectSink, run_pump
from bspump_like.trigger import Trigger


class TickingSource(TriggerSource):
    """Counts its cycles; the first `found` of them hand over one event each."""

    def __init__(self, app, pipeline, id=None, found=0):
        super().__init__(app, pipeline, id)
        self.found = found
        self.cycles = 0
        self.running = False
        self.gate: asyncio.Event | None = None
        """When it is set to an event, cycles wait for that."""
        self.turned = asyncio.Event()

    async def cycle(self):
        self.cycles += 1
        self.running = True
        self.turned.set()
        if self.gate is not None:
            await self.gate.wait()
        if self.cycles <= self.found:
            await self.deliver([self.cycles])
        self.running = False

    async def reached(self, cycles: int) -> None:
        """Wait until that many cycles have begun."""
        while self.cycles < cycles:
            self.turned.clear()
            await self.turned.wait()


Script = Callable[[BSPumpApplication, Trigger, list[TickingSource]], Awaitable[None]]


def run(
    make: Callable[[BSPumpApplication], Trigger],
    script: Script | None = None,
    *,
    sources: int = 1,
    found: int = 0,
    ends_itself: bool = False,
    beside: Callable[[BSPumpApplication], Trigger] | None = None,
) -> list[TickingSource]:
    """Run sources on one trigger, each in a pipeline of its own, and return them.

    Args:
        make: Makes the trigger.
        script: Runs beside the pump; when it returns the pump is stopped.
        sources: How many.
        found: How many cycles of each hand over an event.
        ends_itself: The pump comes to its end without being stopped.
        beside: Makes a second trigger of all sources.
    """
    made: list[TickingSource] = []
    triggers: list[Trigger] = []

    def build(app):
        triggers.append(make(app))
        if beside is not None:
            triggers.append(beside(app))
        for number in range(sources):
            pipeline = Pipeline(app, f"P{number}")
            source = TickingSource(app, pipeline, found=found)
            for trigger in triggers:
                source.on(trigger)
            made.append(source)
            pipeline.build(source, CollectSink(app, pipeline))
            app.pump_service.add_pipeline(pipeline)

    async def during(app):
        for source in made:
            await source.Pipeline.ready()
        await settle()
        await script(app, triggers[0], made)
        if not ends_itself:
            app.stop()

    run_pump(build, during=during if script else None)
    return made


async def settle(turns: int = 20) -> None:
    """Let everything run that is ready to."""
    for _ in range(turns):
        await asyncio.sleep(0)

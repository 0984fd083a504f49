"""The five steps in BSPump's last release: a pipeline of processors, fed by `await self.process(event)`.

That release was written for Pythons before 3.10: it passes `loop=` to asyncio and bare coroutines to `asyncio.wait`.
`accept_old_calls` takes both again for the few names it uses, so that it runs on the same Python as everything else here;
none of them stands on its event path.
"""

from __future__ import annotations

import asyncio
import warnings
from typing import Any

from . import chain
from .chain import Keep
from .peer import report


def accept_old_calls() -> None:
    """Let asyncio take the calls that Python 3.10 and 3.11 have removed."""

    class Event(asyncio.Event):
        def __init__(self, *, loop: Any = None) -> None:
            super().__init__()

    sleep, wait, gather = asyncio.sleep, asyncio.wait, asyncio.gather
    patched: Any = asyncio
    patched.Event = Event
    patched.sleep = lambda delay, loop=None: sleep(delay)
    patched.wait = lambda some, loop=None, **rest: wait([asyncio.ensure_future(one) for one in some], **rest)
    patched.gather = lambda *some, loop=None, **rest: gather(*some, **rest)


def prepare(lines: list[bytes], users: dict[str, dict[str, Any]], keep: Keep, batch: int) -> Any:
    """Return what runs the application to the end of the lines."""
    warnings.simplefilter("ignore")
    accept_old_calls()
    asyncio.set_event_loop(asyncio.new_event_loop())
    import bspump

    class Lines(bspump.Source):  # type: ignore[misc]
        def __init__(self, app: Any, pipeline: Any) -> None:
            super().__init__(app, pipeline)
            self._running = asyncio.Event()
            app.PubSub.subscribe("Application.run!", self._on_run)  # a stop before that would be forgotten

        def _on_run(self, _message: str) -> None:
            self._running.set()

        async def main(self) -> None:
            await self._running.wait()
            for line in lines:
                await self.process(line)
            app.stop()

    def step(name: str, base: type[Any], **attributes: Any) -> Any:
        return type(name, (getattr(chain, name), base), attributes)(app, pipeline)

    app = bspump.BSPumpApplication(args=[])
    pipeline = bspump.Pipeline(app, "Chain")
    pipeline.build(
        Lines(app, pipeline),
        step("Parse", bspump.Processor),
        step("Filter", bspump.Processor),
        step("Enrich", bspump.Processor, users=users),
        step("Derive", bspump.Processor),
        step("Dump", bspump.Processor),
        step("End", bspump.Sink, keep=keep),
    )
    app.get_service("bspump.PumpService").add_pipeline(pipeline)
    return app.run


if __name__ == "__main__":
    report(prepare)

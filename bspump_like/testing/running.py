"""Let an application run step by step: as far as a test wants, then a little further."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Coroutine
from typing import Any

from .. import service
from ..application import BSPumpApplication
from .clock import ClockLoop
from .pump import PumpTimeout, describe

# Most of what is waited for takes a few turns of the loop; while a thread or a server works the processor is left to it.
_AT_ONCE = 1000
_NAP = 0.001  # seconds


async def turns(count: int = 5) -> None:
    """Give the event loop some turns."""
    for _ in range(count):
        await asyncio.sleep(0)


async def quiet(loop: ClockLoop, patience: float = 1.0) -> None:
    """Wait until nothing moves by itself: no thread works for the loop, and some turns later still none does.

    Args:
        loop: The loop.
        patience: Seconds of real time after which a thread counts as one that waits for something. While the machine
            stood still the thread could not work either: so a turn of the loop counts for little, however long it was.
    """
    waited, count = 0.0, 0
    await turns()
    while loop.in_threads and waited < patience:
        begin = time.monotonic()
        await asyncio.sleep(0 if count < _AT_ONCE else _NAP)
        waited += min(time.monotonic() - begin, 5 * _NAP)
        count += 1
        if not loop.in_threads:
            await turns()


async def until(condition: Callable[[], bool]) -> None:
    """Give the event loop turns until a condition holds; the caller bounds the time."""
    count = 0
    while not condition():
        count += 1
        await asyncio.sleep(0 if count < _AT_ONCE else _NAP)


class PumpNotStarted(AssertionError):
    """The pump gave up at its start; the message says why."""


class _Reasons(logging.Handler):
    """Keeps what the service says when it cannot start."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        self.said.append(record.getMessage() + (f": {error!r}" if error is not None else ""))


class Running:
    """Does what `asab.Application.run` does, in three steps: start, run, end.

    asab has no public way to run an application for a while, so this calls the governors that its `run` consists of.

    Args:
        app: The application.
        timeout: Seconds of real time that one step may take.
    """

    def __init__(self, app: BSPumpApplication, timeout: float) -> None:
        """Start nothing yet."""
        self._app = app
        self._timeout = timeout
        self._governor: asyncio.Task[None] | None = None
        self.exit_code: int | None = None

    def start(self) -> None:
        """Start the application, and wait until its pipelines have started.

        Raises:
            PumpNotStarted: It gives up: a lookup cannot be loaded, a target is not there.
        """
        reasons, logger = _Reasons(), logging.getLogger(service.__name__)
        logger.addHandler(reasons)
        try:
            self._start()
        finally:
            logger.removeHandler(reasons)
        if self._app.ExitCode and any("cannot start" in text for text in reasons.said):
            self.stop()
            raise PumpNotStarted("; ".join(reasons.said))

    def _start(self) -> None:
        self._app.PubSub.publish("Application.init!")
        self.wait(self._initialize(), "the application to be ready")
        self._governor = self._app.Loop.create_task(self._govern(), name="run of the application")
        pipelines = self._app.pump_service.Pipelines.values()
        self.until(lambda: all(pipeline.state() != "stopped" for pipeline in pipelines), "the pipelines to start")

    async def _initialize(self) -> None:
        await asyncio.gather(self._app._init_time_governor(), self._app.initialize())

    async def _govern(self) -> None:
        self._app._stop_event.clear()
        await asyncio.gather(self._app._run_time_governor(), self._app.main())

    def until(self, condition: Callable[[], bool], what: str) -> None:
        """Run until a condition holds or the pump has stopped by itself.

        Args:
            condition: Asked again and again.
            what: What is waited for, for the message.

        Raises:
            PumpTimeout: It did not become true in time.
        """
        governor = self._governor
        self.wait(until(lambda: condition() or (governor is not None and governor.done())), what)

    def wait(
        self, work: Coroutine[Any, Any, Any] | asyncio.Future[Any], what: str, timeout: float | None = None
    ) -> None:
        """Run until some work is done; see `until`."""
        seconds = self._timeout if timeout is None else timeout
        loop = self._app.Loop
        task = work if isinstance(work, asyncio.Future) else loop.create_task(work)
        # A thread, since the time of the loop is the test's: it may be moved by hours.
        late = threading.Timer(seconds, lambda: loop.call_soon_threadsafe(task.cancel))
        late.daemon = True
        late.start()
        try:
            loop.run_until_complete(task)
        except asyncio.CancelledError:
            raise PumpTimeout(f"waited {seconds} s for {what}; {describe(self._app)}") from None
        finally:
            late.cancel()

    def to_end(self, timeout: float | None = None) -> None:
        """Run until the pump stops by itself, then end it; stop it when it does not in time."""
        governor = self._governor
        if governor is None or self.exit_code is not None:
            return
        try:
            self.wait(until(governor.done), "the end of the input", timeout)
        except PumpTimeout:
            self.stop()
            raise
        self._end()

    def stop(self) -> None:
        """Stop the pump as a signal does, if it still runs."""
        if self.exit_code is None and self._governor is not None:
            if not self._app._stop_counter:  # a second stop would be the one that forces the end
                self._app.Loop.call_soon(self._app.stop)
            self._end()

    def _end(self) -> None:
        assert self._governor is not None
        app = self._app
        self.wait(self._governor, "the pump to stop")
        # No task around the governor: it waits for all tasks but itself.
        exits = [app.Loop.create_task(work) for work in (app.finalize(), app._exit_time_governor())]
        self.wait(asyncio.gather(*exits), "the pump to end")
        app.Loop.run_until_complete(app.Loop.shutdown_asyncgens())
        app.Loop.close()
        code = app.ExitCode
        self.exit_code = code if isinstance(code, int) else 1

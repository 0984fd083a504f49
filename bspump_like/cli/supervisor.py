"""The parent of `pump run --workers N`: starts the workers, keeps them alive, merges their reports, stops them together."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Sequence

from .gateway import Gateway
from .rows import Row, merged
from .stores import StoreFile, store_path
from .views import View
from .worker import Worker, say


class Supervisor:
    """Runs the same command in several processes.

    Args:
        command: Arguments of `pump run` for all workers.
        count: Number of workers.
        store: Store path as configured.
        view: Shows the merged rows.
        stop_timeout: Seconds in which the workers have to stop.
        listen: Host and port of the web API, if there is to be one.
    """

    def __init__(
        self, command: Sequence[str], count: int, store: str, view: View, stop_timeout: float,
        listen: tuple[str, int] | None = None,
    ) -> None:  # fmt: skip
        """Start nothing yet."""
        self._view = view
        self._stop_timeout = stop_timeout
        self.stopping = asyncio.Event()
        self._workers = [
            Worker(
                command, StoreFile(store_path(store, index, count), index, count), self.stopping, self.stop,
                serves=listen is not None,
            )
            for index in range(count)
        ]  # fmt: skip
        self._gateway = Gateway(self._workers, *listen) if listen is not None else None
        self._forced = False

    async def run(self) -> int:
        """Run until all workers have ended; return 0 if all ended with 0, else the largest code.

        Raises:
            ConfigError: The web API cannot listen where it is told to.
        """
        loop = asyncio.get_running_loop()
        if self._gateway is not None:
            await self._gateway.start()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._on_signal)
        self._view.start()
        report = asyncio.create_task(self._report())
        deadline = asyncio.create_task(self._deadline())
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(worker.keep()) for worker in self._workers]
        finally:
            for task in (report, deadline):
                task.cancel()
            await asyncio.wait([report, deadline])
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(number)
            if self._gateway is not None:
                await self._gateway.stop()
        code = max(task.result() for task in tasks)
        self._view.end(self.rows(), code)
        return code

    def rows(self) -> list[Row]:
        """Return the rows of all workers as one."""
        return merged(worker.rows() for worker in self._workers)

    def stop(self) -> None:
        """Ask all workers to stop."""
        self.stopping.set()
        for worker in self._workers:
            worker.signal(signal.SIGTERM)

    def _on_signal(self) -> None:
        if not self.stopping.is_set():
            say(f"stopping {len(self._workers)} workers; a second signal stops them at once, a third kills them")
            self.stop()
        elif not self._forced:
            self._forced = True
            say("stopping at once: what is under way will be read again")
            for worker in self._workers:
                worker.signal(signal.SIGTERM)
        else:
            self._kill("a third signal came")

    async def _deadline(self) -> None:
        await self.stopping.wait()
        await asyncio.sleep(self._stop_timeout)
        self._kill(f"it did not stop within {self._stop_timeout:.0f} s")

    def _kill(self, reason: str) -> None:
        for worker in self._workers:
            if worker.running:
                say(
                    f"worker {worker.index}: killed, since {reason}; its input after the last commit will be read again"
                )
                worker.signal(signal.SIGKILL)

    async def _report(self) -> None:
        while True:
            await asyncio.sleep(self._view.period)
            self._view.show(self.rows())

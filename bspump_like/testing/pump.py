"""Run a whole application inside a test, any number of times in one process."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import inspect
import logging
import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import asab
from asab.abc.singleton import Singleton

from ..application import BSPumpApplication


class PumpTimeout(AssertionError):
    """The pump did not come to its end in time."""


@contextlib.contextmanager
def fresh_application(
    config: Mapping[str, Mapping[str, Any]] | None = None,
    store: str = ":memory:",
    *,
    application: type[BSPumpApplication] = BSPumpApplication,
    **arguments: Any,
) -> Iterator[BSPumpApplication]:
    """Make an application with nothing left of earlier ones, and clean up after it.

    Its log handlers and the secrets that they hide go with it; the level of the log, the working of the garbage collector and
    the configuration are again what they were.

    Args:
        config: Sections of the configuration file.
        store: Path of the store.
        application: The class of the application.
        **arguments: For `BSPumpApplication`.
    """
    with contextlib.suppress(KeyError):
        Singleton.delete(application)
    saved = {section: dict(asab.Config._sections[section]) for section in asab.Config.sections()}
    # The watchdog is a thread that outlives the application: a test has no use for it.
    for sections in ({"general": {"watchdog_threshold": "0"}}, config or {}, {"store": {"path": store}}):
        asab.Config.read_dict(sections)
    app: BSPumpApplication | None = None
    log = logging.getLogger()
    handlers, level, collector = list(log.handlers), log.level, gc.get_threshold()
    try:
        # A program's own application may take none; what stands on the command line is the test runner's in any case.
        takes_args = "args" in inspect.signature(application.__init__).parameters
        app = application(**({"args": [], **arguments} if takes_args else arguments))
        yield app
    finally:
        if app is not None:
            app.pump_service.secrets.close()
        _close_loop(app)
        # Each of asab's would see every line of all later tests, and keep its application in memory. Others are not ours:
        # a test runner changes its own while a fixture lives.
        for handler in [one for one in log.handlers if one not in handlers and type(one).__module__.startswith("asab.")]:
            log.removeHandler(handler)
        log.setLevel(level)
        gc.set_threshold(*collector)
        with contextlib.suppress(KeyError):
            Singleton.delete(application)
        for section in asab.Config.sections():
            asab.Config.remove_section(section)
        asab.Config.read_dict(saved)


def _close_loop(app: BSPumpApplication | None) -> None:
    """Close the loop of an application, also of one that could not be made: it has set its loop before all else."""
    loop: asyncio.AbstractEventLoop | None = None
    with contextlib.suppress(RuntimeError), warnings.catch_warnings():  # there is none
        warnings.simplefilter("ignore", DeprecationWarning)
        loop = asyncio.get_event_loop() if app is None else app.Loop
    if loop is not None and not loop.is_closed():
        loop.close()
    asyncio.set_event_loop(None)


def run_pump(
    build: Callable[[BSPumpApplication], Any],
    *,
    config: Mapping[str, Mapping[str, Any]] | None = None,
    store: str = ":memory:",
    timeout: float = 60.0,
    during: Callable[[BSPumpApplication], Any] | None = None,
) -> BSPumpApplication:
    """Run a pump until its inputs end or somebody stops it; return the application.

    Args:
        build: Takes the application and adds pipelines to `app.pump_service`.
        config: Sections of the configuration file.
        store: Path of the store; a file's path lets a second run go on where the first stopped.
        timeout: Seconds; the pump must have ended by then.
        during: An `async def` that takes the application and runs beside the pump; the pump stops if it raises.

    Raises:
        PumpTimeout: The pump did not end in time.
        Exception: What `during` raised.
    """
    failures: list[BaseException] = []
    with fresh_application(config, store) as app:
        build(app)

        def late() -> None:
            failures.append(PumpTimeout(f"the pump did not end within {timeout} s: {describe(app)}"))
            app.stop()

        deadline = app.Loop.call_later(timeout, late)

        async def beside() -> None:
            try:
                assert during is not None
                await during(app)
            except Exception as error:  # handed to the caller below
                failures.append(error)
                app.stop()

        tasks: list[asyncio.Task[None]] = []

        def start_beside(_message_type: str) -> None:
            if during is not None:
                tasks.append(app.Loop.create_task(beside()))

        async def stop_beside(_message_type: str) -> None:
            for task in tasks:
                task.cancel()

        app.PubSub.subscribe("Application.run!", start_beside)  # earlier, a stop would go unheard
        app.PubSub.subscribe("Application.exit!", stop_beside)  # while the loop runs: it sees the cancellation
        app.run()
        deadline.cancel()
    if failures:
        raise failures[0]
    return app


def describe(app: BSPumpApplication) -> str:
    """Return how each pipeline stands."""
    return "; ".join(f"{p.Id}: {p.state()}, {p.counters.as_dict()}" for p in app.pump_service.Pipelines.values())

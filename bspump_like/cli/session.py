"""An application for the command line: its configuration, its pumps, and the report while it runs."""

from __future__ import annotations

import asyncio
import configparser
import contextlib
import os
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import asab

from .. import config as declared
from ..builder import PumpBuilder, construct_pumps, load
from ..builder.loader import Definition
from ..builder.overrides import NoSuchPlaceError
from ..builder.workers import check_linked, divided_state
from ..config import Configurable, Seconds, option
from ..errors import ConfigError, Problem
from .rows import Row, rows_of
from .views import View

if TYPE_CHECKING:
    from ..application import BSPumpApplication


class CommandLineSettings(Configurable):
    """Section `[cli]` of the configuration file."""

    class Options(declared.Options):
        """What `pump run` says while it runs."""

        report_period: Seconds = option(10.0, "seconds between two reports where there is no live table", gt=0)


def report_period() -> float:
    """Return the period of plain reports, from `[cli] report_period`."""
    period: float = CommandLineSettings("cli").options.report_period
    return period


def read_configuration(config: str | None) -> None:
    """Read the asab configuration without an application: for verbs that run none.

    Args:
        config: The file; None: the one that `ASAB_CONFIG` names, if any.

    Raises:
        ConfigError: The file is missing or is none.
    """
    with _reading(config):
        if config:
            asab.Config._default_values["general"]["config_file"] = config
        asab.Config._load()


@contextlib.contextmanager
def _reading(config: str | None) -> Iterator[None]:
    file = config or os.environ.get("ASAB_CONFIG", "")
    if file and not os.path.isfile(file):
        raise ConfigError([Problem("there is no such configuration file", file=file, hint="see -c")])
    try:
        yield
    except (configparser.Error, UnicodeDecodeError) as error:
        text = " ".join(str(error).split())
        raise ConfigError([Problem(f"the configuration file cannot be read: {text}", file=file)]) from None


def load_definitions(paths: Sequence[str], overrides: Sequence[str]) -> list[Definition]:
    """Return the definitions; each override must fit into at least one of them.

    Mistakes inside of a definition stay with it: whoever builds it says them together with all others. The configuration
    must have been read: it says which directories a definition may include files from.

    Raises:
        ConfigError: With the mistakes of all files that cannot be read at all, or overrides that fit nowhere.
    """
    problems: list[Problem] = []
    fits: dict[str, list[str]] = {path: [] for path in paths}
    for override in overrides:
        refused: list[NoSuchPlaceError] = []
        for path in paths:
            try:
                load(path, [*fits[path], override], keep_problems=True)
                fits[path].append(override)
            except NoSuchPlaceError as error:
                refused.append(error)
            except ConfigError:
                fits[path].append(override)  # said below, once
        if len(refused) == len(paths):
            problems += refused[0].problems
    definitions = []
    for path in paths:
        try:
            definitions.append(load(path, fits[path], keep_problems=True))
        except ConfigError as error:
            problems += error.problems
    if problems:
        raise ConfigError(list(dict.fromkeys(problems)))
    return definitions


def make_application(config: str | None, *, verbose: bool = False, web_listen: str | None = None) -> BSPumpApplication:
    """Return an application that has read its configuration and not started.

    Args:
        config: The asab configuration file.
        verbose: Log debug messages, too.
        web_listen: Address of the web API, in place of the configured one.

    Raises:
        ConfigError: The configuration file is missing or is none.
    """
    from ..application import BSPumpApplication

    with _reading(config):
        app = BSPumpApplication([*(["-c", config] if config else []), *(["-v"] if verbose else [])], web_listen)
    return app


def build(
    app: BSPumpApplication, definitions: Sequence[Definition], *, allow: Sequence[str], worker: tuple[int, int] = (0, 1)
) -> list[Problem]:
    """Construct all definitions into the application.

    Returns:
        What may be a mistake.

    Raises:
        ConfigError: With every mistake in all of them.
    """
    builders = [PumpBuilder(definition, allow=allow, worker=worker) for definition in definitions]
    warnings = construct_pumps(builders, app, app.pump_service)
    if problems := list(check_linked(app.pump_service.Pipelines, worker)):
        raise ConfigError(problems)
    return [*warnings, *divided_state(app.pump_service.Pipelines, worker)]


class Reporter:
    """Shows the rows of an application while it runs; lives from `Application.run!` to `Application.exit!`.

    Args:
        app: The application.
        view: Where the rows go.
        secrets: What no row may show.
    """

    def __init__(self, app: BSPumpApplication, view: View, secrets: frozenset[str]) -> None:
        """Subscribe; nothing is shown yet."""
        self._app = app
        self.view = view
        self._secrets = secrets
        self._task: asyncio.Task[None] | None = None
        self._began = app.Loop.time()
        self.rows: list[Row] = []
        """The last state, also after the application has gone."""
        app.PubSub.subscribe("Application.run!", self._on_run)
        app.PubSub.subscribe("Application.exit!", self._on_exit)

    def refresh(self) -> list[Row]:
        """Read the pipelines anew."""
        self.rows = rows_of(self._app, self._app.Loop.time() - self._began, self._secrets)
        return self.rows

    def _on_run(self, _message_type: str) -> None:
        self._began = self._app.Loop.time()
        self.view.start()
        self._task = self._app.Loop.create_task(self._report(), name="report of the run")

    async def _on_exit(self, _message_type: str) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
            if not self._task.cancelled():
                self._task.result()

    async def _report(self) -> None:
        while True:
            await asyncio.sleep(self.view.period)
            self.view.show(self.refresh())


def run_to_end(app: BSPumpApplication, reporter: Reporter) -> int:
    """Run the application until it stops, show how it ended, and return its exit code."""
    code = app.run()
    code = code if isinstance(code, int) else 1
    reporter.view.end(reporter.refresh(), code)
    return code

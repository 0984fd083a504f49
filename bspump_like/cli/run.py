"""`pump run`: run the pumps of one or more definitions, in this process or in several."""

from __future__ import annotations

import argparse
import dataclasses
import logging
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..application import BSPumpApplication

L = logging.getLogger(__name__)

EPILOG = """
examples:
  pump run flights.yaml                        until its input ends, or for ever
  pump run kafka.json elastic.json -c etc/asab.conf
  pump run flights.yaml --rerun                again from the start, if the last run came to its end
  pump run flights.yaml --once                 one cycle of each source, whatever its trigger says
  pump run flights.yaml --set pipelines.Flights.sink.config.path=out.json
  pump run kafka.json --workers 4              four processes that share the input
  pump run pump.json --allow my_pumps          may load the classes of the module my_pumps

Positions are kept in the store (var/bspump.db, or [store] path, or --store): started again, a pump goes on where it was.
Paths in a definition are relative to the working directory. '{worker}' in an option is the number of the worker, from 0.
Ctrl-C and SIGTERM stop it when everything under way is delivered; a second signal stops it at once.
"""


def add_definition_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of every verb that builds definitions."""
    parser.add_argument(
        "definitions", nargs="+", metavar="DEFINITION", help="JSON or YAML file that describes the pump"
    )
    parser.add_argument(
        "-c", "--config", metavar="FILE", help="asab configuration file, sections like [pipeline:P:SINK]"
    )
    parser.add_argument("--allow", action="append", default=[], metavar="MODULE",
                        help="module or package that definitions may load besides known components")  # fmt: skip
    parser.add_argument("--set", action="append", default=[], metavar="PATH=VALUE", dest="overrides",
                        help="change one value of a definition; list items go by id, class or index")  # fmt: skip
    parser.add_argument("--workers", type=_positive, default=1, metavar="N", help="processes that share the input (1)")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `pump run`."""
    add_definition_arguments(parser)
    parser.add_argument("--once", action="store_true", help="end each source after one cycle")
    parser.add_argument("--store", metavar="PATH", help="the store file; ':memory:' keeps nothing")
    start = parser.add_mutually_exclusive_group()
    start.add_argument("--from-start", action="store_true", help="forget where the last run was and begin anew")
    start.add_argument("--rerun", action="store_true", help="begin anew if the last run came to its end, else go on")
    parser.add_argument("--plain", action="store_true", help="log lines instead of the live table, on a terminal, too")
    parser.add_argument("-v", "--verbose", action="store_true", help="log debug messages")
    parser.add_argument("--worker", type=_share, default=(0, 1), help=argparse.SUPPRESS)
    parser.add_argument("--prepare", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--link", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, default=0, help=argparse.SUPPRESS)


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected 1 or more, not '{text}'")
    return int(text)


def _share(text: str) -> tuple[int, int]:
    index, _, count = text.partition("/")
    return int(index), int(count)


def run(options: argparse.Namespace) -> int:
    """Run the pumps; return the exit code."""
    if options.workers > 1 and options.worker == (0, 1):
        return _run_workers(options)
    return _run_here(options)


def _run_here(options: argparse.Namespace) -> int:
    from . import resharing, stores
    from .link import LinkView
    from .session import Reporter, build, load_definitions, make_application, report_period, run_to_end
    from .views import View, choose_view

    listen = f"127.0.0.1:{options.port}" if options.port else None  # of a worker; its parent has the configured address
    app = make_application(options.config, verbose=options.verbose, web_listen=listen)
    definitions = load_definitions(options.definitions, options.overrides)
    service, (index, count) = app.pump_service, options.worker
    configured = options.store or service.store_path
    service.store_path = stores.store_path(configured, index, count)
    service.from_start, service.rerun = options.from_start, options.rerun
    service.keeps_counts = options.link is not None
    secrets = frozenset[str]().union(*(definition.secrets for definition in definitions))
    for warning in build(app, definitions, allow=options.allow, worker=options.worker):
        if options.link is None:  # for its workers the parent has said it
            L.warning("%s", dataclasses.replace(warning, warning=False))
    if count == 1 or options.prepare:
        anew = {"from_start": options.from_start, "rerun": options.rerun}
        resharing.prepare(configured, count, service.Pipelines, **anew)
        if options.from_start:
            _say_what_is_not_forgotten(app)
    if options.prepare:
        return 0
    if options.once:
        _end_after_one_cycle(app)
    over = stores.finished_before(service.store_path, service.Pipelines)
    if over and not (options.from_start or options.rerun):
        print(f"{', '.join(over)}: the last run came to the end of the input; --rerun begins anew", file=sys.stderr)
    view: View
    if options.link is None:
        view = choose_view(plain=options.plain, period=report_period())
    else:
        view = LinkView(app, options.link)
    return run_to_end(app, Reporter(app, view, secrets))


def _say_what_is_not_forgotten(app: BSPumpApplication) -> None:
    for pipeline in app.pump_service.Pipelines.values():
        for source in pipeline.Sources:
            if not getattr(source, "keeps_positions", True):
                print(
                    f"{source.locate_address()}: its server knows where it was, and --from-start does not change that; "
                    "give it another group_id to begin anew",
                    file=sys.stderr,
                )


def _end_after_one_cycle(app: BSPumpApplication) -> None:
    from ..abc import TriggerSource

    for pipeline in app.pump_service.Pipelines.values():
        for source in pipeline.Sources:
            if isinstance(source, TriggerSource):
                source.once = True


def _run_workers(options: argparse.Namespace) -> int:
    """Check once what all workers would complain about, then start them."""
    import asyncio

    from ..settings import PumpSettings, StoreSettings
    from .session import read_configuration, report_period
    from .supervisor import Supervisor
    from .views import choose_view
    from .worker import say

    read_configuration(options.config)
    if (code := _prepare(options)) != 0:
        return code
    base = options.store or StoreSettings("store").options.path
    view = choose_view(plain=options.plain, period=report_period(), say=say)
    stop_timeout = PumpSettings("bspump").options.stop_timeout

    async def supervise() -> int:
        return await Supervisor(_command(options), options.workers, base, view, stop_timeout + 5, _listen()).run()

    return asyncio.run(supervise())


def _listen() -> tuple[str, int] | None:
    import asab

    listen = asab.Config.get("web", "listen", fallback="") if asab.Config.has_section("web") else ""
    if not listen:
        return None
    from ..web.api import address_of  # needs aiohttp

    return address_of(listen)


def _prepare(options: argparse.Namespace) -> int:
    """Build everything once in a process of its own, which says all that is wrong, and makes the stores ready."""
    import subprocess

    from .worker import environment

    flags = [f"--{flag.replace('_', '-')}" for flag in ("from_start", "rerun") if getattr(options, flag)]
    command = [sys.executable, "-m", __package__, *_command(options), *flags, "--prepare"]
    command += ["--worker", f"0/{options.workers}"]
    return subprocess.run(command, env=environment(), check=False, stdin=subprocess.DEVNULL).returncode  # noqa: S603


def _shared_arguments(options: argparse.Namespace) -> list[str]:
    arguments = [*options.definitions, "--workers", str(options.workers)]
    if options.config:
        arguments += ["-c", options.config]
    for module in options.allow:
        arguments += ["--allow", module]
    for override in options.overrides:
        arguments += ["--set", override]
    return arguments


def _command(options: argparse.Namespace) -> list[str]:
    """Return the arguments of `pump` for a worker."""
    flags = ("once", "verbose")
    arguments = ["run", *_shared_arguments(options)]
    arguments += [f"--{flag.replace('_', '-')}" for flag in flags if getattr(options, flag)]
    return arguments + (["--store", options.store] if options.store else [])

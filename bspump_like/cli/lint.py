"""`pump lint`: build everything without starting it, and say all that is wrong."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..service import PumpService

EPILOG = """
examples:
  pump lint flights.yaml
  pump lint etc/*.json --allow my_pumps
  pump lint flights.yaml --workers 4        could four processes share it?

Each file is checked with the others, so they may use each other's connections and lookups.
prints: FILE:LINE: what is wrong (what to do), one line each, or OK
        what may be meant so is a warning, what may come as a surprise a note; they refuse nothing
exit code: 0 nothing to mend, 1 something to mend
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `pump lint`."""
    from .run import add_definition_arguments

    add_definition_arguments(parser)
    parser.add_argument("-q", "--quiet", action="store_true", help="print nothing when all is well")


def run(options: argparse.Namespace) -> int:
    """Check the definitions; return 1 if there is something to mend."""
    from ..errors import ConfigError
    from .session import build, load_definitions, make_application

    try:
        app = make_application(options.config)
        definitions = load_definitions(options.definitions, options.overrides)
        warnings = build(app, definitions, allow=options.allow, worker=(0, options.workers))
    except ConfigError as error:
        found = sum(not problem.warning for problem in error.problems)
        print(error, file=sys.stderr if options.quiet else sys.stdout)
        if not options.quiet:
            print(f"{found} problem{'s' if found != 1 else ''}", file=sys.stderr)
        return 1
    for warning in warnings:
        print(warning, file=sys.stderr if options.quiet else sys.stdout)
    if not options.quiet:
        for remark in _remarks(app.pump_service):
            print(remark)
        print(f"OK: {_contents(app.pump_service)}")
    return 0


def _remarks(service: PumpService) -> Iterator[str]:
    for pipeline in service.Pipelines.values():
        for source in pipeline.Sources:
            if remark := source.remark():
                yield f"note: {source.locate_address()}: {remark}"


def _contents(service: object) -> str:
    counts = [
        (len(getattr(service, group)), one, many)
        for group, one, many in (
            ("Pipelines", "pipeline", "pipelines"), ("Connections", "connection", "connections"),
            ("Lookups", "lookup", "lookups"), ("Matrixes", "matrix", "matrices"),
        )
    ]  # fmt: skip
    return ", ".join(f"{count} {one if count == 1 else many}" for count, one, many in counts if count)

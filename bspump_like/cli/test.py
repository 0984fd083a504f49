"""`pump test`: run the cases that stand beside definitions."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

from .text import printable

if TYPE_CHECKING:
    from ..testing.cases import CaseFile
    from ..testing.trying import Result

EPILOG = """
examples:
  pump test flights.yaml                     the cases in flights.test.yaml, beside it
  pump test etc/*.yaml --junit report.xml    a report for the build server
  pump test flights.yaml -k dropped -v       only cases with 'dropped' in their names

A case says what is given, what is mocked and what is expected:

  cases:
    - name: cancelled flights are dropped
      given: {Flights: [{flight: UA1, dep_delay: ""}]}
      expect: {outputs: {Flights: []}, dropped: 1}

The pump runs as in production, in this process, without its sources, sinks and connections: these are mocked, unless a case
lists them under 'real'. All of it stands in docs/how-to/testing.md.
exit code: 0 all passed, 1 some failed, 2 there is no case, or a mistake in a case or a definition
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `pump test`."""
    parser.add_argument("definitions", nargs="+", metavar="DEFINITION",
                        help="definition with cases beside it (x.test.yaml for x.yaml), or a file of cases")  # fmt: skip
    parser.add_argument("-k", action="append", default=[], metavar="TEXT", dest="wanted",
                        help="run only cases whose names have TEXT in them; several: any of them")  # fmt: skip
    parser.add_argument("--junit", metavar="FILE", help="write the results as JUnit XML, too")
    parser.add_argument("-c", "--config", metavar="FILE", help="asab configuration file, as for 'pump run'")
    parser.add_argument("--allow", action="append", default=[], metavar="MODULE",
                        help="module or package that definitions may load besides known components")  # fmt: skip
    parser.add_argument("-v", "--verbose", action="store_true", help="show passed cases, and what failed pumps logged")
    parser.add_argument("-x", "--exitfirst", action="store_true", help="stop at the first case that fails")


def run(options: argparse.Namespace) -> int:
    """Run the cases; return the exit code."""
    files = _files(options.definitions)
    results: list[Result] = []
    for file in files:
        for result in _results(file, options):
            results.append(result)
            _say(result, verbose=options.verbose)
            if options.exitfirst and not result.passed:
                break
    if options.junit:
        from .junit import write

        write(options.junit, results)
    return _sum_up(results)


def _files(definitions: list[str]) -> list[CaseFile]:
    from ..errors import ConfigError, Problem

    # Testing is a layer above what the command line needs otherwise.
    from ..testing.cases import CaseFile, case_file_of

    found: dict[str, CaseFile] = {}
    problems: list[Problem] = []
    for definition in definitions:
        path = case_file_of(definition)
        if path is None:
            print(f"{definition}: no cases beside it", file=sys.stderr)
        elif path not in found:
            try:
                found[path] = CaseFile(path)
            except ConfigError as error:
                problems += error.problems
    if problems:
        raise ConfigError(problems)
    if not found:
        raise ConfigError("there is nothing to test", hint="write cases into NAME.test.yaml beside NAME.yaml")
    return list(found.values())


def _sections(path: str) -> dict[str, dict[str, str]]:
    import configparser

    from ..errors import ConfigError, Problem

    parser = configparser.RawConfigParser()
    try:
        with open(path, encoding="utf-8") as stream:
            parser.read_file(stream)
    except OSError as error:
        raise ConfigError([Problem(f"cannot read the configuration file: {error.strerror}", file=path)]) from None
    except (configparser.Error, UnicodeDecodeError) as error:
        text = " ".join(str(error).split())
        raise ConfigError([Problem(f"the configuration file cannot be read: {text}", file=path)]) from None
    return {name: dict(parser.items(name)) for name in parser.sections()}


def _results(file: CaseFile, options: argparse.Namespace) -> Iterator[Result]:
    # The same: testing is above.
    from ..testing.trying import run_case

    config = _sections(options.config) if options.config else {}
    for case in file.cases:
        if not options.wanted or any(text.lower() in case.name.lower() for text in options.wanted):
            yield run_case(case, allow=tuple(options.allow), config=config)


def _say(result: Result, *, verbose: bool) -> None:
    case = result.case
    if result.passed:
        if verbose:
            print(f"ok    {case.name}  ({result.seconds:.2f} s)")
        return
    print(f"{'ERROR' if result.problems else 'FAIL '} {case.name}  ({case.file.path}:{case.line})")
    for text in [*map(str, result.problems), *result.mismatches]:
        first, *rest = text.splitlines()
        print(f"      {printable(first)}")
        for line in rest:
            print(f"        {printable(line)}")
    for line in result.log if verbose else ():
        print(f"      log: {printable(line)}")


def _sum_up(results: list[Result]) -> int:
    passed = sum(result.passed for result in results)
    broken = sum(bool(result.problems) for result in results)
    failed = len(results) - passed - broken
    counts = ((passed, "passed"), (failed, "failed"), (broken, "in error"))
    said = ", ".join(f"{count} {word}" for count, word in counts if count) or "no case has such a name"
    print(f"{said} in {sum(result.seconds for result in results):.2f} s")
    return 2 if broken or not results else 1 if failed else 0

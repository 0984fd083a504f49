"""The command `pump`: one file per verb, each imported only when it is used."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence

VERBS = {
    "new": "make a new project with a pump that runs, and its tests",
    "list": "list the components there are, or tell all about one",
    "lint": "check definitions without starting anything",
    "test": "run the cases beside definitions: these events in, those out",
    "run": "run the pumps of one or more definitions",
    "dead-letters": "list, show, replay or discard events that could not be processed",
    "graph": "draw pipelines, and what links them",
    "convert": "turn a definition in JSON into YAML, or back",
    "schema": "print the JSON Schema of definitions, for editors",
    "completion": "print the script that completes pump's words in your shell",
}
"""Verb -> what it does. The verb `a-b` is the module `a_b` here, with `EPILOG`, `add_arguments(parser)` and `run(args)`."""

_MODULES = {"list": "listing"}
"""Verbs whose modules have another name: a module `list` here would hide Python's own."""

_EXAMPLES = """
examples:
  pump run flights.yaml
  pump run flights.yaml --workers 4 --set pipelines.Flights.sink.config.path=out-{worker}.json
  pump lint etc/*.json
  pump test flights.yaml
  pump list FilterProcessor
  pump dead-letters list

'pump VERB --help' tells all about a verb.
exit code: 0 fine, 1 something ended badly or was found, 2 wrong usage, definition or configuration
"""

OK, FAILED, USAGE = 0, 1, 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code.

    Args:
        arguments: Without the program name; None: those of the process.
    """
    if "_ARGCOMPLETE" in os.environ:
        return _complete(os.environ.get("COMP_LINE", ""))
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    if not arguments:
        _parser("").print_help(sys.stderr)
        return USAGE
    verb = next((word for word in arguments if not word.startswith("-")), "")
    options = _parser(verb).parse_args(arguments)
    return _guarded(options)


def _parser(used: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="pump", description="Run and look after pumps: pipelines of events, described in JSON or YAML.",
        epilog=_EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    for name, summary in VERBS.items():
        if name != used:
            verbs.add_parser(name, help=summary, add_help=False)
            continue
        module = importlib.import_module(f".{_MODULES.get(name, name.replace('-', '_'))}", __name__)
        one = verbs.add_parser(
            name, help=summary, description=f"{summary[:1].upper()}{summary[1:]}.", epilog=module.EPILOG,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )  # fmt: skip
        module.add_arguments(one)
        one.set_defaults(run=module.run)
    return parser


def parser_of(verb: str) -> argparse.ArgumentParser:
    """Return the parser of one verb, as the documentation shows it."""
    parser = _parser(verb)
    verbs = next(action for action in parser._actions if isinstance(action, argparse._SubParsersAction))
    found: argparse.ArgumentParser = verbs.choices[verb]
    return found


def _complete(line: str) -> int:
    """Answer a shell that asks what may stand next on a line; see `completion.py`."""
    from .completion import answer

    words = line.split()[1:]
    answer(_parser(next((word for word in words if word in VERBS), "")))
    return OK


def _guarded(options: argparse.Namespace) -> int:
    """Run the verb; a mistake of the user is told in sentences, never as a traceback."""
    from ..errors import BSPumpError, ConfigError

    try:
        code: int = options.run(options)
        sys.stdout.flush()
        return code
    except ConfigError as error:
        print(error, file=sys.stderr)
        return USAGE
    except BSPumpError as error:
        print(f"pump: {error}", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # `pump dead-letters list | head`: the reader has gone, and Python would complain when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK

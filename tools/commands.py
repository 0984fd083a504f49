"""Write docs/how-to/command-line.md from the parsers of the command `pump`: every verb, its arguments, its examples.

`--check` writes nothing and fails if the page is not what the parsers say.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from bspump_like import cli

PAGE = Path(__file__).resolve().parent.parent / "docs" / "how-to" / "command-line.md"

HEAD = """<!-- Made by `make docs` from the parsers in bspump_like/cli: change it there. -->

# The command line

`pump VERB --help` says the same in the terminal. Verbs in the order in which a pump comes to life:

"""

SHELLS = """
## In your shell

`pump completion` prints a script for bash, zsh and fish that completes verbs, options, the names of components and the paths of
definitions; it needs the extra `tools` (`pip install 'bspump_like[tools]'`).

Each verb exits with 0 when all is well, with 1 when something ended badly or was found, and with 2 when the command, a definition
or a configuration is wrong. What is wrong is said in sentences on standard error, each with file, line and remedy.
"""


def page() -> str:
    """Return the text of the page."""
    verbs = {verb: cli.parser_of(verb) for verb in cli.VERBS}
    lines = [f"- [`pump {verb}`](#pump-{verb}): {cli.VERBS[verb]}" for verb in verbs]
    for verb, parser in verbs.items():
        lines += ["", *section(verb, parser)]
    return HEAD + "\n".join(lines) + "\n" + SHELLS


def section(verb: str, parser: argparse.ArgumentParser) -> Iterator[str]:
    """Return the lines about one verb."""
    summary = cli.VERBS[verb]
    yield from (f"## pump {verb}", "", f"{summary[:1].upper()}{summary[1:]}.", "")
    rows = [row for action in parser._actions if (row := _row(action))]
    if rows:
        yield from ("| argument | meaning |", "| --- | --- |", *rows, "")
    yield from ("```text", *(parser.epilog or "").strip("\n").splitlines(), "```")


def _row(action: argparse.Action) -> str:
    if action.help is argparse.SUPPRESS or isinstance(action, argparse._HelpAction):
        return ""
    value = action.metavar if isinstance(action.metavar, str) else "|".join(map(str, action.choices or ()))
    if action.nargs != 0 and not value and action.option_strings:
        value = action.dest.upper()
    named = ", ".join(f"`{name}`" for name in action.option_strings)
    shown = f"{named} `{value}`" if named and value and action.nargs != 0 else named or f"`{value or action.dest}`"
    return f"| {shown.replace('|', chr(92) + '|')} | {(action.help or '').replace('|', chr(92) + '|')} |"


def main(arguments: list[str]) -> int:
    """Write the page, or compare it with `--check`; return the exit code."""
    wanted = page()
    if "--check" in arguments:
        if not PAGE.exists() or PAGE.read_text() != wanted:
            print(f"{PAGE.name} is not what the parsers say. Run `make docs`.", file=sys.stderr)
            return 1
        return 0
    PAGE.write_text(wanted)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

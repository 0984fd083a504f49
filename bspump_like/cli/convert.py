"""`pump convert`: a definition in JSON as YAML, and back."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

EPILOG = """
examples:
  pump convert pump.json pump.yaml
  pump convert pump.yaml pump.json
  pump convert pump.json -            YAML on standard output
  pump convert old.json pump.yaml --force

Nothing is expanded: ${NAME}, includes and templates stay as they are. JSON has no comments: one that stands above a pipeline or a
part, or first in the file, becomes its "description"; others are left out, and their lines are said. Anchors are written out.
exit code: 0 fine, 1 the file is there already or cannot be written, 2 the definition cannot be read
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `pump convert`."""
    parser.add_argument("source", metavar="FROM", help="definition, .json or .yaml")
    parser.add_argument("target", metavar="TO", help="file to write, .json or .yaml; '-': the other one, on standard output")
    parser.add_argument("--force", action="store_true", help="write over TO if it is there")


def run(options: argparse.Namespace) -> int:
    """Convert the file."""
    from ..builder.document import SUFFIXES, is_json, read_document
    from ..errors import BSPumpError, ConfigError
    from .comments import Comments

    if options.target != "-" and not options.target.lower().endswith(SUFFIXES):
        raise ConfigError(f"'{options.target}' is no name of a definition", hint=f"end it with {', '.join(SUFFIXES)}")
    document = read_document(options.source)
    from_json = is_json(options.source)
    to_json = not from_json if options.target == "-" else is_json(options.target)
    comments = Comments("" if from_json else Path(options.source).read_text(encoding="utf-8-sig"))
    tree = comments.described(document)
    written = json.dumps(tree, indent=2, ensure_ascii=False) + "\n" if to_json else yaml_text(tree)
    if options.target == "-":
        print(written, end="")
    else:
        target = Path(options.target)
        if target.exists() and not options.force:
            raise BSPumpError(f"{target} is there already", hint="--force writes over it")
        try:
            target.write_text(written, encoding="utf-8")
        except OSError as error:
            raise BSPumpError(f"cannot write {target}", detail=str(error.strerror)) from error
    if comments.lost:
        lines = ", ".join(map(str, comments.lost))
        print(f"{options.source}: comments left out, of line{'s' if len(comments.lost) > 1 else ''} {lines}", file=sys.stderr)
    return 0


def yaml_text(tree: Any) -> str:
    """Return a tree as YAML that is read back as the same tree, by us and by readers of YAML 1.1."""
    import yaml

    from ..builder.document import yaml_loader

    old, ours = yaml.SafeDumper.yaml_implicit_resolvers, yaml_loader().yaml_implicit_resolvers

    class Dumper(yaml.SafeDumper):
        """Quotes what would not be text for one of the two."""

        # Of both: what either takes for a number, a date or a truth value is put in quotes.
        yaml_implicit_resolvers = {
            first: [*old.get(first, []), *ours.get(first, [])] for first in {*old, *ours}
        }

        def increase_indent(self, flow: bool = False, indentless: bool = False) -> Any:
            """Indent lists below their key, as the examples have it."""
            return super().increase_indent(flow, False)

    def text(dumper: yaml.SafeDumper, value: str) -> Any:
        style = "|" if "\n" in value and value == value.strip("\n ") + "\n" * value.endswith("\n") else None
        return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)

    Dumper.add_representer(str, text)
    return str(yaml.dump(tree, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=120, default_flow_style=None))

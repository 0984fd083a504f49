"""`pump schema`: the JSON Schema of definitions, for editors."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

EPILOG = """
examples:
  pump schema -o pump.schema.json
  pump schema | jq '.properties | keys'

It knows every component that is installed here, its options and arguments: make it anew after an upgrade.
VS Code completes and checks with it. For YAML (extension "YAML" of Red Hat), put this first into a definition

  # yaml-language-server: $schema=pump.schema.json

or, for JSON too, this into .vscode/settings.json:

  {"json.schemas": [{"fileMatch": ["pump*.json"], "url": "./pump.schema.json"}],
   "yaml.schemas": {"./pump.schema.json": ["pump*.yaml"]}}

In a JSON definition "$schema": "./pump.schema.json" does it as well.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `pump schema`."""
    parser.add_argument("-o", "--output", metavar="FILE", help="write it to FILE instead of standard output")


def schema_text() -> str:
    """Return the schema as text."""
    from ..builder.schema import definition_schema

    return json.dumps(definition_schema(), indent=2, default=str) + "\n"


def run(options: argparse.Namespace) -> int:
    """Print or write the schema."""
    from ..errors import BSPumpError

    text = schema_text()
    if not options.output:
        print(text, end="")
        return 0
    try:
        Path(options.output).write_text(text, encoding="utf-8")
    except OSError as error:
        raise BSPumpError(f"cannot write {options.output}", detail=str(error.strerror)) from error
    return 0

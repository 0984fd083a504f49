"""`pump new`: make a project with a pump that runs, and its tests."""

from __future__ import annotations

import argparse
import re
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

KINDS = {
    "file": "from a CSV file to JSON lines",
    "python": "with a processor of your own, in Python",
    "kafka": "from Kafka to Elasticsearch",
}
_LINT = {"python": "pump.yaml -c pump.conf"}
_TEMPLATE = ".template"
SCHEMA = "pump.schema.json"

EPILOG = """
examples:
  pump new cities                   a pump from a file to a file, in the new folder cities
  pump new orders --kind kafka
  cd cities && pump test pump.yaml && pump run pump.yaml

kinds:
  file      from a CSV file to JSON lines
  python    with a processor of your own, in Python
  kafka     from Kafka to Elasticsearch; its tests need no servers

It has a definition with its schema for editors, cases for 'pump test', a test for pytest, README.md, Makefile, pytest.ini,
requirements.txt and .gitignore.
exit code: 0 fine, 1 the folder cannot be made or has something in it
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `pump new`."""
    parser.add_argument("directory", metavar="DIR", help="the folder to make; its name is the name of the project")
    parser.add_argument("--kind", choices=sorted(KINDS), default="file", help="what the pump does (file)")


def run(options: argparse.Namespace) -> int:
    """Make the project."""
    from ..errors import BSPumpError

    directory = Path(options.directory)
    try:
        if directory.exists() and any(directory.iterdir()):
            raise BSPumpError(f"there is something in {directory} already", hint="name a folder that is new or empty")
        made = _make(directory, options.kind)
    except OSError as error:
        raise BSPumpError(f"cannot write {error.filename or directory}", detail=str(error.strerror)) from error
    print(f"{directory}: {', '.join(made)}")
    print(f"next: cd {directory} && pump test pump.yaml && pump run {_LINT.get(options.kind, 'pump.yaml')}")
    return 0


def _make(directory: Path, kind: str) -> list[str]:
    """Write the files; return their names."""
    from .schema import schema_text

    home = resources.files(__package__) / "projects"
    words = {
        "@NAME@": re.sub(r"[^\w.-]+", "-", directory.resolve().name) or "pump",
        "@LINT@": _LINT.get(kind, "pump.yaml"),
        "@ABOUT@": (home / kind / "about.md").read_text(encoding="utf-8").strip(),
        "@FILES@": (home / kind / "files.md").read_text(encoding="utf-8").strip(),
    }
    directory.mkdir(parents=True, exist_ok=True)
    made = []
    for template in sorted(_templates(home / "common") + _templates(home / kind), key=lambda one: one.name):
        text = template.read_text(encoding="utf-8")
        for word, meaning in words.items():
            text = text.replace(f"{word}\n", f"{meaning}\n" if meaning else "").replace(word, meaning)
        name = template.name.removesuffix(_TEMPLATE).replace("gitignore", ".gitignore")
        (directory / name).write_text(text, encoding="utf-8")
        made.append(name)
    (directory / SCHEMA).write_text(schema_text(), encoding="utf-8")
    return [*made, SCHEMA]


def _templates(folder: Traversable) -> list[Traversable]:
    return [one for one in folder.iterdir() if one.name.endswith(_TEMPLATE)]

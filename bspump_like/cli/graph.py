"""`pump graph`: draw pipelines, and what links them."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

FORMATS = ("text", "mermaid", "dot", "svg")
_SUFFIXES = {".mmd": "mermaid", ".md": "mermaid", ".dot": "dot", ".gv": "dot", ".svg": "svg", ".txt": "text"}

EPILOG = """
examples:
  pump graph flights.yaml                     as indented lines
  pump graph flights.yaml -o flights.svg      needs Graphviz (apt install graphviz)
  pump graph flights.yaml -o flights.md       a Mermaid block, which code hosts draw
  pump graph etc/*.json --format dot | dot -Tpdf > pump.pdf

It shows sources, processors and sinks, where tees, routers, branches and errors lead, and who uses which lookup, connection and
matrix. Where classes of your own send events cannot be seen. The pump is built, as by 'pump lint', and nothing is started.
exit code: 0 fine, 1 it cannot be drawn, 2 a mistake in a definition
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `pump graph`."""
    from .run import add_definition_arguments

    add_definition_arguments(parser)
    parser.add_argument("--format", choices=FORMATS, help="what to write (by the name of FILE, else text)")
    parser.add_argument("-o", "--output", metavar="FILE", help="write to FILE instead of standard output")


def run(options: argparse.Namespace) -> int:
    """Draw the definitions."""
    from ..errors import BSPumpError
    from . import drawings
    from .diagram import diagram
    from .session import build, load_definitions, make_application

    suffix = Path(options.output or "").suffix.lower()
    if not options.format and suffix and suffix not in _SUFFIXES:
        known = ", ".join(_SUFFIXES)
        raise BSPumpError(f"nothing is drawn as '{suffix}'", hint=f"end the name of FILE with {known}, or say --format")
    definitions = load_definitions(options.definitions, options.overrides)
    app = make_application(options.config)
    build(app, definitions, allow=options.allow, worker=(0, options.workers))
    drawn = diagram(app.pump_service)
    format = options.format or _SUFFIXES.get(suffix, "text")
    if format == "mermaid":
        text = drawings.mermaid(drawn)
    elif format == "text":
        text = drawings.plain(drawn)
    else:
        text = drawings.dot(drawn)
    if format == "mermaid" and suffix == ".md":
        text = f"```mermaid\n{text}```\n"
    data = _svg(text) if format == "svg" else text.encode()
    if not options.output:
        sys.stdout.flush()
        sys.stdout.buffer.write(data)
        return 0
    try:
        Path(options.output).write_bytes(data)
    except OSError as error:
        raise BSPumpError(f"cannot write {options.output}", detail=str(error.strerror)) from error
    return 0


def _svg(text: str) -> bytes:
    import shutil
    import subprocess

    from ..errors import BSPumpError

    program = shutil.which("dot")
    if program is None:
        raise BSPumpError("SVG is drawn by 'dot', which is not installed", hint="apt install graphviz, or --format mermaid")
    # The program is the user's own, and the text goes in by a pipe.
    done = subprocess.run([program, "-Tsvg"], input=text.encode(), capture_output=True, check=False, timeout=60)  # noqa: S603
    if done.returncode != 0:
        raise BSPumpError("'dot' cannot draw it", detail=done.stderr.decode(errors="replace").strip())
    return done.stdout

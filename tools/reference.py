"""Write docs/reference from the code: one page for each folder of components, one section for each component.

What stands there is what the program itself uses: the declared options (default, check, help), the arguments of the
constructors and the docstrings. `--check` writes nothing and fails if a page is not what the code says.
"""

from __future__ import annotations

import importlib
import inspect
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from bspump_like import abc
from bspump_like.builder.catalogue import (
    arguments_of,
    description_of,
    example_of,
    first_line,
    kind_of,
    options_of,
    type_name,
)
from bspump_like.builder.registry import own_components
from bspump_like.config import Option, Options
from bspump_like.pipeline import Pipeline

ROOT = Path(__file__).resolve().parent.parent
REFERENCE = ROOT / "docs" / "reference"
PACKAGE = "bspump_like"
MADE = "<!-- Made by `make docs` from the code: change it there. -->\n"

COMMON: dict[str, type[Any]] = {
    "Sources": abc.Source,
    "Processors, generators and sinks": abc.ProcessorBase,
    "Processors whose process() is async": abc.Processor,
    "Threaded processors": abc.ThreadedProcessor,
    "Connections": abc.Connection,
    "Lookups": abc.Lookup,
    "Pipelines": Pipeline,
}


def pages() -> dict[str, str]:
    """Return file name -> text of all pages."""
    folders: dict[str, list[type]] = {}
    for name, module in sorted(own_components().items()):
        found = getattr(importlib.import_module(module), name)
        if isinstance(found, type) and kind_of(found):
            folders.setdefault(module.removeprefix(f"{PACKAGE}."), []).append(found)
    made = {f"{folder}.md": folder_page(folder, components) for folder, components in folders.items()}
    return {"index.md": index_page(folders), "common-options.md": common_page(), **made}


def index_page(folders: Mapping[str, list[type]]) -> str:
    """Return the catalogue: every component with its first line."""
    lines = [MADE, "# Reference", "", "Every component, by folder. See also the [common options](common-options.md).", ""]
    for folder, components in folders.items():
        lines += [f"## [{folder}]({folder}.md)", "", "| component | is a | does |", "| --- | --- | --- |"]
        lines += [
            f"| [{one.__name__}]({folder}.md#{one.__name__.lower()}) | {kind_of(one)} | {cell(first_line(one))} |"
            for one in components
        ]
        lines.append("")
    return text_of(lines)


def common_page() -> str:
    """Return the page of the options that all components of a kind share."""
    lines = [MADE, "# Common options", "", "Options that every component of a kind has, besides its own.", ""]
    for title, base in COMMON.items():
        lines += [f"## {title}", "", *options_table(list(base.Options.declarations().values()))]
    return text_of(lines)


def folder_page(folder: str, components: list[type]) -> str:
    """Return the page of one folder."""
    module = importlib.import_module(f"{PACKAGE}.{folder}")
    lines = [MADE, f"# {PACKAGE}.{folder}", "", inspect.getdoc(module) or "", ""]
    for component in components:
        lines += section(component, folder)
    return text_of(lines)


def section(component: type, folder: str) -> Iterator[str]:
    """Return the lines about one component."""
    yield from (f"## {component.__name__}", "", f"A {kind_of(component)}: `{PACKAGE}.{folder}.{component.__name__}`", "")
    yield from (markdown(description_of(component)), "")
    arguments = arguments_of(component)
    if arguments:
        yield from ("Arguments, `args` in a definition:", "", "| argument | default | meaning |", "| --- | --- | --- |")
        for one in arguments:
            default = "must be given" if one.required else literal(one.default)
            yield f"| `{one.name}` | {default} | {cell(one.help)} |"
        yield ""
    if issubclass(getattr(component, "Options", object), Options):
        own, shared = options_of(component)
        if own:
            yield from ("Options, `config` in a definition:", "", *options_table(own))
        if shared:
            yield from (f"And the [common options](common-options.md): {', '.join(f'`{one.name}`' for one in shared)}.", "")
    example = example_of(component)
    if example:
        language = "yaml" if re.match(r"\w+:\n", example) else "python"
        yield from ("Example:", "", f"```{language}", example.rstrip("\n"), "```", "")


def options_table(options: list[Option]) -> list[str]:
    """Return a table of options."""
    rows = []
    for one in options:
        default = "must be set" if one.required else literal(one.default)
        rows.append(f"| `{one.name}` | {cell(type_name(one, '`'))} | {default} | {cell(one.help)} |")
    return ["| option | type | default | meaning |", "| --- | --- | --- | --- |", *rows, ""]


def literal(value: Any) -> str:
    """Return a default as it would stand in a definition."""
    if value is None or value == "":
        return "empty"
    if isinstance(value, bool):
        return "`true`" if value else "`false`"
    return cell(f"`{value if isinstance(value, str | int | float) else repr(value)}`".replace("\n", "\\n"))


def markdown(docstring: str) -> str:
    """Return a docstring as Markdown: the sections of Google's form become lists, indented blocks stay code."""
    return re.sub(
        r"^(Args|Attributes|Raises|Returns|Yields):\n((?:[ ]{4}.*\n?|\n)+)",
        lambda found: f"{found[1]}:\n\n" + re.sub(r"^ {4}(\w+): ?", r"- `\1`: ", found[2], flags=re.MULTILINE),
        docstring,
        flags=re.MULTILINE,
    )


def cell(text: str) -> str:
    """Return text that may stand in a cell of a table."""
    return " ".join(text.split()).replace("|", "\\|")


def text_of(lines: list[str]) -> str:
    """Return the lines as a file, with no more than one empty line at a time."""
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip() + "\n"


def main(arguments: list[str]) -> int:
    """Write the pages, or compare them with `--check`; return the exit code."""
    wanted = pages()
    there = {path.name: path.read_text() for path in REFERENCE.glob("*.md")}
    if "--check" in arguments:
        stale = sorted(name for name in wanted.keys() | there.keys() if wanted.get(name) != there.get(name))
        if stale:
            print(f"docs/reference is not what the code says: {', '.join(stale)}. Run `make docs`.", file=sys.stderr)
        return 1 if stale else 0
    REFERENCE.mkdir(parents=True, exist_ok=True)
    for name in there.keys() - wanted.keys():
        (REFERENCE / name).unlink()
    for name, text in wanted.items():
        (REFERENCE / name).write_text(text)
    print(f"docs/reference: {len(wanted)} pages")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Write docs/reference from the code: one page for each folder of components, one section for each component.

What stands there is what the program itself uses: the declared options (default, check, help), the arguments of the
constructors and the docstrings. `--check` writes nothing and fails if a page is not what the code says.
"""

from __future__ import annotations

import importlib
import inspect
import re
import sys
import types
import typing
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from bspump_like import abc
from bspump_like.builder.registry import own_components
from bspump_like.config import Option, Options
from bspump_like.pipeline import Pipeline
from bspump_like.trigger import Trigger

ROOT = Path(__file__).resolve().parent.parent
REFERENCE = ROOT / "docs" / "reference"
PACKAGE = "bspump_like"
MADE = "<!-- Made by `make docs` from the code: change it there. -->\n"

KINDS: dict[str, type] = {
    "sink": abc.Sink,
    "generator": abc.Generator,
    "processor": abc.ProcessorBase,
    "source": abc.Source,
    "lookup": abc.Lookup,
    "connection": abc.Connection,
    "pipeline": Pipeline,
    "trigger": Trigger,
}
COMMON: dict[str, type[Any]] = {
    "Sources": abc.Source,
    "Processors, generators and sinks": abc.ProcessorBase,
    "Processors whose process() is async": abc.Processor,
    "Threaded processors": abc.ThreadedProcessor,
    "Connections": abc.Connection,
    "Lookups": abc.Lookup,
    "Pipelines": Pipeline,
}
GIVEN = {"self", "app", "pipeline", "id", "config"}
"""Arguments that every component has; a definition gives them by keys of their own."""

KNOWN = {"connection": "The connection, or its id."}
"""Arguments that mean the same everywhere."""


def pages() -> dict[str, str]:
    """Return file name -> text of all pages."""
    folders: dict[str, list[type]] = {}
    for name, module in sorted(own_components().items()):
        found = getattr(importlib.import_module(module), name)
        if isinstance(found, type) and kind_of(found):
            folders.setdefault(module.removeprefix(f"{PACKAGE}."), []).append(found)
    made = {f"{folder}.md": folder_page(folder, components) for folder, components in folders.items()}
    return {"index.md": index_page(folders), "common-options.md": common_page(), **made}


def kind_of(component: type) -> str:
    """Return what a component is, in a word; '' when it is no part of a pump."""
    return next((kind for kind, base in KINDS.items() if issubclass(component, base)), "")


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
    yield from (markdown(inspect.getdoc(component) or ""), "")
    arguments = arguments_of(component)
    if arguments:
        yield from ("Arguments, `args` in a definition:", "", "| argument | default | meaning |", "| --- | --- | --- |")
        yield from (f"| `{name}` | {default} | {cell(meaning)} |" for name, default, meaning in arguments)
        yield ""
    if issubclass(getattr(component, "Options", object), Options):
        own, shared = options_of(component)
        if own:
            yield from ("Options, `config` in a definition:", "", *options_table(own))
        if shared:
            yield from (f"And the [common options](common-options.md): {', '.join(f'`{name}`' for name in shared)}.", "")


def options_of(component: Any) -> tuple[list[Option], list[str]]:
    """Return the options of a component, and the names of those it has as all of its kind have them."""
    shared = {
        name: declared
        for base in COMMON.values()
        if issubclass(component, base)
        for name, declared in base.Options.__declared__.items()
    }
    own = [
        field
        for name, field in component.Options.declarations().items()
        if shared.get(name) is not component.Options.__declared__[name]
    ]
    names = {field.name for field in own}
    return own, [name for name in component.Options.declarations() if name not in names]


def options_table(options: list[Option]) -> list[str]:
    """Return a table of options."""
    rows = []
    for one in options:
        default = "must be set" if one.required else literal(one.default)
        rows.append(f"| `{one.name}` | {cell(type_name(one))} | {default} | {cell(one.help)} |")
    return ["| option | type | default | meaning |", "| --- | --- | --- | --- |", *rows, ""]


def arguments_of(component: type) -> list[tuple[str, str, str]]:
    """Return name, default and meaning of the constructor's own arguments."""
    constructor: Any = component.__init__  # type: ignore[misc]
    meanings = dict(KNOWN)
    for base in reversed(component.__mro__):  # "See `Lookup`" is enough, where the parent says it
        meanings |= described_arguments(inspect.cleandoc(getattr(vars(base).get("__init__"), "__doc__", None) or ""))
    return [
        (name, "must be given" if one.default is one.empty else literal(one.default), meanings.get(name, ""))
        for name, one in inspect.signature(constructor).parameters.items()
        if name not in GIVEN
        and one.kind not in (one.VAR_KEYWORD, one.VAR_POSITIONAL)
        # A definition has no functions to give.
        and not (callable(one.default) and one.default is not one.empty)
    ]


def described_arguments(docstring: str) -> dict[str, str]:
    """Return name -> meaning from the `Args:` section of a docstring in Google's form."""
    found: dict[str, str] = {}
    section = re.search(r"^Args:\n((?:[ ]{4}.*\n?|\n)+)", docstring, re.MULTILINE)
    name = ""
    for line in section[1].splitlines() if section else ():
        begun = re.match(r" {4}(\w+):\s*(.*)", line)
        if begun:
            name = begun[1]
            found[name] = begun[2]
        elif name and line:
            found[name] += " " + line.strip()
    return found


def type_name(one: Option) -> str:
    """Return the type of an option as a person would say it."""
    if one.choices:
        return " or ".join(f"`{choice}`" for choice in one.choices)
    bounds = {">=": one.ge, ">": one.gt, "<=": one.le, "<": one.lt}
    return ", ".join([_type_name(one.type), *(f"{sign} {value:g}" for sign, value in bounds.items() if value is not None)])


def _type_name(declared: Any) -> str:
    origin, members = typing.get_origin(declared), typing.get_args(declared)
    if origin is Annotated:
        return str(members[1])
    if origin is Literal:
        return " or ".join(f"`{member}`" for member in members)
    if origin in (typing.Union, types.UnionType):
        return " or ".join("nothing" if member is types.NoneType else _type_name(member) for member in members)
    if origin in (list, tuple, set, frozenset):
        return f"list of {_type_name(members[0])}" if members else "list"
    names = {bool: "yes or no", int: "whole number", float: "number", str: "text", list: "list", dict: "keys with values"}
    return names.get(origin or declared, "any" if declared is Any else getattr(declared, "__name__", str(declared)))


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


def first_line(component: type) -> str:
    """Return the first sentence of a docstring."""
    return (inspect.getdoc(component) or "").partition("\n\n")[0].replace("\n", " ")


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

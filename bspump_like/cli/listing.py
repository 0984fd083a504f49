"""`pump list`: what there is to build pumps from."""

from __future__ import annotations

import argparse
import json
import shutil
import textwrap
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..builder.catalogue import Entry
    from ..config import Option

EPILOG = """
examples:
  pump list                      every component, by folder
  pump list sinks                those of a kind: source, processor, generator, sink, lookup, connection, trigger, ...
  pump list kafka                those of a folder
  pump list FilterProcessor      one: what it does, its arguments and options, an example
  pump list FilterProcessor --example > filter.yaml
  pump list FilterProcessor --json

exit code: 0 fine, 2 there is no such component; the nearest is named
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `pump list`."""
    parser.add_argument("name", nargs="?", metavar="NAME", help="a component, a kind or a folder")
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--json", action="store_true", help="as JSON, for programs")
    how.add_argument("--example", action="store_true", help="print only the example of the component")


def run(options: argparse.Namespace) -> int:
    """Print the list, or one component."""
    from ..builder import catalogue

    every = [one for one in catalogue.entries() if not one.is_base] if not _is_class(options.name) else []
    some = [one for one in every if options.name in (None, one.kind, f"{one.kind}s", one.folder, one.folder.partition(".")[0])]
    if some:
        _print_all(some, as_json=options.json)
        if options.name is None and not options.json:
            _print_missing(catalogue.missing())
        return 0
    one = catalogue.entry(options.name)
    if options.example:
        print(one.example, end="")
    elif options.json:
        print(json.dumps(described(one), indent=2, default=str))
    else:
        print("\n".join(_page(one)))
    return 0


def _is_class(name: str | None) -> bool:
    """Tell whether a name is one of a class, so that only its module needs to be imported."""
    return name is not None and name[:1].isupper()


def _print_all(entries: Sequence[Entry], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps([described(one) for one in entries], indent=2, default=str))
        return
    names, kinds = max(len(one.name) for one in entries), max(len(one.kind) for one in entries)
    width, folder = _width(), ""
    for one in entries:
        if one.folder != folder:
            print(f"{'' if not folder else chr(10)}{one.folder}")
            folder = one.folder
        line = f"  {one.name:{names}}  {one.kind:{kinds}}  {one.summary}"
        print(line if len(line) <= width else f"{line[: width - 1]}…")


def _print_missing(missing: dict[str, str]) -> None:
    if missing:
        print("\nnot usable here")
        for reason in sorted(set(missing.values())):
            print(f"  {', '.join(name for name, why in missing.items() if why == reason)}: {reason}")


def described(one: Entry) -> dict[str, Any]:
    """Return everything that is declared about a component, as data."""
    own, common = one.options()
    return {
        "name": one.name, "module": one.module, "kind": one.kind, "summary": one.summary, "description": one.description,
        "args": [
            {"name": a.name, "required": a.required, **({} if a.required else {"default": a.default}), "help": a.help}
            for a in one.arguments()
        ],
        "config": [_option(option, common=False) for option in own] + [_option(option, common=True) for option in common],
        "example": one.example,
    }  # fmt: skip


def _option(one: Option, *, common: bool) -> dict[str, Any]:
    from ..builder.catalogue import type_name

    return {
        "name": one.name, "type": type_name(one), "required": one.required, **({} if one.required else {"default": one.default}),
        "help": one.help, **({"example": one.example} if one.example is not None else {}), "secret": one.secret, "common": common,
    }  # fmt: skip


def _page(one: Entry) -> Iterable[str]:
    own, common = one.options()
    yield f"{one.name}: a {one.kind} of {one.module}"
    yield ""
    yield from one.description.splitlines()
    if one.is_base:
        yield from ("", "It is there to be extended in Python; no definition can name it.")
    if one.arguments():
        yield from ("", "args")
        for argument in one.arguments():
            default = "must be given" if argument.required else f"default {_value(argument.default)}"
            yield from _item(argument.name, default, argument.help)
    if own:
        yield from ("", "config")
        for option in own:
            yield from _item(option.name, _type_and_default(option), option.help, option.example)
    if common:
        yield from ("", f"config that every {one.kind} has")
        for option in common:
            yield from _item(option.name, _type_and_default(option), option.help)
    if one.example:
        yield from ("", "example", *textwrap.indent(one.example, "  ").splitlines())


def _type_and_default(one: Option) -> str:
    from ..builder.catalogue import type_name

    return f"{type_name(one)}; {'must be set' if one.required else f'default {_value(one.default)}'}"


def _item(name: str, what: str, help: str, example: Any = None) -> Iterable[str]:
    yield f"  {name}  ({what})"
    said = help if example is None else f"{help}; for example {_value(example)}"
    yield from textwrap.wrap(said, _width() - 6, initial_indent="      ", subsequent_indent="      ")


def _value(value: Any) -> str:
    if value is None or value == "":
        return "empty"
    return json.dumps(value, default=str, ensure_ascii=False)


def _width() -> int:
    return max(shutil.get_terminal_size((120, 24)).columns, 60)

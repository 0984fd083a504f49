"""What there is to build pumps from, as the components declare it: kind, in a word, options, arguments, example.

`pump list`, the reference pages and completion read it here, so none of them can say anything else than the code does.
"""

from __future__ import annotations

import dataclasses
import difflib
import inspect
import re
import textwrap
import types
import typing
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from ..config import Option, Options
from ..errors import ConfigError, Problem
from .abstract import undefined
from .registry import PACKAGE, announced_components, import_component_module, own_components

_KINDS = {
    "Sink": "sink", "Generator": "generator", "ProcessorBase": "processor", "Source": "source", "Lookup": "lookup",
    "Connection": "connection", "Pipeline": "pipeline", "Trigger": "trigger", "Matrix": "matrix",
}  # fmt: skip
_SHARED = ("abc", "pipeline")
"""Modules of this package whose options belong to a whole kind."""

GIVEN = frozenset({"self", "app", "pipeline", "id", "config"})
"""Arguments that every component has; a definition gives them by keys of their own."""

_KNOWN = {"connection": "The connection, or its id."}
"""Arguments that mean the same everywhere."""


@dataclasses.dataclass(frozen=True)
class Argument:
    """One argument of a constructor, `args` in a definition.

    Attributes:
        name: Its name.
        default: Its default; `REQUIRED` when it must be given.
        help: What the docstring says about it.
    """

    name: str
    default: Any
    help: str

    REQUIRED: typing.ClassVar[Any] = inspect.Parameter.empty

    @property
    def required(self) -> bool:
        """Tell whether it must be given."""
        return self.default is Argument.REQUIRED


@dataclasses.dataclass(frozen=True)
class Entry:
    """One component.

    Attributes:
        name: The value of `class` in a definition.
        module: Where it is exported.
        component: The class.
    """

    name: str
    module: str
    component: Any

    @property
    def folder(self) -> str:
        """Name of its module without the package, `file`; of another package the whole."""
        return self.module.removeprefix(f"{PACKAGE}.")

    @property
    def kind(self) -> str:
        """What it is, in a word."""
        return kind_of(self.component)

    @property
    def is_base(self) -> bool:
        """Tell whether it is only there to be extended, so that no definition can name it."""
        return undefined(self.component) is not None

    @property
    def summary(self) -> str:
        """The first sentence about it."""
        return first_line(self.component)

    @property
    def description(self) -> str:
        """The docstring without its example."""
        return description_of(self.component)

    @property
    def example(self) -> str:
        """The definition (or the Python program) under `Example:`; '' when there is none."""
        return example_of(self.component)

    def options(self) -> tuple[list[Option], list[Option]]:
        """Return its own options, and those that all of its kind have."""
        return options_of(self.component)

    def arguments(self) -> list[Argument]:
        """Return the constructor's own arguments."""
        return arguments_of(self.component)


def entries() -> Iterator[Entry]:
    """Return every component that can be imported here, by folder and name; announced ones of other packages last."""
    for known in (own_components(), announced_components()):
        for name, module in sorted(known.items(), key=lambda item: (item[1], item[0])):
            found = _imported(name, module)
            if found is not None:
                yield found


def missing() -> dict[str, str]:
    """Return class name -> why it cannot be used here: an optional package is not installed."""
    reasons = {}
    for name, module in own_components().items():
        try:
            getattr(import_component_module(module), name, None)  # some are imported only when they are asked for
        except (ConfigError, ImportError) as error:
            reasons[name] = str(error)
    return reasons


def entry(name: str) -> Entry:
    """Return the component that is called `name` in definitions; upper and lower case do not matter.

    Raises:
        ConfigError: There is none; the message names the nearest. Or what it needs is not installed.
    """
    known = {**announced_components(), **own_components()}
    exact = {one.lower(): one for one in known}.get(name.lower(), name)
    if exact in known:
        module = import_component_module(known[exact])
        try:
            component = getattr(module, exact)
        except ImportError as error:
            message = f"{exact} needs '{error.name}', which is not installed"
            raise ConfigError([Problem(message, hint=f"pip install {error.name}")]) from error
        if kind_of(component):
            return Entry(exact, known[exact], component)
    parts = [one for one in known if one[:1].isupper()]
    close = difflib.get_close_matches(name, parts, n=3, cutoff=0.6) or [
        one for one in sorted(parts) if name.lower() in one.lower()
    ]
    hint = f"did you mean {' or '.join(repr(one) for one in close[:5])}?" if close else "'pump list' shows what there is"
    raise ConfigError([Problem(f"there is no component '{name}'", hint=hint)])


def _imported(name: str, module: str) -> Entry | None:
    try:
        found = getattr(import_component_module(module), name, None)
    except (ConfigError, ImportError):
        return None  # `missing` says why
    return Entry(name, module, found) if isinstance(found, type) and kind_of(found) else None


def kind_of(component: Any) -> str:
    """Return what a component is, in a word; '' when it is no part of a pump."""
    for base in component.__mro__ if isinstance(component, type) else ():
        if base.__module__.startswith(f"{PACKAGE}.") and base.__name__ in _KINDS:
            return _KINDS[base.__name__]
    return ""


def first_line(component: Any) -> str:
    """Return the first sentence of a docstring."""
    return (inspect.getdoc(component) or "").partition("\n\n")[0].replace("\n", " ")


_EXAMPLE = re.compile(r"^Examples?:\n(?P<text>(?:[ ]{4}.*\n?|[ \t]*\n)+)", re.MULTILINE)


def example_of(component: Any) -> str:
    """Return what stands under `Example:` in the docstring of a component itself, not of its parents; '' when nothing does."""
    found = _EXAMPLE.search(inspect.cleandoc(vars(component).get("__doc__") or ""))
    return textwrap.dedent(found["text"]).strip("\n") + "\n" if found else ""


def description_of(component: Any) -> str:
    """Return the docstring of a component without its example."""
    return _EXAMPLE.sub("", inspect.getdoc(component) or "").strip()


def options_of(component: Any) -> tuple[list[Option], list[Option]]:
    """Return the options of a component: its own, and those it has as all of its kind have them."""
    declaring = getattr(component, "Options", None)
    if not (isinstance(declaring, type) and issubclass(declaring, Options)):
        return [], []
    shared = {
        name: declared
        for base in component.__mro__
        if base.__module__.startswith(tuple(f"{PACKAGE}.{module}" for module in _SHARED)) and "Options" in vars(base)
        for name, declared in vars(base)["Options"].__declared__.items()
    }
    own: list[Option] = []
    common: list[Option] = []
    for name, field in declaring.declarations().items():
        (common if shared.get(name) is declaring.__declared__[name] else own).append(field)
    return own, common


def arguments_of(component: Any) -> list[Argument]:
    """Return the constructor's own arguments, as far as a definition can give them."""
    meanings = dict(_KNOWN)
    for base in reversed(component.__mro__):  # "See `Lookup`" is enough, where the parent says it
        meanings |= described_arguments(inspect.cleandoc(getattr(vars(base).get("__init__"), "__doc__", None) or ""))
    return [
        Argument(name, one.default, meanings.get(name, ""))
        for name, one in inspect.signature(component.__init__).parameters.items()
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


def type_name(one: Option, mark: str = "") -> str:
    """Return the type of an option as a person would say it, words to be typed between `mark`s."""
    if one.choices:
        return " or ".join(f"{mark}{choice}{mark}" for choice in one.choices)
    bounds = {">=": one.ge, ">": one.gt, "<=": one.le, "<": one.lt}
    said = (f"{sign} {value:g}" for sign, value in bounds.items() if value is not None)
    return ", ".join([_type_name(one.type, mark), *said])


def _type_name(declared: Any, mark: str) -> str:
    origin, members = typing.get_origin(declared), typing.get_args(declared)
    if origin is Annotated:
        return str(members[1])
    if origin is Literal:
        return " or ".join(f"{mark}{member}{mark}" for member in members)
    if origin in (typing.Union, types.UnionType):
        return " or ".join("nothing" if member is types.NoneType else _type_name(member, mark) for member in members)
    if origin in (list, tuple, set, frozenset):
        return f"list of {_type_name(members[0], mark)}" if members else "list"
    names: Mapping[Any, str] = {
        bool: "yes or no", int: "whole number", float: "number", str: "text", list: "list", dict: "keys with values"
    }  # fmt: skip
    return names.get(origin or declared, "any" if declared is Any else getattr(declared, "__name__", str(declared)))

"""One typed declaration per component: `Options`.

The declaration is the default, the check, the help text and the reference page of an option. `Configurable` joins it
with the contract's way: `ConfigDefaults` dicts merged along the class hierarchy, sections of the asab configuration file,
and the `config` dict given in code. Later wins: defaults < file section < `config`.
"""

from __future__ import annotations

import contextvars
import dataclasses
import difflib
import logging
import operator
import re
import types
import typing
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Annotated, Any, ClassVar, Literal

import asab

from .errors import ConfigError, Problem

L = logging.getLogger(__name__)

Seconds = Annotated[float, "seconds"]
"""A duration in seconds; text may carry a unit: `500ms`, `10s`, `5m`, `2h`, `1d`."""

Size = Annotated[int, "bytes"]
"""A number of bytes; text may carry a unit: `64k`, `10MB`, `1GiB`."""

_REQUIRED: Any = object()


@dataclasses.dataclass(frozen=True)
class Option:
    """One declared option, as `option()` made it and the class annotation typed it."""

    name: str
    type: Any
    default: Any
    help: str
    ge: float | None = None
    gt: float | None = None
    le: float | None = None
    lt: float | None = None
    choices: tuple[Any, ...] = ()
    secret: bool = False
    example: Any = None
    parse: Callable[[Any], Any] | None = None
    aliases: tuple[str, ...] = ()
    refers: str = ""

    @property
    def required(self) -> bool:
        """Tell whether the option has no default."""
        return self.default is _REQUIRED

    def convert(self, value: Any) -> Any:
        """Return `value` as the declared type; text is read as a configuration file spells it.

        Raises:
            ValueError: The value does not fit; the message says what was expected.
        """
        value = self.parse(value) if self.parse is not None else _convert(value, self.type)
        for sign, bound, holds in ((">=", self.ge, operator.ge), (">", self.gt, operator.gt),
                                   ("<=", self.le, operator.le), ("<", self.lt, operator.lt)):  # fmt: skip
            if bound is not None and value is not None and not holds(value, bound):
                raise ValueError(f"expected a number {sign} {bound}")
        if self.choices and value not in self.choices:
            raise ValueError(f"expected one of {', '.join(repr(choice) for choice in self.choices)}")
        return value


def option(default: Any = _REQUIRED, help: str = "", **declared: Any) -> Any:
    """Declare one option of an `Options` class.

    Args:
        default: Value when nobody sets it; leave it out for an option that must be set.
        help: One line for the person who sets it, with the unit.
        **declared: Fields of `Option`: bounds (`ge`, `gt`, `le`, `lt`), `choices`, `secret`, `example`, `parse`, `aliases`
            (other names that the option has in older configuration files), `refers` (the value names a `lookup`, a
            `connection`, or an `input`: a source to send to, a `tee` to get copies from, or a `folder` to read from, which a
            definition may not choose freely; a definition is checked for it).
    """
    return _Declared(default, help, declared)


@dataclasses.dataclass(frozen=True)
class _Declared:
    default: Any
    help: str
    declared: dict[str, Any]


class Options:
    """Base of typed option declarations; an instance holds the values.

        class Options(ProcessorOptions):
            rate: float = option(1000.0, "events per second", gt=0)

    Subclass the Options of the parent component, so that its options stay.
    """

    __own__: ClassVar[dict[str, _Declared]] = {}
    __declared__: ClassVar[dict[str, _Declared]] = {}
    __fields__: ClassVar[dict[str, Option]] = {}

    refused: ClassVar[dict[str, str]] = {}
    """Names that other systems have and we have not -> what to do instead."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Collect the declarations of this class on top of its parents'."""
        super().__init_subclass__(**kwargs)
        own = {name: value for name, value in vars(cls).items() if isinstance(value, _Declared)}
        for name in own:
            delattr(cls, name)
        inherited: dict[str, _Declared] = {}
        for parent in reversed(cls.__mro__[1:]):
            inherited |= vars(parent).get("__own__", {})
        cls.__own__ = own
        cls.__declared__ = inherited | own

    @classmethod
    def declarations(cls) -> dict[str, Option]:
        """Return the options by name, parents' first."""
        if "__fields__" not in vars(cls):
            # When first asked for: the annotations may name types that are defined later in their module.
            hints = typing.get_type_hints(cls, include_extras=True)
            cls.__fields__ = {
                name: Option(name, hints.get(name, Any), declared.default, declared.help, **declared.declared)
                for name, declared in cls.__declared__.items()
            }
        return cls.__fields__

    @classmethod
    def parse(cls, values: Mapping[str, Any]) -> typing.Self:
        """Return an instance from raw values; keys that are not declared are passed over.

        Raises:
            ConfigError: One problem for each value that is missing or does not fit.
        """
        self, problems = cls._read(values)
        if problems:
            raise ConfigError(problems)
        return self

    @classmethod
    def _read(cls, values: Mapping[str, Any]) -> tuple[typing.Self, list[Problem]]:
        """Return an instance, and what is wrong: such an option has its default, the others what they were set to."""
        self, problems = cls(), []
        for name, field in cls.declarations().items():
            raw = values.get(name, field.default)
            if raw is _REQUIRED or (field.required and raw == ""):
                problems.append(Problem(f"option '{name}' must be set", (name,), hint=field.help))
                setattr(self, name, None)
                continue
            try:
                converted = raw if raw is field.default and not isinstance(raw, str) else field.convert(raw)
            except (ValueError, TypeError) as error:
                shown = "a secret value" if field.secret else repr(raw)
                problems.append(Problem(f"option '{name}' has {shown}: {error}", (name,), hint=field.help))
                converted = None if field.required else field.default
            setattr(self, name, converted)
        return self, problems

    def __repr__(self) -> str:
        """Show the values, secrets as stars."""
        shown = ("***" if field.secret else repr(getattr(self, name, None)) for name, field in self.declarations().items())
        return f"{type(self).__qualname__}({', '.join(map('='.join, zip(self.declarations(), shown, strict=True)))})"


_DURATIONS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_SIZES = {"": 1, "k": 1000, "m": 1000**2, "g": 1000**3, "t": 1000**4, "ki": 1024, "mi": 1024**2, "gi": 1024**3}
_TRUE, _FALSE = ("true", "yes", "on", "1", "y", "t"), ("false", "no", "off", "0", "n", "f", "")


def _convert(value: Any, wanted: Any) -> Any:
    origin = typing.get_origin(wanted)
    if wanted is Any:
        return value
    if origin is Literal:
        if value in typing.get_args(wanted):
            return value
        raise ValueError(f"expected one of {', '.join(repr(choice) for choice in typing.get_args(wanted))}")
    if origin in (typing.Union, types.UnionType):
        return _convert_union(value, typing.get_args(wanted))
    if origin is Annotated:
        base, unit = typing.get_args(wanted)[:2]
        return _convert(_with_unit(value, unit) if isinstance(value, str) else value, base)
    if origin in (list, tuple, set, frozenset):
        return _convert_collection(value, origin, typing.get_args(wanted))
    if wanted is dict or origin is dict:
        if not isinstance(value, Mapping):
            raise ValueError("expected keys with values")
        return dict(value)
    return _convert_scalar(value, wanted)


def _convert_union(value: Any, members: tuple[Any, ...]) -> Any:
    if type(None) in members and (value is None or value == ""):
        return None
    failures = []
    for member in sorted(members, key=lambda member: member is str):  # str takes anything: ask it last
        if member is type(None):
            continue
        try:
            return _convert(value, member)
        except (ValueError, TypeError) as error:
            failures.append(str(error))
    raise ValueError(" or ".join(failures))


def _convert_collection(value: Any, origin: type, members: tuple[Any, ...]) -> Any:
    if isinstance(value, str):
        value = [part for part in re.split(r"[,\s]+", value) if part]
    if not isinstance(value, Iterable) or isinstance(value, Mapping):
        raise ValueError("expected a list")
    member = members[0] if members else Any
    return origin(_convert(item, member) for item in value)


def _convert_scalar(value: Any, wanted: Any) -> Any:
    if wanted is bool:
        if isinstance(value, bool):
            return value
        text = str(value).strip().lower()
        if text in _TRUE or text in _FALSE:
            return text in _TRUE
        raise ValueError("expected yes or no")
    if wanted is str:
        if isinstance(value, str | int | float):
            return str(value)
        raise ValueError("expected text")
    if wanted in (int, float):
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise ValueError("expected a number")
        try:
            number = wanted(value)
        except ValueError:
            raise ValueError("expected a whole number" if wanted is int else "expected a number") from None
        if wanted is int and not isinstance(value, str) and number != value:
            raise ValueError("expected a whole number")
        return number
    if isinstance(wanted, type) and not isinstance(value, wanted):
        return wanted(value)
    return value


def _with_unit(value: str, unit: str) -> str | float:
    match = re.fullmatch(r"\s*([0-9.]+)\s*([a-zA-Z]*)\s*", value)
    if match is None:
        return value
    number, suffix = float(match[1]), match[2].lower()
    if unit == "seconds":
        factor = _DURATIONS.get(suffix or "s")
    else:
        factor = _SIZES.get(suffix.removesuffix("b"))
    if factor is None:
        known = _DURATIONS if unit == "seconds" else [f"{size}B" for size in _SIZES]
        raise ValueError(f"unknown unit '{match[2]}', known: {', '.join(known)}")
    return number * factor


def nearest(name: str, known: Collection[str]) -> str:
    """Return a hint that names what was probably meant, or lists what there is."""
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    if close:
        return f"did you mean '{close[0]}'?"
    return f"known: {', '.join(sorted(known))}" if known else ""


_PENDING: contextvars.ContextVar[list[Problem] | None] = contextvars.ContextVar("configuration problems", default=None)


class collect_problems:
    """Within this block components report configuration problems to one list instead of raising at the first.

    A component with a problem is built with the defaults of the options at fault, to find what else is wrong.
    """

    def __enter__(self) -> list[Problem]:
        """Begin to collect."""
        self._problems: list[Problem] = []
        self._token = _PENDING.set(self._problems)
        return self._problems

    def __exit__(self, *failure: object) -> None:
        """Stop collecting; what was found stays in the list."""
        _PENDING.reset(self._token)


class Configurable(asab.Configurable):
    """A component with options: `self.options` is typed, `self.Config` is the contract's dict.

    A subclass declares `class Options(ParentOptions)` or, in the contract's way, `ConfigDefaults = {...}`.
    """

    class Options(Options):
        """No options."""

    options: Any

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Derive `ConfigDefaults` from a declared `Options`, so that both ways of reading see one default."""
        super().__init_subclass__(**kwargs)
        if "Options" in vars(cls):
            if not issubclass(cls.Options, Options):
                parent = cls.__mro__[1].__name__
                raise ConfigError(f"{cls.__name__}.Options extends nothing", hint=f"write: class Options({parent}.Options)")
            inherited = {
                n for base in cls.__mro__[1:] if "Options" in vars(base) for n in vars(base)["Options"].__declared__
            }
            declared = {
                name: "" if one.default in (None, _REQUIRED) else one.default
                for name, one in cls.Options.__declared__.items()
                if name not in inherited or one.default != _inherited_default(cls, name)
            }
            cls.ConfigDefaults = {**declared, **vars(cls).get("ConfigDefaults", {})}

    def __init__(self, section: str, config: Mapping[str, Any] | None = None, *, where: str = "") -> None:
        """Merge defaults, the file section `section` and `config`.

        Args:
            section: Name of the section in the asab configuration file, `pipeline:P:FileLineSink`.
            config: Values given in code or in a definition.
            where: How a person calls this component, for messages.

        Raises:
            ConfigError: An unknown key in `config`, a value that does not fit, a required option that is not set.
        """
        asab.Configurable.__init__(self, section, dict(config) if config else None)
        self.config_section = section
        given = config or {}
        _take_aliases(self.Config, type(self).Options, given)
        known = known_keys(type(self))
        problems = list(_unknown(given, known, type(self).Options.refused, where))
        if asab.Config.has_section(section):
            for problem in _unknown(dict(asab.Config.items(section)), known, type(self).Options.refused, where):
                L.warning("[%s] %s", section, problem)
        # ConfigDefaults cannot hold None, so '' stands for it there; what somebody set counts as it is.
        values = {key: value for key, value in self.Config.items() if value != "" or key in given}
        self.options, wrong = type(self).Options._read(values)
        meant = {problem.hint for problem in problems}  # what is misspelt is not missing, too
        missing = {name for name in self.Config if f"did you mean '{name}'?" in meant and name not in given}
        problems += [dataclasses.replace(one, where=where) for one in wrong if not missing.intersection(one.path)]
        if not problems:
            return
        pending = _PENDING.get()
        if pending is None:
            raise ConfigError(problems)
        pending.extend(problems)


# Functions, not methods: the classes above are extended by people who choose names of their own.


def known_keys(component: type[Configurable]) -> set[str] | None:
    """Return the keys a class declares, None when it reads `Config` freely."""
    declaring = [
        cls
        for cls in component.__mro__
        if cls.__module__.partition(".")[0] != "asab" and ("Options" in vars(cls) or vars(cls).get("ConfigDefaults"))
    ]
    undeclared = not declaring or declaring[0].__module__.startswith("bspump_like.abc.")
    if undeclared and not component.__module__.startswith("bspump_like."):
        return None
    fields = component.Options.declarations()
    return set(fields).union(
        *(field.aliases for field in fields.values()), *(vars(cls).get("ConfigDefaults", {}) for cls in declaring)
    )


def _take_aliases(values: Any, options: type[Options], given: Mapping[str, Any]) -> None:
    """Give an option the value that stands under one of its other names, unless it is set under its own."""
    for name, field in options.declarations().items():
        for alias in field.aliases:
            if alias in values and name not in given:
                values[name] = values[alias]


def _unknown(given: Mapping[str, Any], known: set[str] | None, refused: Mapping[str, str], where: str) -> Iterator[Problem]:
    if known is None:
        return
    for key in given:
        if key not in known:
            hint = refused.get(key) or nearest(key, known)
            yield Problem(f"unknown option '{key}'", (key,), where=where, hint=hint)


def _inherited_default(cls: type, name: str) -> Any:
    for base in cls.__mro__[1:]:
        declared = vars(base)["Options"].__declared__ if "Options" in vars(base) else {}
        if name in declared:
            return declared[name].default
    return _REQUIRED

"""Known components: class name -> module, and which modules a definition may load at all.

A definition is data. It may name every part of this package, the parts that installed packages announce under the entry
point group `bspump_like.components`, and modules that the operator allows: `[pumpbuilder] allow`, `--allow`. Nothing else.
"""

from __future__ import annotations

import ast
import dataclasses
import difflib
import functools
import importlib
import importlib.util
import sys
import traceback
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from ..config import nearest
from ..errors import ConfigError, MissingDependency, Problem
from .abstract import check_usable, undefined
from .contract import CLASSES, MODULES

PACKAGE = __package__.partition(".")[0]
GROUP = f"{PACKAGE}.components"
"""The entry point group. Each name is a class: `MySink = "my_package.sinks:MySink"`; its top package is allowed then."""

_CONTRACT = "bspump"
_CLOSED = ("builder", "cli", "web")
"""Folders of this package that a definition has no business in."""

_NEEDS_TRUST = {"subprocess": "runs programs"}
"""Folders whose components do what a definition may not do by itself -> what that is."""

_NOT_SCANNED = ("abc", "builder", "cli", "expression", "web", "testing", "unittest")


@dataclasses.dataclass(frozen=True)
class Kind:
    """What stands in one place of a definition.

    Attributes:
        name: How a person calls it.
        base: Module (below this package) and class that it must derive from.
        refused: A class that derives from `base` but may not stand there.
    """

    name: str
    base: tuple[str, str]
    refused: tuple[str, str] | None = None

    def classes(self) -> tuple[type, tuple[type, ...]]:
        """Return the base class and the refused ones."""
        refused = (_load(*self.refused),) if self.refused else ()
        return _load(*self.base), refused


PIPELINE = Kind("pipeline", ("pipeline", "Pipeline"))
SOURCE = Kind("source", ("abc.source", "Source"))
PROCESSOR = Kind("processor", ("abc.processor", "ProcessorBase"))
SINK = Kind("sink", ("abc.sink", "Sink"))
CONNECTION = Kind("connection", ("abc.connection", "Connection"))
LOOKUP = Kind("lookup", ("abc.lookup", "Lookup"))
MATRIX = Kind("matrix", ("matrix", "Matrix"))
TRIGGER = Kind("trigger", ("trigger", "Trigger"))
_KINDS = (PIPELINE, SOURCE, SINK, PROCESSOR, CONNECTION, LOOKUP, MATRIX, TRIGGER)


def _load(module: str, name: str) -> type:
    loaded: type = getattr(import_component_module(f"{PACKAGE}.{module}", "class"), name)
    return loaded


@functools.cache
def own_components() -> Mapping[str, str]:
    """Return class name -> module of every public component of this package, read from the `__all__` of its folders.

    Nothing is imported: a component with a missing optional package is known all the same.
    """
    root = Path(__file__).resolve().parent.parent
    found: dict[str, str] = {}
    for init in sorted(root.glob("**/__init__.py")):
        parts = init.parent.relative_to(root).parts
        if not parts or parts[0] in _NOT_SCANNED:
            continue
        for name in _public_names(init):
            if name[:1].isupper():
                found[name] = ".".join((PACKAGE, *parts))
    return found


def _public_names(init: Path) -> list[str]:
    for statement in ast.parse(init.read_text(encoding="utf-8")).body:
        targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
        if any(isinstance(target, ast.Name) and target.id == "__all__" for target in targets):
            value = getattr(statement, "value", None)
            if isinstance(value, ast.List | ast.Tuple):
                return [
                    item.value for item in value.elts if isinstance(item, ast.Constant) and isinstance(item.value, str)
                ]
    return []


@functools.cache
def announced_components() -> Mapping[str, str]:
    """Return class name -> module of the components that installed packages announce by entry point."""
    import importlib.metadata

    return {point.name: point.module for point in importlib.metadata.entry_points(group=GROUP)}


class Registry:
    """Finds the classes that a definition names.

    Args:
        allow: Modules that may be loaded besides the known ones; a package allows what is in it.
        directories: Where allowed modules are also looked for: the directory of the definition.
    """

    def __init__(self, allow: Iterable[str] = (), directories: Iterable[Path] = ()) -> None:
        """Take the allow-list; import nothing."""
        self._allow = frozenset(allow)
        self._directories = tuple(directories)

    def find(self, name: str, module: str | None, kind: Kind) -> type:
        """Return the class that `class` and `module` of a component name.

        Args:
            name: The value of `class`.
            module: The value of `module`; None or empty: a known component.
            kind: What it must be.

        Raises:
            ConfigError: It is not known, not allowed, cannot be imported or is of another kind; one problem, whose path
                is `("class",)` or `("module",)`.
        """
        if not name.isidentifier():
            raise _problem(f"'{name}' is no name of a class", "class", "its module, if it needs one, goes into 'module'")
        found = getattr(self._import(module, name) if module else self._known(name), name, None)
        if found is None:
            raise self._no_such_class(name, module or "")
        self._check_trust(found)
        base, refused = kind.classes()
        if not isinstance(found, type) or not issubclass(found, base) or issubclass(found, refused):
            raise _problem(f"{name} is {_described(found)}, and a {kind.name} is expected here", "class")
        check_usable(found, _known_classes)
        return found

    def _known(self, name: str) -> ModuleType:
        for components in (own_components, announced_components):
            if name in components():
                self._check_folder(name, components()[name])
                return import_component_module(components()[name], "class")
        if name in CLASSES:
            raise _instead(name, "class", CLASSES[name])
        raise _problem(f"unknown class '{name}'", "class", _nearest_class(name))

    def _check_trust(self, found: Any) -> None:
        """Refuse a class that needs to be allowed, whatever module it was reached through."""
        if isinstance(found, type):
            self._check_folder(found.__name__, found.__module__)

    def _check_folder(self, name: str, module: str) -> None:
        package, _, rest = module.partition(".")
        folder = rest.partition(".")[0]
        if package != PACKAGE or folder not in _NEEDS_TRUST:
            return
        full = f"{PACKAGE}.{folder}"
        if not self._allowed(full) and not self._allowed(f"{_CONTRACT}.{folder}"):
            raise _problem(
                f"{name} {_NEEDS_TRUST[folder]}, which a definition may do only where it is trusted",
                "class", f"allow it with --allow {full}, or [pumpbuilder] allow={full} in the configuration file",
            )  # fmt: skip

    def _import(self, module: str, name: str) -> ModuleType:
        if not all(module.split(".")):
            raise _problem(f"'{module}' is no name of a module", "module")
        top, _, rest = module.partition(".")
        if top in (_CONTRACT, PACKAGE):
            return self._own(".".join(filter(None, (PACKAGE, rest))), module, name)
        if not self._allowed(module):
            raise _problem(
                f"the module '{module}' is not allowed: a definition loads only known components",
                "module", f"allow it with --allow {top}, or [pumpbuilder] allow={top} in the configuration file",
            )  # fmt: skip
        for directory in (*self._directories, Path.cwd()):
            # Appended, never put first: a file beside a definition must not stand in for an installed package.
            if str(directory) not in sys.path:
                sys.path.append(str(directory))
        return import_component_module(module, "module")

    def _own(self, module: str, given: str, name: str) -> ModuleType:
        """Import a module of this package; where files are cut differently than in the contract, the folder counts."""
        parts = module.split(".")[1:]
        if (parts and parts[0] in _CLOSED) or any(part.startswith("_") or not part.isidentifier() for part in parts):
            raise _problem(f"'{given}' is no module of components", "module", "leave 'module' out: 'class' alone is found")
        self._check_folder(name, module)
        while module != PACKAGE and importlib.util.find_spec(module.rpartition(".")[0]) is None:
            module = module.rpartition(".")[0]
        while module != PACKAGE and importlib.util.find_spec(module) is None:
            module = module.rpartition(".")[0]
        if module == PACKAGE and given.partition(".")[2]:
            if parts[0] in MODULES and name not in own_components():
                raise _instead(given, "module", CLASSES.get(name, MODULES[parts[0]]))
            hint = f"{name} is in '{own_components()[name]}'" if name in own_components() else _nearest_module(given)
            raise _problem(f"there is no module '{given}'", "module", hint)
        return import_component_module(module, "module")

    def _allowed(self, module: str) -> bool:
        allowed = self._allow | {announced.partition(".")[0] for announced in announced_components().values()}
        parts = module.split(".")
        return any(".".join(parts[:length]) in allowed for length in range(1, len(parts) + 1))

    def _no_such_class(self, name: str, module: str) -> ConfigError:
        if name in own_components():
            return _problem(
                f"the module '{module}' has no class '{name}'", "class", f"it is in '{own_components()[name]}'"
            )
        if name in CLASSES and module.partition(".")[0] in (_CONTRACT, PACKAGE):
            return _instead(name, "class", CLASSES[name])
        loaded = vars(self._import(module, name))
        there = [key for key, value in loaded.items() if isinstance(value, type) and key[:1].isupper()]
        there += [key for key in loaded.get("__all__", ()) if key[:1].isupper()]
        close = difflib.get_close_matches(name, there, n=1, cutoff=0.6)
        hint = (
            nearest(name, close)
            if close
            else _nearest_class(name, module)
            if len(there) > _LISTED
            else nearest(name, there)
        )
        return _problem(f"the module '{module}' has no class '{name}'", "class", hint)


def import_component_module(module: str, key: str = "module") -> ModuleType:
    """Return a module of components, imported.

    Args:
        module: Its name.
        key: The key of a definition that named it.

    Raises:
        ConfigError: It is not there, needs what is not installed, or fails; says why.
    """
    try:
        return importlib.import_module(module)
    except MissingDependency as error:
        raise _problem(error.problems[0].message, key, error.problems[0].hint) from error
    except ModuleNotFoundError as error:
        if error.name and (module == error.name or module.startswith(f"{error.name}.")):
            hint = "install it, or start where it can be found"
            raise _problem(f"there is no module '{module}'", key, hint) from error
        raise _problem(
            f"the module '{module}' needs '{error.name}', which is not installed", key, f"pip install {error.name}"
        ) from error
    except Exception as error:  # whatever a user's module raises at import is a fault of the definition
        raise _problem(f"the module '{module}' cannot be imported: {said_where(error)}", key) from error


def said_where(error: BaseException) -> str:
    """Return class and message of an error, and the place in code that raised it."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    if isinstance(error, SyntaxError):
        place = f" at {Path(error.filename or '').name}:{error.lineno}"
        return f"{type(error).__name__}: {error.msg}{place}"
    text = error.args[0] if isinstance(error, KeyError) and error.args else error
    return f"{type(error).__name__}: {text}{place}"


def _instead(name: str, key: str, instead: str) -> ConfigError:
    return _problem(f"{name} of BSPump is not here", key, instead)


def _problem(message: str, key: str, hint: str = "") -> ConfigError:
    return ConfigError([Problem(message, (key,), hint=hint)])


def _known_classes() -> Iterator[type]:
    """Iterate over the classes of this package that can be imported here."""
    for name, module in own_components().items():
        try:
            found = getattr(import_component_module(module), name, None)
        except (ConfigError, ImportError):
            continue  # an optional package is not installed
        if isinstance(found, type):
            yield found


def _described(found: Any) -> str:
    for kind in _KINDS:
        base = kind.classes()[0] if isinstance(found, type) and _is_loaded(kind) else None
        if base is not None and issubclass(found, base):
            return f"a {kind.name}"
    return "no component of a pump"


def _is_loaded(kind: Kind) -> bool:
    return f"{PACKAGE}.{kind.base[0]}" in sys.modules


_LISTED = 20
"""So many names are listed when none is near; more of them help nobody."""


def _nearest_class(name: str, module: str = "") -> str:
    known = {**announced_components(), **own_components()}
    same = [one for one in known if one.lower() == name.lower()]
    close = same or [one for one in difflib.get_close_matches(name, known, n=6, cutoff=0.8) if _is_usable(one, known[one])][:3]
    if not close:
        return "a class of your own needs 'module', too" if not module else ""
    return "did you mean " + " or ".join(f"'{one}'" for one in close) + "?"


def _is_usable(name: str, module: str) -> bool:
    """Tell whether a definition may name a class, or would be told only then what it needs."""
    try:
        found = getattr(import_component_module(module), name, None)
    except (ConfigError, ImportError):
        return True
    return not isinstance(found, type) or undefined(found) is None


def _nearest_module(given: str) -> str:
    modules = {module.replace(PACKAGE, _CONTRACT, 1) for module in own_components().values()}
    return nearest(given, modules)

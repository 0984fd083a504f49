"""Construct one part of a pump, and turn whatever goes wrong there into problems with a path."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import asab

from ..config import collect_problems, nearest
from ..errors import BSPumpError, ConfigError, Problem
from .positions import KeyPath
from .registry import said_where

_GIVEN = ("self", "cls", "app", "pipeline", "id", "config", "lazy")
"""Arguments of a constructor that do not come from `args`."""


def construct(
    build: Callable[[], Any], path: KeyPath, definition: Mapping[str, Any], section: str = ""
) -> tuple[Any, list[Problem]]:
    """Return what `build` returns, or None, and the problems met, with paths into the definition.

    Args:
        build: Calls the constructor.
        path: Where `definition` stands in the tree.
        definition: Of the part.
        section: Its section of the configuration file; an option that comes from there is said to.
    """
    built: Any = None
    broken = False
    with collect_problems() as options:
        try:
            built = build()
            raised: list[Problem] = []
        except ConfigError as error:
            raised = list(error.problems)
        except BSPumpError as error:
            raised = [Problem(str(error))]
        except Exception as error:  # a constructor is user code: what it raises is said, with its place, not traced
            raised = [Problem(f"cannot be constructed: {said_where(error)}", hint=_hint(error))]
        if options and raised:
            # An option that cannot be read has its default: what the constructor makes of that is no other mistake.
            broken, raised = True, [one for one in raised if one.path and one.path[0] in (definition.get("config") or {})]
    found = [_placed(problem, path, definition, section) for problem in (*options, *raised)]
    return (None if raised or broken else built), found


def _hint(error: Exception) -> str:
    refused = (f"unexpected keyword argument '{name}'" for name in ("id", "config"))
    if isinstance(error, TypeError) and any(text in str(error) for text in refused):
        return "its __init__ must take id=None and config=None, and pass them to super().__init__"
    return ""


def _placed(problem: Problem, path: KeyPath, definition: Mapping[str, Any], section: str) -> Problem:
    if not problem.path:
        return dataclasses.replace(problem, path=path)
    key = problem.path[0]
    if key in ("class", "module", "args", "config"):
        return dataclasses.replace(problem, path=(*path, *problem.path))
    if key not in (definition.get("config") or {}) and section and asab.Config.has_option(section, str(key)):
        hint = f"it is set in [{section}] of the configuration file" + (f"; {problem.hint}" if problem.hint else "")
        return dataclasses.replace(problem, path=path, hint=hint)
    return dataclasses.replace(problem, path=(*path, "config", *problem.path))


def _is_option(cls: Any, name: str) -> bool:
    declared = getattr(cls, "Options", None)
    return declared is None or name in declared.declarations() or name in getattr(cls, "ConfigDefaults", {})


def check_args(cls: type, definition: Mapping[str, Any], path: KeyPath) -> Iterator[Problem]:
    """Yield what is wrong with `args`, from the signature of the constructor: unknown ones, missing ones.

    A class with its own `construct` reads `args` itself, so nothing can be said.
    """
    constructor = getattr(cls, "construct", None)
    if constructor is not None and not constructor.__func__.__module__.startswith(
        f"{__package__.partition('.')[0]}.abc."
    ):
        return
    given = definition.get("args") or {}
    try:
        parameters = inspect.signature(cls).parameters.values()
    except (TypeError, ValueError):
        return
    takes = {
        p.name: p for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY) and p.name not in _GIVEN
    }
    meant = set()
    if not any(p.kind is p.VAR_KEYWORD for p in parameters):
        for name in given:
            if name not in takes:
                hint = nearest(name, takes) if takes else "it takes no args; options belong into 'config'"
                meant.add(hint)
                yield Problem(f"{cls.__name__} takes no argument '{name}'", (*path, "args", name), hint=hint)
    for name, parameter in takes.items():
        if name in (definition.get("config") or {}) and name not in given and not _is_option(cls, name):
            hint = f'"args": {{"{name}": ...}}'
            yield Problem(f"'{name}' is an argument of {cls.__name__}, and no option", (*path, "config", name), hint=hint)
        elif parameter.default is parameter.empty and name not in given and f"did you mean '{name}'?" not in meant:
            yield Problem(
                f"{cls.__name__} needs the argument '{name}'", (*path, "args"), hint=f'"args": {{"{name}": ...}}'
            )

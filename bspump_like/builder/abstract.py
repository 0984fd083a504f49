"""Classes that are only there to be extended: none of them can stand in a definition.

Such a class says so itself, and not for its subclasses, with `to_override`: the methods that these have to define.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Any

from ..abc import Lookup
from ..errors import ConfigError, Problem

_NAMED = 6
"""So many subclasses are named; more of them help nobody."""


def undefined(component: type) -> str | None:
    """Return what a class leaves to its subclasses, as `parse(text)`; '' when it is only a base; None when it can be used."""
    names = vars(component).get("to_override")  # its own: a subclass may do its work in another way
    return None if names is None else " and ".join(f"{name}{_arguments(getattr(component, name))}" for name in names)


def check_loads(lookup: Lookup) -> Iterator[Problem]:
    """Yield a problem if nothing would give a lookup its table."""
    if type(lookup).load is Lookup.load and lookup.is_master() and not lookup.Lazy:
        hint = "give it a 'source_url' or a 'master_url', or use FileLookup"
        yield Problem(f"{type(lookup).__name__} has nowhere to load its table from", ("class",), hint=hint)


def _arguments(method: Callable[..., Any]) -> str:
    return f"({', '.join(list(inspect.signature(method).parameters)[1:])})"


def check_usable(component: type, known: Callable[[], Iterator[Any]]) -> None:
    """Refuse a class that is only there to be extended.

    Args:
        component: A class that a definition names.
        known: Returns the classes that there are; called when one of them must be named.

    Raises:
        ConfigError: It is; names subclasses that can be used.
    """
    missing = undefined(component)
    if missing is None:
        return
    says = f", and defines no {missing}" if missing else ""
    own = f"a class of your own that defines {missing.partition('(')[0]}" if missing else "a class of your own"
    usable = sorted(
        one.__name__ for one in known() if issubclass(one, component) and one is not component and undefined(one) is None
    )
    named = [*usable[:_NAMED], *(["..."] if len(usable) > _NAMED else [])]
    hint = f"use {', '.join(named)} or {own}" if named else f"use {own}"
    raise ConfigError([Problem(f"{component.__name__} is there to be extended{says}", ("class",), hint=hint)])

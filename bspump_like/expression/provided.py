"""What the pump provides to expressions: its lookups, its clock."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from ..config import nearest
from ..errors import ConfigError, Problem, ProcessingError

if TYPE_CHECKING:
    from ..application import BSPumpApplication


def _nowhere(*arguments: Any) -> Any:
    raise ProcessingError("only a pump that runs has this")


ANYWHERE: Mapping[str, Any] = {"lookup": _nowhere, "now": _nowhere}
"""Stands for what a pump provides, where an expression is only checked."""


def provided_by(app: BSPumpApplication) -> dict[str, Any]:
    """Return the names that expressions of a pump have besides fields: give it to `compile` as `names`."""
    asked: dict[str, Callable[[Any], Any]] = {}

    def lookup(id: str, key: Any) -> Any:
        get = asked.get(id)
        if get is None:
            get = asked[id] = _lookup_of(app, id).get
        return None if key is None else get(key)

    return {"lookup": lookup, "now": app.time}


def _lookup_of(app: BSPumpApplication, id: str) -> Any:
    service = app.pump_service
    try:
        found: Any = service.locate_lookup(id)
    except KeyError:
        hint = nearest(str(id), list(service.Lookups)) or "the pump has no lookups"
        raise ConfigError([Problem(f"there is no lookup '{id}'", hint=hint)]) from None
    if inspect.iscoroutinefunction(found.get):
        raise ConfigError(f"lookup '{id}' answers asynchronously", hint="use AsyncLookupEnricher before")
    return found


def check_lookups(app: BSPumpApplication, ids: Iterable[str], where: str) -> None:
    """Refuse lookups that the pump does not have; to be called at the start.

    Raises:
        ConfigError: There is none of an id, or it answers asynchronously.
    """
    for id in ids:
        try:
            _lookup_of(app, id)
        except ConfigError as error:
            raise ConfigError([Problem(one.message, where=where, hint=one.hint) for one in error.problems]) from None


def lookups_of(trees: Iterable[ast.expr]) -> frozenset[str]:
    """Return the ids of the lookups that expressions ask, those that are written down."""
    return frozenset(
        node.args[0].value
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "lookup" and node.args
        and isinstance(node.args[0], ast.Constant) and isinstance(node.args[0].value, str)
    )  # fmt: skip

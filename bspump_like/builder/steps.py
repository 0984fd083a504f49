"""What a step of a pipeline looks like that has branches, and what it is called."""

from __future__ import annotations

from typing import Any

KINDS = ("when", "case", "fork")
"""Keys that make a step one with branches."""

WAY_KEYS = ("branch", "to")
"""Where events go: a pipeline written in place, or the address of another."""

STEP_KEYS = {
    "when": ("when", "id", "description", *WAY_KEYS),
    "case": ("case", "id", "description"),
    "fork": ("fork", "id", "description", "copy_event"),
}  # fmt: skip

BRANCH_KEYS = ("id", "description", "config", "processors", "sink")


def kinds_of(step: Any) -> tuple[str, ...]:
    """Return which of the keys a step has that no component has; none: it is a component."""
    if not isinstance(step, dict):
        return ()
    found = tuple(kind for kind in KINDS if kind in step)
    return (*found, "class") if found and "class" in step else found


class Names:
    """Gives the steps of one pipeline that have no id a name each: `when`, `when-2`, `case`, ...

    Args:
        steps: All steps; the ids that they have are not given again.
    """

    def __init__(self, steps: list[Any]) -> None:
        """Note the ids that are there."""
        self._taken = {step["id"] for step in steps if isinstance(step, dict) and isinstance(step.get("id"), str)}

    def of(self, step: dict[str, Any], kind: str) -> str:
        """Return the id of a step, or a new name after its kind."""
        if isinstance(step.get("id"), str) and step["id"]:
            return str(step["id"])
        name, number = kind, 1
        while name in self._taken:
            number += 1
            name = f"{kind}-{number}"
        self._taken.add(name)
        return name


def divide(scopes: list[Any], behind: set[str]) -> tuple[list[Any], list[Any]]:
    """Return the error scopes of the first part of a pipeline, and those of the part behind, which becomes one of its own.

    A scope that reaches over both becomes two; there an event is given back as it came into the second part.

    Args:
        scopes: As they are written; what is no scope is left to the first part.
        behind: Names of what stands in the second part.
    """
    first: list[Any] = []
    second: list[Any] = []
    for scope in scopes:
        if not isinstance(scope, dict):
            first.append(scope)
            continue
        begins_behind = str(scope.get("from")) in behind
        ends_behind = not scope.get("to") or str(scope["to"]) in behind
        if not begins_behind:
            first.append({key: value for key, value in scope.items() if key != "to" or not ends_behind})
        if begins_behind or ends_behind:
            second.append({key: value for key, value in scope.items() if key != "from" or begins_behind})
    return first, second

"""`--set PATH=VALUE`: change one value of a definition without touching the file.

A path is dotted; an item of a list is addressed by its id, by its class when only one has it, or by its index:
`pipelines.Flights.sink.config.path=out.csv`, `pipelines.0.processors.JSONToDictParser.config.x=1`. Ids may contain dots.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..config import nearest
from ..errors import ConfigError, Problem
from .document import Document
from .origins import Origin, Origins
from .positions import KeyPath

EARLY = ("variables", "templates")
"""Where an override is written before templates are written out; anywhere else it meets the pipelines made from them."""


class NoSuchPlaceError(ConfigError):
    """An override that addresses nothing in this definition; with several definitions, perhaps in another."""


def is_early(override: str) -> bool:
    """Tell whether an override changes what pipelines are made from."""
    return override.partition("=")[0].partition(".")[0] in EARLY


def apply_overrides(origins: Origins, overrides: Iterable[str]) -> None:
    """Write the overrides into the tree, and note that what they wrote comes from them.

    Raises:
        NoSuchPlaceError: It names a list item that does not exist.
        ConfigError: It is not of the form PATH=VALUE.
    """
    for override in overrides:
        dotted, equals, value = override.partition("=")
        if not equals or not dotted:
            raise ConfigError(
                [
                    Problem(
                        "expected PATH=VALUE", file=f"--set {override}", hint="--set pipelines.P.sink.config.path=out"
                    )
                ]
            )
        _write(origins, dotted, _value(value), f"--set {dotted}")


def _value(text: str) -> Any:
    import yaml

    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError:
        return text
    return value if isinstance(value, bool | int | float | list | dict) else text


def _write(origins: Origins, dotted: str, value: Any, shown: str) -> None:
    path: KeyPath = ()
    container: Any = origins.tree
    rest = dotted.split(".")
    while True:
        key, rest = _step(container, rest, path, shown)
        path = (*path, key)
        if not rest:
            container[key] = value
            origins.mark_member(container, key, Origin(Document(shown, {}), ()))
            return
        if isinstance(container, dict) and container.get(key) is None:
            container[key] = {}
        container = container[key]
        if not isinstance(container, dict | list):
            raise NoSuchPlaceError([Problem(f"'{key}' is a single value, it has no '{rest[0]}'", file=shown)])


def _step(container: Any, rest: list[str], path: KeyPath, shown: str) -> tuple[str | int, list[str]]:
    """Return the key or index that the next segments name, and the segments after them. The longest name wins."""
    for length in range(len(rest), 0, -1):
        name = ".".join(rest[:length])
        if isinstance(container, dict):
            if name in container:
                return name, rest[length:]
            continue
        found = [index for index, item in enumerate(container) if name in _names(item)]
        if len(found) == 1:
            return found[0], rest[length:]
        if len(found) > 1:
            raise ConfigError(
                [Problem(f"'{name}' is the name of {len(found)} items", file=shown, hint="use the index")]
            )
    if isinstance(container, dict):
        return rest[0], rest[1:]
    if rest[0].isdecimal() and int(rest[0]) < len(container):
        return int(rest[0]), rest[1:]
    known = {name for item in container for name in _names(item)}
    where = ".".join(map(str, path))
    raise NoSuchPlaceError([Problem(f"there is no '{rest[0]}' in {where}", file=shown, hint=nearest(rest[0], known))])


def _names(item: Any) -> set[str]:
    if not isinstance(item, dict):
        return set()
    name = item.get("id") or item.get("class")
    return {name} if isinstance(name, str) else set()

"""The shape of a definition: which keys an object may have and of which type. What the classes mean is not known here."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ..config import nearest
from ..errors import Problem
from .positions import KeyPath
from .steps import KINDS, WAY_KEYS

_TEXT, _OBJECT, _LIST, _FLAG, _ANY = "text", "an object", "a list", "true or false", "anything"
_TYPES: dict[str, tuple[type, ...]] = {
    _TEXT: (str,), _OBJECT: (Mapping,), _LIST: (list,), _FLAG: (bool,), _ANY: (object,),
}  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Shape:
    """What one kind of object may hold.

    Attributes:
        name: How a person calls it.
        keys: Key -> type.
        required: Keys that must be there and not be empty.
        instead: Keys that make something else of it, and may have been meant by a misspelled one.
    """

    name: str
    keys: Mapping[str, str]
    required: tuple[str, ...] = ()
    instead: tuple[str, ...] = ()


class Harmless(Problem):
    """A mistake that does not keep the part from being built, so that the rest of it can be checked, too."""


class Silent(Problem):
    """A part cannot be built for a mistake that is said elsewhere."""


class WrongKey(Problem):
    """A mistake in one key, for which the part that has it cannot be built."""


_COMMON = {"id": _TEXT, "module": _TEXT, "class": _TEXT, "args": _OBJECT, "config": _OBJECT, "description": _TEXT}

GROUPS = ("connections", "lookups", "matrices", "pipelines")
"""Keys of a definition that hold lists of parts."""

TOP = Shape("the definition", {
    **dict.fromkeys(GROUPS, _LIST), "include": _ANY, "variables": _OBJECT, "templates": _OBJECT,
    "description": _TEXT, "$schema": _TEXT, "version": _ANY,
})  # fmt: skip
PIPELINE = Shape("a pipeline", {
    **_COMMON, "source": _ANY, "sources": _ANY, "processors": _LIST, "sink": _ANY,
})  # fmt: skip
SOURCE = Shape("a source", {**_COMMON, "trigger": _OBJECT}, ("class",))
PROCESSOR = Shape("a processor", _COMMON, ("class",), KINDS)
SINK = Shape("a sink", _COMMON, ("class",))
TRIGGER = Shape(
    "a trigger", {key: _COMMON[key] for key in ("id", "module", "class", "args", "description")}, ("class",)
)
CONNECTION = Shape("a connection", _COMMON, ("class",))
LOOKUP = Shape("a lookup", {**_COMMON, "lazy": _FLAG}, ("class",))
MATRIX = Shape("a matrix", _COMMON, ("class",))

_ABSENT: tuple[Any, ...] = (None, "")


def check_top(tree: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield every mistake in the top level of one file."""
    if isinstance(tree.get("cases"), list) and "pipelines" not in tree:
        yield Problem("this is a file of cases, not a definition", ("cases",), hint="'pump test' runs it")
        return
    known = {key: value for key, value in tree.items() if not key.startswith("x-")}  # x-...: a place for YAML anchors
    yield from _object(known, TOP, ())


def check_contents(tree: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield a problem if there is nothing in a definition in which nothing else is wrong."""
    if not any(tree.get(group) for group in GROUPS):
        yield Problem("there is nothing in it", (), hint="it needs 'pipelines', a list")


def check(tree: Mapping[str, Any], place: Callable[[KeyPath], str]) -> Iterator[Problem]:
    """Yield every mistake in the shape of a definition below its top level, with its path.

    Args:
        tree: The whole definition: nothing is left to include, and templates and branches are written out.
        place: Takes a path, returns `FILE:LINE`.
    """
    for group, shape in (("connections", CONNECTION), ("lookups", LOOKUP), ("matrices", MATRIX)):
        yield from _group(tree, group, shape, place)
    yield from _group(tree, "pipelines", PIPELINE, place)
    for index, pipeline in enumerate(_items(tree, "pipelines")):
        if isinstance(pipeline, Mapping):
            yield from _pipeline(pipeline, ("pipelines", index))


def sources_of(pipeline: Mapping[str, Any]) -> list[tuple[KeyPath, Any]]:
    """Return the sources of a pipeline with their keys: `source` or `sources`, each one object or a list of them."""
    found: list[tuple[KeyPath, Any]] = []
    for key in ("source", "sources"):
        value = pipeline.get(key)
        if isinstance(value, list):
            found += [((key, index), item) for index, item in enumerate(value)]
        elif value is not None:
            found.append(((key,), value))
    return found


def processors_of(pipeline: Mapping[str, Any]) -> list[tuple[KeyPath, Any]]:
    """Return the processors of a pipeline and, last, its sink, with their keys."""
    found: list[tuple[KeyPath, Any]] = [
        (("processors", index), item) for index, item in enumerate(_items(pipeline, "processors"))
    ]
    if pipeline.get("sink") is not None:
        found.append((("sink",), pipeline["sink"]))
    return found


def _items(owner: Mapping[str, Any], key: str) -> list[Any]:
    value = owner.get(key)
    return value if isinstance(value, list) else []


def _group(
    tree: Mapping[str, Any], group: str, shape: Shape, place: Callable[[KeyPath], str]
) -> Iterator[Problem]:
    seen: dict[str, int] = {}
    for index, item in enumerate(_items(tree, group)):
        yield from _object(item, shape, (group, index))
        if not isinstance(item, Mapping):
            continue
        name = item.get("id") or item.get("class")
        if not isinstance(name, str):
            continue
        if name in seen:
            yield Harmless(
                f"{shape.name} with the id '{name}' is there already, at {place((group, seen[name]))}",
                (group, index, "id"),
                hint="give one of them another id",
            )
        seen.setdefault(name, index)


def _pipeline(pipeline: Mapping[str, Any], path: KeyPath) -> Iterator[Problem]:
    own_class = pipeline.get("class") not in _ABSENT
    if not own_class and pipeline.get("id") in _ABSENT:
        yield Problem("a pipeline needs 'id'", path)
    if pipeline.get("module") not in _ABSENT and not own_class:
        yield WrongKey("a pipeline with 'module' needs 'class', too", (*path, "module"))
    sources, processors = sources_of(pipeline), processors_of(pipeline)
    if "source" in pipeline and "sources" in pipeline:
        yield Harmless("has both 'source' and 'sources'", (*path, "source"), hint="put all of them into 'sources'")
    whole = own_class and not sources and not processors  # its class builds itself
    if not sources and not whole:
        yield Harmless("a pipeline needs a source", path, hint='"source": {"class": ...}, or "sources" with a list')
    if not processors and not whole:
        yield Harmless("a pipeline needs a sink", path, hint='"sink": {"class": ...}')
    for key, source in sources:
        yield from _object(source, SOURCE, (*path, *key))
        if isinstance(source, Mapping) and isinstance(source.get("trigger"), Mapping):
            yield from _object(source["trigger"], TRIGGER, (*path, *key, "trigger"))
    for key, processor in processors:
        yield from _object(processor, SINK if key == ("sink",) else PROCESSOR, (*path, *key))
    yield from _unique_parts([*sources, *processors], path)


def _unique_parts(parts: list[tuple[KeyPath, Any]], path: KeyPath) -> Iterator[Problem]:
    """Two parts of a pipeline with one id would share their position, their state and their settings."""
    seen: set[tuple[str, bool]] = set()
    for key, part in parts:
        name = part.get("id") if isinstance(part, Mapping) else None
        if isinstance(name, str) and name:
            if (name, key[0] in ("source", "sources")) in seen:
                yield Harmless(
                    f"the id '{name}' is there already in this pipeline",
                    (*path, *key, "id"),
                    hint="ids are unique in a pipeline",
                )
            seen.add((name, key[0] in ("source", "sources")))


def _object(value: Any, shape: Shape, path: KeyPath) -> Iterator[Problem]:
    if not isinstance(value, Mapping):
        name = f'"{value}"' if isinstance(value, str) and value.isidentifier() else "..."
        yield Problem(f"{shape.name} must be an object, here is {_kind(value)}", path, hint=f'{{"class": {name}}}')
        return
    for key, item in value.items():
        wanted = shape.keys.get(key)
        if wanted is None:
            unknown = WrongKey if key in ("connection", "config") else Harmless  # what belongs into args, and is needed there
            yield unknown(f"unknown key '{key}' in {shape.name}", (*path, key), hint=_remedy(key, shape))
        elif item is not None and not isinstance(item, _TYPES[wanted]):
            yield WrongKey(f"'{key}' must be {wanted}, here is {_kind(item)}", (*path, key))
    misspelled = [key for key in value if key not in shape.keys]
    for key in shape.required:
        if value.get(key) not in _ABSENT:
            continue
        if any(difflib.get_close_matches(one, (key, *shape.instead), n=1) for one in misspelled):
            yield Silent("", path)
        else:
            either = " or ".join(["'class'", *(f"'{one}'" for one in shape.instead)]) if shape.instead else f"'{key}'"
            yield Problem(f"{shape.name} needs {either}", path)


def _remedy(key: str, shape: Shape) -> str:
    if key in WAY_KEYS and shape.instead:
        return "it belongs to a step with 'when' or 'case'"
    if key == "config" and "args" in shape.keys:
        return "what it takes belongs into 'args'"
    if key == "connection" and "args" in shape.keys:
        return f'it belongs into "args": {{"{key}": ...}}'
    hint = nearest(key, (*shape.keys, *shape.instead))
    if hint.startswith("did you mean") or "config" not in shape.keys:
        return hint
    return f"an option belongs into 'config'; {hint}"


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return "nothing"
    if isinstance(value, str):
        return f"the text {value!r}" if len(value) <= 60 else "a text"
    if isinstance(value, int | float):
        return f"the number {value}"
    return "a list" if isinstance(value, list) else "an object"

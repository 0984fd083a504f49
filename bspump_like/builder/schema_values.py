"""The JSON Schema of single values: an option or an argument as it may stand in a definition.

Text is taken for numbers, durations and flags, as the configuration file spells them, and `${...}` for anything.
"""

from __future__ import annotations

import builtins
import inspect
import json
import sys
import types
import typing
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from ..config import Option
from .catalogue import Argument
from .registry import PACKAGE

Schema = dict[str, Any]

SHARED: dict[str, Schema] = {
    "reference": {"type": "string", "pattern": r"\$\{", "description": "${variable}, ${ENVIRONMENT:default}, ${file:PATH}"},
    "number-as-text": {"type": "string", "pattern": r"^\s*[-+]?[0-9_]*\.?[0-9_]+([eE][-+]?[0-9]+)?\s*$"},
    "duration": {"type": "string", "pattern": r"^\s*[0-9.]+\s*(ms|MS|[smhdwSMHDW])?\s*$", "examples": ["500ms", "5m"]},
    "size": {"type": "string", "pattern": r"^\s*[0-9.]+\s*[kKmMgGtT]?[iI]?[bB]?\s*$", "examples": ["64k", "10MB", "1GiB"]},
    "flag-as-text": {"enum": ["true", "yes", "on", "1", "y", "t", "false", "no", "off", "0", "n", "f", "", 0, 1]},
}
"""Forms of values that many options share."""

_REFERENCE = {"$ref": "#/$defs/reference"}


def of_option(one: Option) -> Schema:
    """Return the schema of an option: type, bounds, choices, default, help."""
    described: Schema = {"description": one.help + ("; must be set" if one.required else "")}
    if not one.required and not one.secret and one.default is not None and _is_plain(one.default):
        described["default"] = one.default
    if one.example is not None and _is_plain(one.example):
        described["examples"] = [one.example]
    if one.choices:
        return {**described, "anyOf": [{"enum": list(one.choices)}, _REFERENCE]}
    if one.parse is not None:
        return described
    bounds = {"minimum": one.ge, "exclusiveMinimum": one.gt, "maximum": one.le, "exclusiveMaximum": one.lt}
    return {**described, **_any_of(_forms(one.type, {key: value for key, value in bounds.items() if value is not None}))}


def of_argument(declared: Any, one: Argument) -> Schema:
    """Return the schema of an argument of a constructor."""
    described: Schema = {"description": one.help}
    if not one.required and one.default is not None and _is_plain(one.default):
        described["default"] = one.default
    return {**described, **_any_of(_forms(declared, {}))}


def of_default(default: Any) -> Schema:
    """Return the schema of an option that only a `ConfigDefaults` declares."""
    return {"default": default} if default is not None and _is_plain(default) else {}


def contract_default(component: type, name: str) -> Any:
    """Return the default that `ConfigDefaults` of a component or of its parents give an option."""
    for base in component.__mro__:
        defaults = vars(base).get("ConfigDefaults", {})
        if name in defaults:
            return defaults[name]
    return None


def argument_types(component: Any) -> dict[str, Any]:
    """Return argument -> annotation; `Any` for names that are only there for the type checker."""
    constructor = component.__init__
    try:
        return typing.get_type_hints(constructor, localns=_Lenient(sys.modules[component.__module__]), include_extras=True)
    except (TypeError, AttributeError, SyntaxError):
        return {}


class _Lenient(dict[str, Any]):
    def __init__(self, module: types.ModuleType) -> None:
        super().__init__()
        self._module = module

    def __missing__(self, name: str) -> Any:
        if hasattr(self._module, name) or hasattr(builtins, name):
            raise KeyError(name)
        return Any


def reads_arguments_itself(component: Any) -> bool:
    """Tell whether a component has a `construct` of its own, so that its signature says nothing about `args`."""
    construct = getattr(component, "construct", None)
    return construct is not None and not construct.__func__.__module__.startswith((f"{PACKAGE}.abc.", f"{PACKAGE}.trigger."))


def takes_any_argument(component: Any) -> bool:
    """Tell whether a constructor takes keywords that it does not name."""
    parameters = inspect.signature(component.__init__).parameters.values()
    return any(one.kind is one.VAR_KEYWORD for one in parameters)


def _forms(declared: Any, bounds: Mapping[str, Any]) -> list[Schema]:
    """Return the forms that a value of a type may have; none: any."""
    origin, members = typing.get_origin(declared), typing.get_args(declared)
    if origin in (typing.Union, types.UnionType):
        each = [_forms(member, bounds) for member in members]
        return [form for forms in each for form in forms] if all(each) else []
    if origin is Annotated:
        number: Schema = {"type": "number", **bounds}
        return [number, {"$ref": f"#/$defs/{'duration' if members[1] == 'seconds' else 'size'}"}]
    if origin is Literal:
        return [{"enum": list(members)}]
    if (origin or declared) in (list, tuple, set, frozenset):
        return [{"type": "array", **({"items": _any_of(_forms(members[0], {}))} if members else {})}, {"type": "string"}]
    if (origin or declared) is dict:
        return [{"type": "object"}]
    simple: Mapping[Any, list[Schema]] = {
        types.NoneType: [{"type": "null"}, {"const": ""}],
        bool: [{"type": "boolean"}, {"$ref": "#/$defs/flag-as-text"}],
        str: [{"type": ["string", "number"]}],
        int: [{"type": "integer", **bounds}, {"$ref": "#/$defs/number-as-text"}],
        float: [{"type": "number", **bounds}, {"$ref": "#/$defs/number-as-text"}],
    }
    # A subclass of str is text that is checked: an expression, a template.
    known = str if isinstance(declared, type) and issubclass(declared, str) else declared
    return simple.get(known, [])


def _any_of(forms: list[Schema]) -> Schema:
    if not forms:
        return {}
    return {"anyOf": [*forms, _REFERENCE]}


def _is_plain(value: Any) -> bool:
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError):
        return False
    return True

"""Templates: pipelines that are alike are written once.

    templates:
      Carrier:
        parameters: {carrier: null, delay: 15}        # null: must be given
        pipeline: {id: "Late-${carrier}", ...}
    pipelines:
    - template: Carrier
      with: [{carrier: UA}, {carrier: DL, delay: 30}]

A parameter is replaced as text in text, and as the value that it is where a text is nothing but `${parameter}`. Values are
put in as they are written: what `${...}` stands in them is looked up where the template is used, never inside it.
"""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Iterator, Mapping
from typing import Any

from ..config import nearest
from ..errors import Problem
from .limits import Budget
from .origins import Origin, Origins
from .positions import KeyPath
from .references import NAME, REFERENCE, as_text, whole

_TEMPLATE_KEYS = ("description", "parameters", "pipeline", "pipelines")
_PARAMETER_KEYS = ("default", "description")
_USE_KEYS = ("template", "with", "id", "description")


@dataclasses.dataclass(frozen=True)
class _Template:
    """A template that is sound.

    Attributes:
        name: Its name.
        parameters: Name -> default; `_REQUIRED` when it must be given.
        helps: Name -> what it is.
        bodies: The pipelines, with their paths in the definition.
    """

    name: str
    parameters: Mapping[str, Any]
    helps: Mapping[str, str]
    bodies: list[tuple[KeyPath, Mapping[str, Any]]]


_REQUIRED = object()


class Templates:
    """Writes out the templates of a tree.

    Args:
        origins: Of the tree.
        budget: What may still be made.

    Attributes:
        problems: What is wrong, with file and line.
        incomplete: True when a pipeline could not be made, so that references to it say nothing.
    """

    def __init__(self, origins: Origins, budget: Budget) -> None:
        """Check the templates; write out nothing yet."""
        self.problems: list[Problem] = []
        self.incomplete = False
        self._origins = origins
        self._budget = budget
        written = origins.tree.get("templates") or {}
        self._names = list(written)
        self._templates = {name: found for name, value in written.items() if (found := self._checked(name, value))}

    def parameters(self) -> set[str]:
        """Return the names of the parameters of all templates."""
        return {name for template in self._templates.values() for name in template.parameters}

    def write_out(self) -> None:
        """Replace each use of a template among the pipelines by the pipelines it stands for."""
        tree = self._origins.tree
        written = tree.get("pipelines")
        if not isinstance(written, list) or not any(isinstance(one, dict) and "template" in one for one in written):
            return
        made: list[Any] = []
        for index, item in enumerate(written):
            origin = self._origins.at(("pipelines", index))
            if isinstance(item, dict) and "template" in item:
                made += self._instances(item, origin)
            else:
                made.append(item)
                if not isinstance(item, dict | list):
                    self._origins.mark_member(made, len(made) - 1, origin)
                else:
                    self._origins.mark(item, origin)
        tree["pipelines"] = made

    # The templates themselves

    def _checked(self, name: str, written: Any) -> _Template | None:
        path: KeyPath = ("templates", name)
        before = len(self.problems)
        if not isinstance(written, dict):
            self._say("a template must be an object", path, '{"parameters": ..., "pipeline": ...}')
            return None
        self._check_keys(written, _TEMPLATE_KEYS, f"the template '{name}'", self._origins.at(path))
        parameters = {} if written.get("parameters") is None else written["parameters"]
        if not isinstance(parameters, dict):
            self._say("'parameters' must be an object", (*path, "parameters"), "name: default")
            parameters = {}
        for parameter, declared in parameters.items():
            if not NAME.fullmatch(parameter):
                self._say(f"'{parameter}' is no name of a parameter", (*path, "parameters", parameter), "letters, digits and _")
            if isinstance(declared, dict):
                place = self._origins.at((*path, "parameters", parameter))
                self._check_keys(declared, _PARAMETER_KEYS, f"the parameter '{parameter}'", place)
        bodies = list(self._bodies(name, written))
        if len(self.problems) > before:
            return None
        defaults = {
            key: value.get("default", _REQUIRED) if isinstance(value, dict) else _REQUIRED if value is None else value
            for key, value in parameters.items()
        }
        helps = {key: str(value.get("description", "")) for key, value in parameters.items() if isinstance(value, dict)}
        return _Template(name, defaults, helps, bodies)

    def _bodies(self, name: str, written: Mapping[str, Any]) -> Iterator[tuple[KeyPath, Mapping[str, Any]]]:
        path: KeyPath = ("templates", name)
        given = [key for key in ("pipeline", "pipelines") if written.get(key) is not None]
        if not given and any(key not in _TEMPLATE_KEYS for key in written):
            return  # misspelled, which is said
        if len(given) != 1:
            either = "'pipeline', or 'pipelines' with a list" + (", not both" if given else "")
            self._say(f"the template '{name}' needs {either}", path)
            return
        body = written[given[0]]
        if isinstance(body, list) != (given[0] == "pipelines"):
            self._say(f"'{given[0]}' must be {'a list' if given[0] == 'pipelines' else 'an object'}", (*path, given[0]))
            return
        places: list[tuple[KeyPath, Any]] = [((given[0],), body)]
        if isinstance(body, list):
            places = [((given[0], index), item) for index, item in enumerate(body)]
        for key, one in places:
            if not isinstance(one, dict):
                self._say("a pipeline must be an object", (*path, *key))
            elif "template" in one:
                self._say("a template cannot use another", (*path, *key, "template"), "write its pipelines out")
            else:
                yield (*path, *key), one

    # Their uses

    def _instances(self, use: dict[str, Any], origin: Origin) -> Iterator[dict[str, Any]]:
        self._check_keys(use, _USE_KEYS, "the use of a template", origin)
        if "with" not in use and any(key not in _USE_KEYS for key in use):
            self.incomplete = True
            return  # misspelled, which is said
        name = use["template"]
        template = self._templates.get(name) if isinstance(name, str) else None
        if template is None:
            self.incomplete = True
            if name not in self._names:  # else why is said there
                hint = nearest(str(name), self._names) or "define it under 'templates'"
                self._say_at(f"there is no template '{name}'", origin.below("template"), hint)
            return
        given = use.get("with")
        several = isinstance(given, list)
        for index, values in enumerate(given if isinstance(given, list) else [given or {}]):
            place = origin.below("with", index) if several else origin.below("with")
            if not isinstance(values, dict):
                self.incomplete = True
                self._say_at("'with' must be an object, or a list of them", place, "parameter: value")
                continue
            scope = self._scope(template, values, place)
            if scope is None:
                self.incomplete = True
                continue
            for path, body in template.bodies:
                yield self._instance(path, body, scope, use, origin, place if several else origin)

    def _scope(self, template: _Template, values: dict[str, Any], place: Origin) -> _Scope | None:
        sound = True
        misspelled = set()
        for name in values:
            if name not in template.parameters:
                sound = False
                misspelled |= set(difflib.get_close_matches(name, template.parameters, n=1))
                message = f"the template '{template.name}' has no parameter '{name}'"
                hint = nearest(name, template.parameters) or "it has none"
                self._say_at(message, place.below(name), hint)
        for name, default in template.parameters.items():
            if default is _REQUIRED and name not in values:
                sound = False
                if name in misspelled:
                    continue  # which is said
                message = f"the template '{template.name}' needs the parameter '{name}'"
                self._say_at(message, place, template.helps.get(name, "") or f'"with": {{"{name}": ...}}')
        return _Scope(template, values, place, self._budget) if sound else None

    def _instance(
        self, path: KeyPath, body: Mapping[str, Any], scope: _Scope, use: Mapping[str, Any], origin: Origin, place: Origin
    ) -> dict[str, Any]:
        written = dict(body)
        for key in ("id", "description"):
            if use.get(key) is not None:
                written[key] = use[key]
        made = _Instance(scope, self._origins, place)
        pipeline: dict[str, Any] = made.copy(written, self._origins.at(path))
        self._origins.mark(pipeline, self._origins.at(path).within(place))
        for key in ("id", "description"):
            if use.get(key) is not None:
                self._origins.mark_member(pipeline, key, origin.below(key))
        self.problems += made.problems
        return pipeline

    def _check_keys(self, written: Mapping[str, Any], known: tuple[str, ...], what: str, origin: Origin) -> None:
        for key in written:
            if key not in known:
                self._say_at(f"unknown key '{key}' in {what}", origin.below(key), nearest(key, known))

    def _say(self, message: str, path: KeyPath, hint: str = "") -> None:
        self._say_at(message, self._origins.at(path), hint)

    def _say_at(self, message: str, origin: Origin, hint: str = "") -> None:
        self.problems.append(origin.locate(Problem(message, hint=hint)))


class _Scope:
    """The parameters of one use, with their values."""

    def __init__(self, template: _Template, given: Mapping[str, Any], place: Origin, budget: Budget) -> None:
        self.budget = budget
        self._given = given
        self._place = place
        self._template = template

    def __contains__(self, name: str) -> bool:
        return name in self._template.parameters

    def value(self, name: str, asking: tuple[str, ...] = ()) -> tuple[Any, tuple[Origin, ...]]:
        """Return a value, and where it was given; a default may name other parameters.

        Raises:
            _CircleError: A default comes back to itself.
        """
        if name in self._given:
            return self._given[name], (self._place.below(name),)
        default = self._template.parameters[name]
        if name in asking:
            raise _CircleError(" -> ".join([*asking[asking.index(name) :], name]))
        if not isinstance(default, str):
            return default, ()
        match = whole(default)
        if match is not None and match["name"] in self:
            return self.value(match["name"], (*asking, name))
        return self.text(default, (*asking, name)), ()

    def text(self, text: str, asking: tuple[str, ...] = ()) -> str:
        """Return a text with the parameters in it replaced.

        Raises:
            TypeError: One of them is a list or an object.
        """
        replaced = REFERENCE.sub(
            lambda match: as_text(self.value(match["name"], asking)[0])
            if match["name"] in self and not match[0].startswith("$$") else match[0], text,
        )  # fmt: skip
        self.budget.take(characters=len(replaced))
        return replaced


class _CircleError(Exception):
    pass


class _Instance:
    """One copy of the pipeline of a template."""

    def __init__(self, scope: _Scope, origins: Origins, place: Origin) -> None:
        self.problems: list[Problem] = []
        self._scope = scope
        self._origins = origins
        self._place = place

    def copy(self, tree: Any, origin: Origin) -> Any:
        """Return a copy with the parameters replaced; mark the values that came from the use."""
        self._scope.budget.take(nodes=1)
        if isinstance(tree, dict):
            made: Any = {}
            for key, value in tree.items():
                made[key] = self._member(made, key, value, origin.below(key))
            return made
        if isinstance(tree, list):
            made = []
            for index, value in enumerate(tree):
                made.append(None)
                made[index] = self._member(made, index, value, origin.below(index))
            return made
        return tree

    def _member(self, owner: Any, key: Any, value: Any, origin: Origin) -> Any:
        if not isinstance(value, str) or "${" not in value:
            return self.copy(value, origin)
        try:
            match = whole(value)
            if match is None or match["name"] not in self._scope:
                return self._scope.text(value)
            given, used = self._scope.value(match["name"])
        except TypeError as error:
            message = f"a parameter in {value!r} is {error}, which cannot stand inside a text"
            self.problems.append(origin.within(self._place).locate(Problem(message)))
            return value
        except _CircleError as error:
            message = f"the defaults of parameters go in a circle: {error}"
            self.problems.append(origin.within(self._place).locate(Problem(message)))
            return value
        copied = self._plain(given)
        owner[key] = copied
        self._origins.mark_member(owner, key, origin.within(*used, *(() if used else (self._place,))))
        return copied

    def _plain(self, value: Any) -> Any:
        self._scope.budget.take(nodes=1)
        if isinstance(value, dict):
            return {key: self._plain(item) for key, item in value.items()}
        return [self._plain(item) for item in value] if isinstance(value, list) else value

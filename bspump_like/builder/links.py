"""What the parts of a pump name of one another: connections, lookups, pipelines to send to. Is all of it there?"""

from __future__ import annotations

import dataclasses
import inspect
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from ..abc import Lookup
from ..config import nearest
from ..errors import ConfigError, Problem
from ..expression import Expression, Template, check_lookups
from ..policy import ErrorPolicy
from .circles import Way
from .positions import KeyPath
from .registry import PACKAGE
from .report import BrokenError, Report

if TYPE_CHECKING:
    from ..pipeline import Pipeline
    from ..service import PumpService as BSPumpService

_REFERENCES = {
    "connection": "connections", "connection_id": "connections", "lookup": "lookups", "lookup_id": "lookups",
}  # fmt: skip
"""Arguments that name something -> where it is defined."""

_LOCATE: dict[str, tuple[str, Callable[[BSPumpService, Any], Any]]] = {
    "connection": ("connections", lambda svc, name: svc.locate_connection(name)),
    "lookup": ("lookups", lambda svc, name: svc.locate_lookup(name)),
    "matrix": ("matrices", lambda svc, name: svc.locate_matrix(name)),
}
"""What an option may refer to -> where it is defined, and how it is found."""


@dataclasses.dataclass
class Known:
    """What is known of all definitions that are built together.

    Attributes:
        incomplete: One of them could not be read whole: what seems to be missing may stand in the rest.
        declared: Ids of the pipelines that are defined, whether they can be built or not.
        broken: Group -> ids of the parts that are defined but cannot be built.
    """

    incomplete: bool = False
    declared: set[str] = dataclasses.field(default_factory=set)
    broken: dict[str, set[str]] = dataclasses.field(
        default_factory=lambda: {"connections": set(), "lookups": set(), "matrices": set()}
    )


class Links:
    """The names that one definition uses.

    Args:
        report: Takes what is not there.
        incomplete: The definition could not be read whole.

    Attributes:
        known: What may be named.
    """

    def __init__(self, report: Report, *, incomplete: bool) -> None:
        """Know no part yet."""
        self.known = Known(incomplete)
        self._report = report
        self._routes: list[tuple[KeyPath, str]] = []
        self._parts: list[tuple[Any, KeyPath]] = []
        self._matrices: list[tuple[KeyPath, str]] = []
        self._places: dict[Any, KeyPath] = {}

    def join(self, known: Known) -> None:
        """Share what is known with another definition, before anything is built: either may use what the other defines."""
        known.incomplete |= self.known.incomplete
        known.declared |= self.known.declared
        self.known = known

    def check_args(self, svc: BSPumpService, cls: type, definition: Mapping[str, Any], path: KeyPath) -> None:
        """Check the connections and lookups that `args` name.

        Raises:
            BrokenError: One of them is not there, or cannot be built.
        """
        for name, value in (definition.get("args") or {}).items():
            if name == "matrix_id" and issubclass(cls, Lookup) and isinstance(value, str):
                self._matrices.append(((*path, "args", name), value))  # matrices are built behind lookups
            group = _REFERENCES.get(name)
            if group is not None and (value is None or isinstance(value, bool | int | float | list | dict)):
                what = group.removesuffix("s")
                self._report.give_up([Problem(f"'{name}' must be text, the id of a {what}", (*path, "args", name))])
            if group is None or not isinstance(value, str) or (group == "lookups" and svc.LookupFactories):
                continue
            known: Mapping[str, Any] = svc.Connections if group == "connections" else svc.Lookups
            if value in known:
                self._report.give_up(_check_kind(cls, name, known, value, (*path, "args", name)))
                continue
            if value in self.known.broken[group] or self.known.incomplete:
                raise BrokenError  # the reason is reported there
            what = group.removesuffix("s")
            hint = nearest(value, known) or f"there is none; define it under '{group}'"
            self._report.give_up([Problem(f"there is no {what} '{value}'", (*path, "args", name), hint=hint)])

    def add_part(self, part: Any, path: KeyPath) -> None:
        """Remember a part whose options may name others."""
        self._parts.append((part, path))
        self._places[part] = path

    def add_pipeline(self, pipeline: Pipeline, path: KeyPath) -> None:
        """Remember where a pipeline stands."""
        self._places[pipeline] = path

    def check_policy(self, on_error: Any, path: KeyPath) -> None:
        """Check `on_error` of a pipeline or a part; where it routes to is looked up when everything is there.

        Raises:
            BrokenError: It is no policy.
        """
        if not on_error:
            return
        path = (*path, "config", "on_error")
        try:
            policy = ErrorPolicy.parse(on_error)
        except ConfigError as error:
            self._report.give_up([Problem(problem.message, path, hint=problem.hint) for problem in error.problems])
            return
        if policy.action == "route":
            deeper = ("route",) if isinstance(on_error, Mapping) and "route" in on_error else ()
            self._routes.append(((*path, *deeper), policy.route))

    def check(self, svc: BSPumpService) -> None:
        """Check all names that could not be looked up before all definitions were built."""
        for path, id in self._matrices:
            self._report.add(self._check_named(svc, "matrix", id, path))
        for path, address in self._routes:
            self._report.add(self._check_input(svc, address, path))
        for part, path in self._parts:
            self._report.add(self._check_options(svc, part, path))
            self._report.add(self._check_expressions(part, path))

    def check_circles(self, found: Iterable[tuple[Problem, Way]]) -> None:
        """Say of the circles of all definitions those that begin in this one."""
        for problem, way in found:
            if way.part in self._places:
                path = (*self._places[way.part], *problem.path)
                self._report.add([dataclasses.replace(problem, path=path)])

    def _check_options(self, svc: BSPumpService, part: Any, path: KeyPath) -> Iterator[Problem]:
        for name, field in type(part).Options.declarations().items():
            value = getattr(part.options, name, None)
            if field.refers == "tee" and value:
                yield from self._check_tee(svc, value, (*path, "config", name))
            elif (field.refers == "input" or field.refers in _LOCATE) and value:
                for named, place in _named(value, (*path, "config", name)):
                    yield from self._check_named(svc, field.refers, named, place)

    def _check_expressions(self, part: Any, path: KeyPath) -> Iterator[Problem]:
        """Yield the lookups that expressions of a part ask and that are not there, or not in time."""
        asked = [(id, (name,)) for name, value in vars(part.options).items()
                 if isinstance(value, Expression | Template) for id in value.lookups]  # fmt: skip
        for id, keys in [*asked, *(part.asked_lookups() if hasattr(part, "asked_lookups") else ())]:
            if self.known.incomplete or id in self.known.broken["lookups"]:
                continue
            try:
                check_lookups(part.App, [id], "")
            except ConfigError as error:
                place = (*path, "config", *keys)
                yield from (dataclasses.replace(problem, path=place) for problem in error.problems)

    def _check_named(self, svc: BSPumpService, kind: str, named: Any, path: KeyPath) -> Iterable[Problem]:
        if kind == "input":
            return self._check_input(svc, named, path)
        group, locate = _LOCATE[kind]
        if self.known.incomplete or named in self.known.broken[group]:
            return ()
        try:
            locate(svc, named)
        except KeyError as error:
            return [Problem(str(error.args[0]), path)]
        return ()

    def _check_tee(self, svc: BSPumpService, address: str, path: KeyPath) -> Iterator[Problem]:
        there = address.partition(".")[0]
        unbuilt = there in self.known.declared and there not in svc.Pipelines
        if self.known.incomplete or unbuilt or hasattr(svc.locate(address), "bind"):
            return
        parts = (part for pipeline in svc.Pipelines.values() for part in pipeline.iter_processors())
        tees = [part.locate_address() for part in parts if hasattr(part, "bind")]
        hint = nearest(address, tees) or "there is none; put a TeeProcessor into the pipeline whose events are to be copied"
        yield Problem(f"there is no TeeProcessor at '{address}'", path, hint=hint)

    def _check_input(self, svc: BSPumpService, address: str, path: KeyPath) -> Iterable[Problem]:
        try:
            svc.locate_input(address)
        except ConfigError as error:
            there = address.partition(".")[0]
            if self.known.incomplete or (there in self.known.declared and there not in svc.Pipelines):
                return ()  # it is defined and could not be built, which is said
            if error.problems[0].hint.startswith("did you mean"):
                hint = error.problems[0].hint
            elif there in svc.Pipelines:
                hint = f"the pipeline '{there}' gets no events from others; give it an InternalSource"
            else:
                hint = error.problems[0].hint or "a pipeline to send to begins with an InternalSource"
            return [Problem(error.problems[0].message, path, hint=hint)]
        return ()


def _check_kind(cls: type, name: str, known: Mapping[str, Any], value: str, path: KeyPath) -> Iterator[Problem]:
    """Yield a problem if a connection is of another class than the constructor of a part of this package says."""
    parameter = inspect.signature(cls).parameters.get(name) if cls.__module__.startswith(f"{PACKAGE}.") else None
    # The text of the annotation is enough, and naming the class would import it.
    wanted = set(re.findall(r"\w+Connection\b", str(parameter.annotation))) if parameter is not None else set()
    if wanted and not wanted.intersection(_class_names(known[value])):
        fitting = [id for id, one in known.items() if wanted.intersection(_class_names(one))]
        hint = nearest(value, fitting) or f"define one under 'connections': {{class: {min(wanted)}}}"
        is_one = type(known[value]).__name__
        said = f"the connection '{value}' is of the class {is_one}, and {cls.__name__} needs one of {min(wanted)}"
        yield Problem(said, path, hint=hint)


def _class_names(thing: Any) -> Iterator[str]:
    return (one.__name__ for one in type(thing).__mro__)


def _named(value: Any, path: KeyPath) -> Iterator[tuple[Any, KeyPath]]:
    """Iterate over the names in the value of an option: one, a list of them, or a list of objects with a target."""
    if not isinstance(value, list | tuple):
        yield value, path
        return
    for index, one in enumerate(value):
        if isinstance(one, Mapping):
            yield one.get("target"), (*path, index, "target")
        else:
            yield one, (*path, index)

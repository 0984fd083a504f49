"""`PumpBuilder`: assemble connections, lookups, matrices and pipelines from a definition."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import asab

from ..config import nearest
from ..errors import ConfigError, Problem
from ..policy import ErrorPolicy
from . import registry as kinds
from . import shape, workers
from .loader import Definition, load
from .parts import check_args, construct
from .positions import KeyPath
from .registry import Kind, Registry

if TYPE_CHECKING:
    from ..abc import Connection, Lookup, ProcessorBase, Source
    from ..application import BSPumpApplication
    from ..pipeline import Pipeline
    from ..service import PumpService as BSPumpService
    from ..trigger import Trigger

_REFERENCES = {
    "connection": "connections", "connection_id": "connections", "lookup": "lookups", "lookup_id": "lookups",
}  # fmt: skip


_T = TypeVar("_T")


class _BrokenError(Exception):
    """A part cannot be built; why is reported already."""


class PumpBuilder:
    """Builds the pump that a definition describes.

        builder = PumpBuilder("pump.json")
        builder.construct_pump(app, app.pump_service)

    The methods `construct_...` take the definition of one part and return the part; they raise ConfigError at once. Only
    `construct_pump` collects the mistakes of the whole definition before it raises.

    Args:
        definition: Path of a JSON or YAML file, a dict, or what `load` returned.
        allow: Modules that the definition may load besides known components and `[pumpbuilder] allow`.
        overrides: `PATH=VALUE` texts that change the definition; see `overrides.py`.
        worker: Index of this process from 0 and number of processes, when several share the work.

    Raises:
        ConfigError: The definition cannot be read.
    """

    def __init__(
        self,
        definition: str | os.PathLike[str] | Mapping[str, Any] | Definition,
        *,
        allow: Iterable[str] = (),
        overrides: Iterable[str] = (),
        worker: tuple[int, int] = (0, 1),
    ) -> None:
        """Read the definition; build nothing yet."""
        self.Definition = definition if isinstance(definition, Definition) else load(definition, overrides)
        self._allow = tuple(allow)
        self._worker = worker
        self._paths: dict[int, KeyPath] = {}
        self._index(self.Definition.tree, ())
        self._problems: list[Problem] | None = None
        self._built: list[tuple[Any, Mapping[str, Any]]] = []
        self._unprepared: list[tuple[Pipeline, Mapping[str, Any]]] = []
        self._routes: list[tuple[KeyPath, str]] = []
        self._broken: dict[str, set[str]] = {"connections": set(), "lookups": set()}

    @property
    def secrets(self) -> frozenset[str]:
        """Values of the definition that must not be shown."""
        return self.Definition.secrets

    def _index(self, tree: Any, path: KeyPath) -> None:
        # Each dict of the tree stands in one place only (the loader copies), so its identity gives the place.
        if isinstance(tree, dict):
            self._paths[id(tree)] = path
            for key, value in tree.items():
                self._index(value, (*path, key))
        elif isinstance(tree, list):
            for index, value in enumerate(tree):
                self._index(value, (*path, index))

    def construct_pump(self, app: BSPumpApplication, svc: BSPumpService) -> None:
        """Add everything in the definition to the service.

        Raises:
            ConfigError: With every mistake found, each with file and line; the service may then hold some of the parts.
        """
        construct_pumps([self], app, svc)

    def construct_connections(self, app: BSPumpApplication, svc: BSPumpService) -> None:
        """Construct all connections and add them to the service."""
        self._each("connections", lambda item: self.construct_connection(app, svc, item))

    def construct_connection(
        self, app: BSPumpApplication, svc: BSPumpService, connection: Mapping[str, Any]
    ) -> Connection:
        """Construct one connection and add it to the service."""
        built: Connection = self._shared(app, connection, kinds.CONNECTION, "connections")
        self._add(svc.add_connection, built, connection)
        return built

    def construct_lookups(self, app: BSPumpApplication, svc: BSPumpService) -> None:
        """Construct all lookups and add them to the service."""
        self._each("lookups", lambda item: self.construct_lookup(app, svc, item))

    def construct_lookup(self, app: BSPumpApplication, svc: BSPumpService, lookup: Mapping[str, Any]) -> Lookup:
        """Construct one lookup and add it to the service."""
        self._check_references(svc, lookup)
        built: Lookup = self._shared(app, lookup, kinds.LOOKUP, "lookups")
        self._add(svc.add_lookup, built, lookup)
        return built

    def construct_matrices(self, app: BSPumpApplication, svc: BSPumpService) -> None:
        """Construct all matrices and add them to the service."""
        self._each("matrices", lambda item: self.construct_matrix(app, svc, item))

    def construct_matrix(self, app: BSPumpApplication, svc: BSPumpService, matrix: Mapping[str, Any]) -> Any:
        """Construct one matrix and add it to the service."""
        built = self._shared(app, matrix, kinds.MATRIX, "matrices")
        self._add(svc.add_matrix, built, matrix)
        return built

    def construct_pipelines(self, app: BSPumpApplication, svc: BSPumpService) -> None:
        """Construct all pipelines and add them to the service."""
        self._each("pipelines", lambda item: self.construct_pipeline(app, svc, item))

    def construct_pipeline(
        self, app: BSPumpApplication, svc: BSPumpService, pipeline_definition: Mapping[str, Any]
    ) -> Pipeline:
        """Construct one pipeline with all its parts and add it to the service."""
        definition = pipeline_definition
        cls = self._class(definition, kinds.PIPELINE) if definition.get("class") else kinds.PIPELINE.classes()[0]
        if definition.get("class"):
            self._report_all(check_args(cls, definition, self._path(definition)))
        id = definition.get("id") or cls.__name__
        args = definition.get("args") or {}
        workers.expand_section(f"pipeline:{id}", self._worker)
        pipeline: Pipeline = self._construct(
            lambda: cls(app, id, self._config(definition), **args), definition, f"pipeline:{id}"
        )
        sources = self._attempt(lambda: self.construct_sources(app, svc, pipeline, definition))
        processors = self._attempt(lambda: self.construct_processors(app, svc, pipeline, definition))
        if sources is None or processors is None:
            raise _BrokenError
        if sources or processors:
            self._construct(lambda: pipeline.build(sources, *processors), definition, "")
        self._check_policy(pipeline.options.on_error, definition)
        if pipeline.Sources:
            self._unprepared.append((pipeline, definition))
        self._report_all(workers.check_pipeline(pipeline, self._path(definition), self._worker))
        self._add(svc.add_pipeline, pipeline, definition)
        return pipeline

    def construct_sources(
        self, app: BSPumpApplication, svc: BSPumpService, pipeline: Pipeline, definition: Mapping[str, Any]
    ) -> list[Source]:
        """Return the sources that the definition of a pipeline names."""
        return self._all(self.construct_source, app, svc, pipeline, [item for _, item in shape.sources_of(definition)])

    def construct_source(
        self, app: BSPumpApplication, svc: BSPumpService, pipeline: Pipeline, definition: Mapping[str, Any]
    ) -> Source:
        """Return one source, with its trigger on it."""
        source: Source = self._part(app, svc, pipeline, definition, kinds.SOURCE)
        workers.assign(source, self._worker)
        trigger = definition.get("trigger")
        if trigger is None:
            return source
        if not hasattr(source, "on"):
            path = (*self._path(definition), "trigger")
            self._report_all(
                [
                    Problem(
                        f"{type(source).__name__} runs by itself, a trigger cannot start it",
                        path,
                        hint="remove 'trigger'",
                    )
                ]
            )
        fired: Source = source.on(self.construct_trigger(app, svc, trigger))
        return fired

    def construct_trigger(self, app: BSPumpApplication, svc: BSPumpService, definition: Mapping[str, Any]) -> Trigger:
        """Return one trigger."""
        cls = self._class(definition, kinds.TRIGGER)
        trigger: Trigger = self._construct(lambda: cls.construct(app, self._for_construct(definition)), definition, "")
        return trigger

    def construct_processors(
        self, app: BSPumpApplication, svc: BSPumpService, pipeline: Pipeline, definition: Mapping[str, Any]
    ) -> list[ProcessorBase]:
        """Return the processors that the definition of a pipeline names and, last, its sink."""
        items = [item for _, item in shape.processors_of(definition)]
        processors: list[ProcessorBase] = self._all(self.construct_processor, app, svc, pipeline, items)
        base, _ = kinds.SINK.classes()
        for processor, item in list(zip(processors, items, strict=True))[:-1]:
            if isinstance(processor, base):
                self._report_all([Problem(
                    f"nothing may follow a sink, and {type(processor).__name__} is one", self._path(item),
                    hint="put it last, or into a pipeline of its own behind a TeeProcessor",
                )])  # fmt: skip
        if items and not isinstance(processors[-1], base):
            self._report_all([Problem(
                "the pipeline has no sink at its end", self._path(definition), hint='add "sink"; NullSink throws events away'
            )])  # fmt: skip
        return processors

    def construct_processor(
        self, app: BSPumpApplication, svc: BSPumpService, pipeline: Pipeline, definition: Mapping[str, Any]
    ) -> ProcessorBase:
        """Return one processor, generator or sink."""
        is_sink = self._path(definition)[-1:] == ("sink",)
        processor: ProcessorBase = self._part(
            app, svc, pipeline, definition, kinds.SINK if is_sink else kinds.PROCESSOR
        )
        workers.assign(processor, self._worker)
        self._check_policy(processor.options.on_error, definition)
        return processor

    # Below: one part, its class, its problems.

    def _part(self, app: Any, svc: BSPumpService, pipeline: Pipeline, definition: Mapping[str, Any], kind: Kind) -> Any:
        cls = self._class(definition, kind)
        self._report_all(check_args(cls, definition, self._path(definition)))
        self._check_references(svc, definition)
        section = f"pipeline:{pipeline.Id}:{definition.get('id') or cls.__name__}"
        self._report_all(workers.check_path(cls, definition, self._path(definition), section, self._worker))
        workers.expand_section(section, self._worker)
        part = self._construct(
            lambda: cls.construct(app, pipeline, self._for_construct(definition)), definition, section
        )
        self._built.append((part, definition))
        return part

    def _shared(self, app: Any, definition: Mapping[str, Any], kind: Kind, group: str) -> Any:
        id = definition.get("id") or definition.get("class")
        try:
            cls = self._class(definition, kind)
            self._report_all(check_args(cls, definition, self._path(definition)))
            section = f"{kind.name}:{id}"
            workers.expand_section(section, self._worker)
            build = getattr(cls, "construct", None) or (
                lambda app, d: cls(app, id=d["id"], config=d["config"], **d["args"])
            )
            return self._construct(lambda: build(app, self._for_construct(definition)), definition, section)
        except _BrokenError:
            self._broken.setdefault(group, set()).add(str(id))
            raise

    def _class(self, definition: Mapping[str, Any], kind: Kind) -> Any:
        allow = {*self._allow, *asab.Config.get("pumpbuilder", "allow", fallback="").replace(",", " ").split()}
        directories = [self.Definition.directory] if self.Definition.directory else []
        try:
            return Registry(allow, directories).find(definition["class"], definition.get("module"), kind)
        except ConfigError as error:
            path = self._path(definition)
            self._report_all([Problem(p.message, (*path, *p.path), hint=p.hint) for p in error.problems])

    def _config(self, definition: Mapping[str, Any]) -> dict[str, Any]:
        config: dict[str, Any] = workers.expand(definition.get("config") or {}, self._worker)
        return config

    def _for_construct(self, definition: Mapping[str, Any]) -> dict[str, Any]:
        """Return the definition as `construct` takes it: `""` and null as id mean the default, no key is null."""
        return {
            **definition, "id": definition.get("id") or None, "config": self._config(definition),
            "args": dict(definition.get("args") or {}),
        }  # fmt: skip

    def _check_references(self, svc: BSPumpService, definition: Mapping[str, Any]) -> None:
        broken = False
        for name, value in (definition.get("args") or {}).items():
            group = _REFERENCES.get(name)
            if group is None or not isinstance(value, str) or (group == "lookups" and svc.LookupFactories):
                continue
            known = svc.Connections if group == "connections" else svc.Lookups
            if value in self._broken[group]:
                broken = True  # the reason is reported there
            elif value not in known:
                what = group.removesuffix("s")
                hint = nearest(value, known) or f"there is none; define it under '{group}'"
                self._report_all(
                    [Problem(f"there is no {what} '{value}'", (*self._path(definition), "args", name), hint=hint)]
                )
        if broken:
            raise _BrokenError

    def _check_policy(self, on_error: Any, definition: Mapping[str, Any]) -> None:
        """Check `on_error` of a pipeline or a part; where it routes to is looked up when everything is there."""
        if not on_error:
            return
        path = (*self._path(definition), "config", "on_error")
        try:
            policy = ErrorPolicy.parse(on_error)
        except ConfigError as error:
            self._report_all([Problem(problem.message, path, hint=problem.hint) for problem in error.problems])
            return
        if policy.action == "route":
            self._routes.append((path, policy.route))

    def prepare_pipelines(self, app: BSPumpApplication, svc: BSPumpService) -> None:
        """Check what needs all pipelines to be there: where `on_error: {route: ...}` leads, and error scopes."""
        for path, address in self._routes if not self._problems else ():
            try:
                svc.locate_input(address)
            except ConfigError as error:
                self._attempt(lambda error=error, path=path: self._report_all(  # type: ignore[misc]
                    [Problem(problem.message, path, hint=problem.hint) for problem in error.problems]))  # fmt: skip
        for part, definition in self._built if not self._problems else ():
            self._attempt(partial(self._check_named, svc, part, definition))
        for pipeline, definition in self._unprepared if not self._problems else ():
            self._attempt(partial(self._construct, pipeline.prepare, definition, ""))

    def _check_named(self, svc: BSPumpService, part: Any, definition: Mapping[str, Any]) -> None:
        """Check that what the options of a part name is there."""
        locate: dict[str, Callable[[Any], Any]] = {
            "lookup": svc.locate_lookup, "connection": svc.locate_connection, "input": svc.locate_input,
        }  # fmt: skip
        problems = []
        for name, field in type(part).Options.declarations().items() if part is not None else ():
            value = getattr(part.options, name, None)
            for named in (value if isinstance(value, list) else [value]) if field.refers and value else ():
                try:
                    locate[field.refers](named)
                except KeyError as error:
                    problems.append(Problem(str(error.args[0]), (*self._path(definition), "config", name)))
                except ConfigError as error:
                    problems += [
                        Problem(p.message, (*self._path(definition), "config", name), hint=p.hint)
                        for p in error.problems
                    ]
        self._report_all(problems)

    def _construct(self, build: Callable[[], Any], definition: Mapping[str, Any], section: str) -> Any:
        built, problems = construct(build, self._path(definition), definition, section)
        if problems and self._problems is not None and built is not None:
            self._problems += problems  # built with defaults: what is behind it can be checked, too
            return built
        self._report_all(problems)
        return built

    def _add(self, add: Callable[[Any], Any], part: Any, definition: Mapping[str, Any]) -> None:
        def added() -> None:
            try:
                add(part)
            except RuntimeError as error:  # another definition has a part of this id
                raise ConfigError(str(error), hint="give one of them another id") from None

        self._construct(added, definition, "")

    def _path(self, definition: Mapping[str, Any]) -> KeyPath:
        return self._paths.get(id(definition), ())

    def _each(self, group: str, one: Callable[[Mapping[str, Any]], Any]) -> None:
        for item in self.Definition.tree.get(group) or ():
            self._attempt(lambda item=item: one(item))  # type: ignore[misc]

    def _all(
        self, one: Callable[..., Any], app: Any, svc: Any, pipeline: Pipeline, items: Sequence[Mapping[str, Any]]
    ) -> list[Any]:
        """Construct all items even if one is broken, so that each of them is checked."""
        built = [self._attempt(lambda item=item: one(app, svc, pipeline, item)) for item in items]  # type: ignore[misc]
        if None in built:
            raise _BrokenError
        return built

    def _attempt(self, build: Callable[[], _T]) -> _T | None:
        """Return what `build` returns; None when it is broken, which is reported already."""
        try:
            return build()
        except _BrokenError:
            return None

    def _report_all(self, problems: Iterable[Problem]) -> None:
        """Give up the part in work if there are problems: collected for the whole pump, or raised at once."""
        found = list(problems)
        if not found:
            return
        if self._problems is None:
            raise ConfigError([self.Definition.located(problem) for problem in found])
        self._problems += found
        raise _BrokenError

    def start_collecting(self) -> bool:
        """Check the shape, and collect problems from now on; return whether there is something to construct."""
        self._problems = list(shape.check(self.Definition.tree))
        return not self._problems

    def finish_collecting(self) -> list[Problem]:
        """Return the problems collected, each with its place, in the order of the file."""
        collected, self._problems = self._problems or [], None
        located = [self.Definition.located(problem) for problem in collected]
        return sorted(dict.fromkeys(located), key=lambda problem: (problem.file, problem.line))


def construct_pumps(builders: Sequence[PumpBuilder], app: BSPumpApplication, svc: BSPumpService) -> None:
    """Construct several definitions into one service; each may use the connections and lookups of the others.

    Raises:
        ConfigError: With every mistake in all of them.
    """
    sound = [builder for builder in builders if builder.start_collecting()]
    for phase in (
        "construct_connections",
        "construct_lookups",
        "construct_matrices",
        "construct_pipelines",
        "prepare_pipelines",
    ):
        for builder in sound:
            getattr(builder, phase)(app, svc)
    problems = [problem for builder in builders for problem in builder.finish_collecting()]
    if problems:
        raise ConfigError(problems)

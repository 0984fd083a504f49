"""`PumpBuilder`: assemble connections, lookups, matrices and pipelines from a definition."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..errors import ConfigError, Problem
from . import registry as kinds
from . import shape, workers
from .abstract import check_loads
from .circles import circles, ways
from .folders import check_folders
from .links import Links
from .loader import Definition, load
from .parts import check_args, construct
from .positions import KeyPath
from .registry import Kind, Registry
from .report import BrokenError, Report
from .settings import settings

if TYPE_CHECKING:
    from ..abc import Connection, Lookup, ProcessorBase, Source
    from ..application import BSPumpApplication
    from ..pipeline import Pipeline
    from ..service import PumpService as BSPumpService
    from ..trigger import Trigger

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
        self.Definition = (
            definition if isinstance(definition, Definition) else load(definition, overrides, keep_problems=True)
        )
        self._allow = tuple(allow)
        self._worker = worker
        self._paths: dict[int, KeyPath] = {}
        self._index(self.Definition.tree, ())
        self._report = Report(self.Definition)
        self.links = Links(self._report, incomplete=self.Definition.incomplete)
        self._unprepared: list[tuple[Pipeline, Mapping[str, Any]]] = []
        self._registry: Registry | None = None

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
        built: Connection = self._shared(app, svc, connection, kinds.CONNECTION, "connections")
        self._add(svc.add_connection, built, connection)
        return built

    def construct_lookups(self, app: BSPumpApplication, svc: BSPumpService) -> None:
        """Construct all lookups and add them to the service."""
        self._each("lookups", lambda item: self.construct_lookup(app, svc, item))

    def construct_lookup(self, app: BSPumpApplication, svc: BSPumpService, lookup: Mapping[str, Any]) -> Lookup:
        """Construct one lookup and add it to the service."""
        built: Lookup = self._shared(app, svc, lookup, kinds.LOOKUP, "lookups")
        self._report.add(dataclasses.replace(one, path=(*self._path(lookup), *one.path)) for one in check_loads(built))
        self._add(svc.add_lookup, built, lookup)
        return built

    def construct_matrices(self, app: BSPumpApplication, svc: BSPumpService) -> None:
        """Construct all matrices and add them to the service."""
        self._each("matrices", lambda item: self.construct_matrix(app, svc, item))

    def construct_matrix(self, app: BSPumpApplication, svc: BSPumpService, matrix: Mapping[str, Any]) -> Any:
        """Construct one matrix and add it to the service."""
        built = self._shared(app, svc, matrix, kinds.MATRIX, "matrices")
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
        path = self._check_shape(definition)
        cls = self._class(definition, kinds.PIPELINE) if definition.get("class") else kinds.PIPELINE.classes()[0]
        if definition.get("class"):
            self._report.give_up(check_args(cls, definition, path))
        id = definition.get("id") or cls.__name__
        args = definition.get("args") or {}
        workers.expand_section(f"pipeline:{id}", self._worker)
        pipeline: Pipeline = self._construct(
            lambda: cls(app, id, self._config(definition), **args), definition, f"pipeline:{id}"
        )
        self.links.add_pipeline(pipeline, path)
        self._report.attempt(lambda: self.links.check_policy(pipeline.options.on_error, path))
        sources = self._report.attempt(lambda: self.construct_sources(app, svc, pipeline, definition))
        processors = self._report.attempt(lambda: self.construct_processors(app, svc, pipeline, definition))
        if sources is None or processors is None:
            raise BrokenError
        if sources or processors:
            self._construct(lambda: pipeline.build(sources, *processors), definition, "")
        if pipeline.Sources:
            self._unprepared.append((pipeline, definition))
        self._report.give_up(workers.check_pipeline(pipeline, path, self._worker))
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
            said = f"{type(source).__name__} runs by itself, a trigger cannot start it"
            self._report.give_up([Problem(said, path, hint="remove 'trigger'")])
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
                self._report.give_up([Problem(
                    f"nothing may follow a sink, and {type(processor).__name__} is one", self._path(item),
                    hint="put it last, or into a pipeline of its own behind a TeeProcessor",
                )])  # fmt: skip
        if items and not isinstance(processors[-1], base):
            self._report.give_up([Problem(
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
        self.links.check_policy(processor.options.on_error, self._path(definition))
        return processor

    # Below: one part, its class, its problems.

    def _part(self, app: Any, svc: BSPumpService, pipeline: Pipeline, definition: Mapping[str, Any], kind: Kind) -> Any:
        cls = self._class(definition, kind)
        path = self._path(definition)
        self._report.give_up(check_args(cls, definition, path))
        self.links.check_args(svc, cls, definition, path)
        section = f"pipeline:{pipeline.Id}:{definition.get('id') or cls.__name__}"
        self._report.give_up(check_folders(cls, self._for_construct(definition), path, self.Definition.directory))
        self._report.give_up(workers.check_path(cls, definition, path, section, self._worker))
        workers.expand_section(section, self._worker)
        part = self._construct(
            lambda: cls.construct(app, pipeline, self._for_construct(definition)), definition, section
        )
        self.links.add_part(part, path)
        return part

    def _shared(self, app: Any, svc: BSPumpService, definition: Mapping[str, Any], kind: Kind, group: str) -> Any:
        try:
            cls = self._class(definition, kind)
            path = self._path(definition)
            self._report.give_up(check_args(cls, definition, path))
            self.links.check_args(svc, cls, definition, path)
            section = f"{kind.name}:{definition.get('id') or definition['class']}"
            workers.expand_section(section, self._worker)
            build = getattr(cls, "construct", None) or (
                lambda app, d: cls(app, id=d["id"], config=d["config"], **d["args"])
            )
            made = self._construct(lambda: build(app, self._for_construct(definition)), definition, section)
            if self.Definition.has_mistake_in(path):
                raise BrokenError  # what uses it would meet what is not meant so
            return made
        except BrokenError:
            if isinstance(definition, Mapping):
                self.links.known.broken[group].add(str(definition.get("id") or definition.get("class")))
            raise

    def _class(self, definition: Mapping[str, Any], kind: Kind) -> Any:
        path = self._check_shape(definition)
        if not definition.get("class"):
            self._report.give_up([Problem(f"a {kind.name} needs 'class'", path)])
        try:
            return self._known_classes().find(definition["class"], definition.get("module"), kind)
        except ConfigError as error:
            self._report.give_up([Problem(p.message, (*path, *p.path), hint=p.hint) for p in error.problems])

    def _known_classes(self) -> Registry:
        if self._registry is None:
            allow = {*self._allow, *settings().allow}
            self._registry = Registry(allow, [self.Definition.directory] if self.Definition.directory else [])
        return self._registry

    def _check_shape(self, definition: Any) -> KeyPath:
        """Return the path of a part.

        Raises:
            BrokenError: It has not the shape of one, which is reported.
        """
        path = self._path(definition)
        if self._report.collecting and (not isinstance(definition, Mapping) or path in self._report.unsound):
            raise BrokenError
        return path

    def _config(self, definition: Mapping[str, Any]) -> dict[str, Any]:
        config: dict[str, Any] = workers.expand(definition.get("config") or {}, self._worker)
        return config

    def _for_construct(self, definition: Mapping[str, Any]) -> dict[str, Any]:
        """Return the definition as `construct` takes it: `""` and null as id mean the default, no key is null."""
        return {
            **definition, "id": definition.get("id") or None, "config": self._config(definition),
            "args": dict(definition.get("args") or {}),
        }  # fmt: skip

    def _construct(self, build: Callable[[], Any], definition: Mapping[str, Any], section: str) -> Any:
        built, problems = construct(build, self._path(definition), definition, section)
        if built is not None:
            self._report.add(problems)  # built with defaults: what is behind it can be checked, too
        else:
            self._report.give_up(problems)
        return built

    def _add(self, add: Callable[[Any], Any], part: Any, definition: Mapping[str, Any]) -> None:
        def added() -> None:
            try:
                add(part)
            except RuntimeError as error:  # another definition has a part of this id
                raise ConfigError(str(error), hint="give one of them another id") from None

        if (*self._path(definition), "id") not in self._report.unsound:
            self._construct(added, definition, "")

    def _path(self, definition: Any) -> KeyPath:
        return self._paths.get(id(definition), ())

    def _each(self, group: str, one: Callable[[Mapping[str, Any]], Any]) -> None:
        if not self._report.collecting and self.Definition.problems:
            raise ConfigError(self.Definition.problems)
        items = self.Definition.tree.get(group)
        for item in items if isinstance(items, list) else ():
            self._report.attempt(lambda item=item: one(item))  # type: ignore[misc]

    def _all(
        self, one: Callable[..., Any], app: Any, svc: Any, pipeline: Pipeline, items: Sequence[Mapping[str, Any]]
    ) -> list[Any]:
        """Construct all items even if one is broken, so that each of them is checked."""
        built = [self._report.attempt(lambda item=item: one(app, svc, pipeline, item)) for item in items]  # type: ignore[misc]
        if None in built:
            raise BrokenError
        return built

    # Several definitions together

    def begin(self) -> None:
        """Check the shape, and collect mistakes from now on."""
        self._report.begin()
        tree = self.Definition.tree
        found = [*shape.check_top(self.Definition.top), *shape.check(tree, self._place)]
        if not found and not self._report:
            found = list(shape.check_contents(tree))
        for problem in found:
            if isinstance(problem, shape.WrongKey):
                self._report.unsound.add(problem.path[:-1])
            elif not isinstance(problem, shape.Harmless) or problem.path[-1:] == ("id",):
                self._report.unsound.add(problem.path)
        self._report.add(problem for problem in found if not isinstance(problem, shape.Silent))
        pipelines = tree.get("pipelines")
        self.links.known.declared |= {
            str(one.get("id") or one.get("class")) for one in pipelines or () if isinstance(one, Mapping)
        }

    def check_links(self, app: BSPumpApplication, svc: BSPumpService) -> None:
        """Check what needs all parts of all definitions to be there: what they name, error routes, error scopes."""
        self.links.check(svc)
        for pipeline, definition in self._unprepared if not self._report else ():
            self._report.attempt(lambda one=(pipeline, definition): self._construct(one[0].prepare, one[1], ""))  # type: ignore[misc]

    @property
    def found_mistakes(self) -> bool:
        """Tell whether there is anything to say already."""
        return bool(self._report)

    def end(self) -> list[Problem]:
        """Return the mistakes, each with its place, in the order of the file."""
        return self._report.end()

    def _place(self, path: KeyPath) -> str:
        file, line = self.Definition.place(path)
        return f"{file}:{line}" if line else ".".join(map(str, path))


_PHASES = ("construct_connections", "construct_lookups", "construct_matrices", "construct_pipelines", "check_links")


def construct_pumps(builders: Sequence[PumpBuilder], app: BSPumpApplication, svc: BSPumpService) -> list[Problem]:
    """Construct several definitions into one service; each may use the connections and lookups of the others.

    Returns:
        What may be a mistake.

    Raises:
        ConfigError: With every mistake in all of them.
    """
    for builder in builders:
        svc.secrets.add(builder.secrets)  # first of all: what is built may log
        builder.begin()
    for builder in builders[1:]:
        builder.links.join(builders[0].links.known)
    for phase in _PHASES:
        for builder in builders:
            getattr(builder, phase)(app, svc)
    if not any(builder.found_mistakes for builder in builders):
        round_trips = list(circles(ways(svc)))
        for builder in builders:
            builder.links.check_circles(round_trips)
    problems = [problem for builder in builders for problem in builder.end()]
    if not all(problem.warning for problem in problems):
        raise ConfigError(problems)
    return problems

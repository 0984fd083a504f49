"""What a pump consists of, by name."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from .abc import Connection, Lookup, ProcessorBase, Source
from .circle import note_link
from .config import nearest
from .errors import ConfigError
from .pipeline import Pipeline


class NotFoundError(ConfigError, KeyError):
    """Nothing has this id. A KeyError, as BSPump raises it."""


class Directory:
    """Holds pipelines, connections, lookups and matrices by their ids, and finds what is at an address."""

    def __init__(self) -> None:
        """Begin empty."""
        self.Pipelines: dict[str, Pipeline] = {}
        self.Connections: dict[str, Connection] = {}
        self.Lookups: dict[str, Lookup] = {}
        self.LookupFactories: list[Any] = []
        self.Matrixes: dict[str, Any] = {}

    def begin(self, start: Callable[[], Coroutine[Any, Any, Any]], name: str) -> None:
        """Start what was just added, if its time has come."""
        raise NotImplementedError(f"{type(self).__name__} defines no begin(start, name)")

    async def start_pipelines(self, pipelines: list[Pipeline]) -> None:
        """Start pipelines together."""
        raise NotImplementedError(f"{type(self).__name__} defines no start_pipelines(pipelines)")

    def add_pipeline(self, pipeline: Pipeline) -> None:
        """Add a pipeline; it starts with the application, or at once when that runs.

        Raises:
            RuntimeError: There is one with this id.
        """
        self._add("Pipeline", self.Pipelines, pipeline)
        self.begin(lambda: self.start_pipelines([pipeline]), f"start of pipeline {pipeline.Id}")

    def add_pipelines(self, *pipelines: Pipeline) -> None:
        """Add several pipelines."""
        for pipeline in pipelines:
            self.add_pipeline(pipeline)

    def del_pipeline(self, pipeline: Pipeline) -> None:
        """Remove a pipeline that does not run."""
        del self.Pipelines[pipeline.Id]

    def add_connection(self, connection: Connection) -> Connection:
        """Add a connection; RuntimeError when there is one with this id."""
        self._add("Connection", self.Connections, connection)
        return connection

    def add_connections(self, *connections: Connection) -> None:
        """Add several connections."""
        for connection in connections:
            self.add_connection(connection)

    def add_lookup(self, lookup: Lookup) -> Lookup:
        """Add a lookup; it is loaded with the application's start, or at once when that runs, unless it is lazy.

        Raises:
            RuntimeError: There is one with this id.
        """
        self._add("Lookup", self.Lookups, lookup)
        if not lookup.Lazy:
            self.begin(lookup.on_start, f"lookup {lookup.Id}")
        return lookup

    def add_lookups(self, *lookups: Lookup) -> None:
        """Add several lookups."""
        for lookup in lookups:
            self.add_lookup(lookup)

    def add_lookup_factory(self, lookup_factory: Any) -> None:
        """Add an object whose `locate_lookup(lookup_id, context)` is asked for lookups that have no name here."""
        self.LookupFactories.append(lookup_factory)

    def add_matrix(self, matrix: Any) -> Any:
        """Add a matrix; RuntimeError when there is one with this id."""
        self._add("Matrix", self.Matrixes, matrix)
        self.begin(matrix.on_start, f"start of matrix {matrix.Id}")
        return matrix

    def add_matrixes(self, *matrixes: Any) -> None:
        """Add several matrices."""
        for matrix in matrixes:
            self.add_matrix(matrix)

    def locate_connection(self, connection_id: str | Connection) -> Connection:
        """Return the connection with this id; KeyError with a hint when there is none."""
        return (
            connection_id
            if isinstance(connection_id, Connection)
            else _named("connection", self.Connections, connection_id)
        )

    def locate_lookup(self, lookup_id: str | Lookup, context: Any = None) -> Lookup:
        """Return the lookup with this id, asking the factories too; KeyError with a hint when there is none."""
        if isinstance(lookup_id, Lookup):
            return lookup_id
        if lookup_id not in self.Lookups:
            for factory in self.LookupFactories:
                found: Lookup | None = factory.locate_lookup(lookup_id, context)
                if found is not None:
                    return found
        named: Lookup = _named("lookup", self.Lookups, lookup_id)
        return named

    def locate_matrix(self, matrix_id: Any) -> Any:
        """Return the matrix with this id; KeyError with a hint when there is none."""
        return _named("matrix", self.Matrixes, matrix_id) if isinstance(matrix_id, str) else matrix_id

    def locate(self, address: str) -> Pipeline | Source | ProcessorBase | None:
        """Return what is at `Pipeline`, `Pipeline.Processor` or `Pipeline.*Source`; None when there is nothing."""
        pipeline_id, _, part = address.partition(".")
        pipeline = self.Pipelines.get(pipeline_id)
        if pipeline is None or not part:
            return pipeline
        return pipeline.locate_source(part[1:]) if part.startswith("*") else pipeline.locate_processor(part)

    def locate_input(self, address: str) -> Any:
        """Return the source at `address` that other pipelines can send to; a pipeline's address means its first such source.

        Raises:
            ConfigError: There is none; the message names the nearest.
        """
        found = self.locate(address)
        if isinstance(found, Pipeline):
            found = next((source for source in found.Sources if hasattr(source, "put")), None)
        if found is None or not hasattr(found, "put"):
            inputs = [s.locate_address() for p in self.Pipelines.values() for s in p.Sources if hasattr(s, "put")]
            raise ConfigError(f"there is no source to send to at '{address}'", hint=nearest(address, inputs))
        return found

    def connect_input(self, upstream: Pipeline, address: str) -> Any:
        """Return the source at `address`, see `locate_input`, which the pipeline `upstream` feeds from now on."""
        source = self.locate_input(address)
        self.connect(upstream, source.Pipeline)
        return source

    def connect(self, upstream: Pipeline, downstream: Pipeline) -> None:
        """Note that one pipeline feeds another, so that barriers pass through both."""
        if upstream not in downstream.upstream:
            downstream.upstream.add(upstream)
            upstream.committer.absorb(downstream.committer)
            note_link(upstream, downstream)

    def _add(self, kind: str, names: dict[str, Any], thing: Any) -> None:
        if thing.Id in names:
            raise RuntimeError(f"{kind} '{thing.Id}' already registered")
        names[thing.Id] = thing


def _named(kind: str, names: dict[str, Any], name: str) -> Any:
    try:
        return names[name]
    except KeyError:
        raise NotFoundError(f"Cannot find {kind} id '{name}'", hint=nearest(name, names) or "there is none") from None

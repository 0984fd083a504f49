"""What a pump consists of and what links it, as nodes and arrows; `drawings.py` draws them."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from ..abc import Connection, Lookup, ProcessorBase, Source
from ..errors import ConfigError
from ..policy import ErrorPolicy, ErrorScope

if TYPE_CHECKING:
    from ..pipeline import Pipeline
    from ..service import PumpService


@dataclasses.dataclass(frozen=True)
class Node:
    """A part of a pump.

    Attributes:
        address: Its address, unique in the pump.
        id: Its id.
        label: Id and class, or only one of them if they are the same.
        kind: `source`, `processor`, `sink`, `lookup`, `connection` or `matrix`.
    """

    address: str
    id: str
    label: str
    kind: str


@dataclasses.dataclass(frozen=True)
class Arrow:
    """Something that goes from one part to another.

    Attributes:
        start: Address.
        end: Address.
        kind: `next` within a pipeline, `link` to another one, `error`, or `uses` of a lookup, a connection, a matrix.
        label: What is said at the arrow: the condition of a case.
    """

    start: str
    end: str
    kind: str
    label: str = ""


@dataclasses.dataclass
class Diagram:
    """A pump.

    Attributes:
        pipelines: Id -> its parts, sources first.
        shared: Lookups, connections, matrices.
        arrows: All arrows, those within pipelines first.
    """

    pipelines: dict[str, list[Node]]
    shared: list[Node]
    arrows: list[Arrow]


def diagram(service: PumpService) -> Diagram:
    """Return the diagram of everything in the service."""
    named = {"lookup": service.Lookups, "connection": service.Connections, "matrix": service.Matrixes}
    shared = [_node(f"{kind}:{id}", thing, kind) for kind, things in named.items() for id, thing in things.items()]
    drawn = Diagram({}, shared, [])
    others: list[Arrow] = []
    for id, pipeline in service.Pipelines.items():
        keys = {part: f"{id}.{key}" for key, part in pipeline.parts()}
        sources = [_node(source.locate_address(), source, "source") for source in pipeline.Sources]
        kinds = ["processor"] * (len(keys) - 1) + ["sink"]
        parts = [_node(address, part, kind) for (part, address), kind in zip(keys.items(), kinds, strict=True)] if keys else []
        drawn.pipelines[id] = [*sources, *parts]
        drawn.arrows += [Arrow(source.address, parts[0].address, "next") for source in sources if parts]
        drawn.arrows += [Arrow(one.address, other.address, "next") for one, other in itertools.pairwise(parts)]
        for source in pipeline.Sources:
            others += _uses(source, source.locate_address(), service)
            tee = getattr(source.options, "tee", "")
            others += [Arrow(tee, source.locate_address(), "link")] if tee else []
        for part, address in keys.items():
            others += _links(part, address, service)
            others += _uses(part, address, service)
        others += _errors(pipeline, keys, service)
    for lookup in service.Lookups.values():
        others += _uses(lookup, f"lookup:{lookup.Id}", service)
    drawn.arrows += list(dict.fromkeys(others))
    return drawn


def _node(address: str, thing: Any, kind: str) -> Node:
    name = type(thing).__name__
    return Node(address, thing.Id, thing.Id if thing.Id == name else f"{thing.Id}: {name}", kind)


def _links(part: ProcessorBase, address: str, service: PumpService) -> Iterator[Arrow]:
    """Yield an arrow to each source that an option names; a case has its condition at the arrow."""
    for name, option in type(part).Options.declarations().items():
        value = getattr(part.options, name, None)
        if option.refers != "input" or not value:
            continue
        condition = part.Config.get("when", "")  # as it was written; the option is a function already
        label = condition if isinstance(condition, str) and condition else name if name == "default" else ""
        for target in value if isinstance(value, list) else [value]:
            if isinstance(target, Mapping):
                yield Arrow(address, _input(str(target["target"]), service), "link", str(target.get("when", "")))
            else:
                yield Arrow(address, _input(target, service), "link", label)


def _input(target: str, service: PumpService) -> str:
    try:
        source: Source = service.locate_input(target)
    except ConfigError:
        return target  # `pump lint` says it
    return source.locate_address()


def _uses(part: Any, address: str, service: PumpService) -> Iterator[Arrow]:
    """Yield an arrow for each lookup, connection or matrix that stands in an attribute of a part or is named by an option."""
    matrices = {id(matrix) for matrix in service.Matrixes.values()}
    for value in list(vars(part).values()):
        if isinstance(value, Lookup) and value.Id in service.Lookups:
            yield Arrow(f"lookup:{value.Id}", address, "uses")
        elif isinstance(value, Connection) and value.Id in service.Connections:
            yield Arrow(f"connection:{value.Id}", address, "uses")
        elif id(value) in matrices:
            yield Arrow(address, f"matrix:{value.Id}", "uses")
    groups = {"lookup": service.Lookups, "connection": service.Connections, "matrix": service.Matrixes}
    for name, option in type(part).Options.declarations().items():
        value = getattr(part.options, name, None)
        if option.refers in groups and isinstance(value, str) and value in groups[option.refers]:
            other = f"{option.refers}:{value}"
            yield Arrow(address, other, "uses") if option.refers == "matrix" else Arrow(other, address, "uses")


def _errors(pipeline: Pipeline, keys: Mapping[ProcessorBase, str], service: PumpService) -> Iterator[Arrow]:
    policy = ErrorPolicy.parse(pipeline.options.on_error or "stop")
    if policy.route:
        yield Arrow(pipeline.Id, _input(policy.route, service), "error")
    for part, address in keys.items():
        own = ErrorPolicy.parse(part.options.on_error) if part.options.on_error else None
        if own is not None and own.route:
            yield Arrow(address, _input(own.route, service), "error")
    for value in pipeline.options.error_scopes:
        scope = ErrorScope.parse(value)
        if scope.policy.route:
            first, last = scope.span([part.Id for part in keys])
            for address in list(keys.values())[first : last + 1]:
                yield Arrow(address, _input(scope.policy.route, service), "error", ", ".join(scope.types))

"""What several processes of one definition have to agree on: who reads what, and who writes where."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import asab

from ..abc import Sink
from ..errors import Problem
from .circles import Way, ways
from .positions import KeyPath

if TYPE_CHECKING:
    from ..abc import ProcessorBase, Source
    from ..pipeline import Pipeline

PLACEHOLDER = "{worker}"
"""In a string of `config`: the index of the worker, from 0."""

Worker = tuple[int, int]
"""Index from 0, and number of workers."""


def expand(value: Any, worker: Worker) -> Any:
    """Return a copy of a `config` with `{worker}` replaced in its strings."""
    if isinstance(value, Mapping):
        return {key: expand(item, worker) for key, item in value.items()}
    if isinstance(value, list):
        return [expand(item, worker) for item in value]
    return value.replace(PLACEHOLDER, str(worker[0])) if isinstance(value, str) else value


def expand_section(section: str, worker: Worker) -> None:
    """Replace `{worker}` in a section of the configuration file."""
    if not asab.Config.has_section(section):
        return
    for key, value in asab.Config.items(section, raw=True):
        if PLACEHOLDER in value:
            asab.Config.set(section, key, expand(value, worker))


def assign(part: Source | ProcessorBase, worker: Worker) -> None:
    """Tell a part that wants to know which of the workers it belongs to."""
    if hasattr(part, "worker"):
        part.worker = worker


def check_path(
    cls: type, definition: Mapping[str, Any], path: KeyPath, section: str, worker: Worker
) -> Iterator[Problem]:
    """Yield a problem if all workers would write one file: the option `path` of a sink without `{worker}`."""
    if worker[1] == 1 or not issubclass(cls, Sink):
        return
    default = getattr(cls, "ConfigDefaults", {}).get("path", "")
    written = (definition.get("config") or {}).get("path") or asab.Config.get(
        section, "path", raw=True, fallback=default
    )
    if written and PLACEHOLDER not in str(written):
        yield Problem(
            f"{worker[1]} workers would write to one path, {written}", (*path, "config", "path"),
            hint=f"put {PLACEHOLDER} into it, like out-{PLACEHOLDER}.json",
        )  # fmt: skip


def check_pipeline(pipeline: Pipeline, path: KeyPath, worker: Worker) -> Iterator[Problem]:
    """Yield a problem if several workers would read the same input or split a state that belongs together.

    A source that has an attribute `worker` divides its input by it; one that lets its server divide it says so with
    `shares = True`. One whose server may move input from worker to worker (a consumer group) says so with `rebalances`, and with
    `keeps_positions = False` that its server knows how far it came. `belongs_to(partition, worker)` tells which worker a
    partition of its position is for, so that another number of workers can go on. A processor says with `shares = False`
    that it keeps state over all of the input.
    """
    if worker[1] == 1:
        return
    for source in pipeline.Sources:
        if not source.passive and not getattr(source, "shares", hasattr(source, "worker")):
            yield Problem(
                f"{type(source).__name__} cannot share its input, so each of {worker[1]} workers would read all of it", path,
                hint="run it without --workers, or put its pipeline into a definition of its own",
            )  # fmt: skip
        yield from _check_group(source, [pipeline], path, worker)
    for processor in pipeline.iter_processors():
        if not getattr(processor, "shares", True):
            yield Problem(
                f"{type(processor).__name__} keeps state over all of its input, so {worker[1]} workers would each have a part",
                path, hint="run it without --workers, or put its pipeline into a definition of its own",
            )  # fmt: skip


def check_linked(pipelines: Mapping[str, Pipeline], worker: Worker) -> Iterator[Problem]:
    """Yield a problem if several workers would divide a state that stands in a pipeline behind that of the source.

    Args:
        pipelines: All of them by id, built.
        worker: Who we are.
    """
    if worker[1] == 1 or not pipelines:
        return
    found = list(ways(next(iter(pipelines.values())).App.pump_service))
    for pipeline in pipelines.values():
        behind = _behind(pipeline, pipelines, found)
        for source in pipeline.Sources:
            yield from _check_group(source, behind, (), worker)


def divided_state(pipelines: Mapping[str, Pipeline], worker: Worker) -> Iterator[Problem]:
    """Yield a warning for each pipeline in which every worker keeps a state of its own: it is whole only for some inputs.

    Args:
        pipelines: All of them by id, built and checked.
        worker: Who we are.
    """
    for pipeline in pipelines.values() if worker[1] > 1 else ():
        keepers = {part for _, part in pipeline.stateful_parts()}
        for part in pipeline.iter_processors():
            if not isinstance(part, Sink) and (part in keepers or part.shared_states()):
                yield Problem(
                    f"each of {worker[1]} workers has its own state of {part.locate_address()}: right only if all events that "
                    "belong together come to one worker",
                    hint="keep these in one partition of the topic, or in one file; or run it without --workers", warning=True,
                )  # fmt: skip
                break


def _behind(pipeline: Pipeline, pipelines: Mapping[str, Pipeline], found_ways: Sequence[Way]) -> list[Pipeline]:
    """Return the pipeline and those that its events may come to: linked ones, and those that a definition names."""
    found = [pipeline]
    for one in found:
        named = {other.Id for other in one.committer.pipelines} | {way.end for way in found_ways if way.start == one.Id}
        found += [other for id in sorted(named) if (other := pipelines.get(id)) is not None and other not in found]
    return found


def _check_group(source: Source, pipelines: Sequence[Pipeline], path: KeyPath, worker: Worker) -> Iterator[Problem]:
    """Yield a problem if the server may move input of `source` to a worker that has not what belongs to it."""
    if worker[1] == 1 or not getattr(source, "rebalances", False):
        return
    parts = [part for pipeline in pipelines for part in pipeline.iter_processors()]
    keepers = {part for pipeline in pipelines for _, part in pipeline.stateful_parts()}
    state = next((part for part in parts if part in keepers or part.shared_states()), None)
    if state is None and not getattr(source, "keeps_positions", False):
        return
    what = "positions in our stores" if state is None else f"the state of {state.locate_address()}"
    yield Problem(
        f"the group of {source.locate_address()} moves partitions from worker to worker, and {what} cannot follow", path,
        hint="remove group_id, then each worker has partitions of its own; or run it without --workers",
    )  # fmt: skip

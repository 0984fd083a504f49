"""The way of a barrier through linked pipelines: from the sources to the sinks, depth by depth."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .abc import ProcessorBase
from .circle import until_quiet
from .errors import DeliveryError

if TYPE_CHECKING:
    from .pipeline import Pipeline


async def walk(pipelines: list[Pipeline], snapshots: dict[tuple[str, str], Any]) -> None:
    """Let everything handed over so far reach its end: wait for the work under way and flush every part.

    Args:
        pipelines: Of the group; others may join it meanwhile.
        snapshots: Gets the marks of the parts that have been flushed.

    Raises:
        DeliveryError: A part could not make its events durable.
    """
    while True:
        members = len(pipelines)
        await until_quiet(pipelines, lambda: _flush_all(pipelines, snapshots))
        for pipeline in pipelines:
            await pipeline.drain(-1)  # settlements
            await pipeline.healthy()
        if members == len(pipelines):
            return  # otherwise events have gone into a pipeline that joined the group during the walk


async def _flush_all(pipelines: list[Pipeline], snapshots: dict[tuple[str, str], Any]) -> None:
    for pipeline in in_order(pipelines):
        async with pipeline.flush_lock:
            await pipeline.take_inputs()
            for depth in range(pipeline.depth_count()):
                await _drained(pipeline, depth)
                for key, part in pipeline.flushed_parts(depth):
                    await _flush(pipeline, part)
                    mark = part.mark()
                    if mark is not None:
                        snapshots[pipeline.Id, key] = mark


async def _drained(pipeline: Pipeline, depth: int) -> None:
    """Wait for the work of a depth, and for that of events that halted meanwhile: mended, they begin once more."""
    while True:
        resumed = pipeline.failures.resumed
        await pipeline.drain(depth)
        await pipeline.healthy()
        if pipeline.failures.resumed == resumed:
            return


async def drain(pipelines: list[Pipeline]) -> None:
    """Wait for the work under way, and flush nothing; who halts meanwhile and is not mended is waited for by the caller."""
    while True:
        resumed = _resumed(pipelines)
        await until_quiet(pipelines, lambda: _drain_all(pipelines))
        if _resumed(pipelines) == resumed:  # otherwise as in `_drained`
            return


def _resumed(pipelines: list[Pipeline]) -> int:
    return sum(pipeline.failures.resumed for pipeline in pipelines)


async def _drain_all(pipelines: list[Pipeline]) -> None:
    for pipeline in in_order(pipelines):
        await pipeline.take_inputs()
        for depth in range(pipeline.depth_count()):
            await pipeline.drain(depth)


async def _flush(pipeline: Pipeline, part: ProcessorBase) -> None:
    try:
        await part.flush()
    except DeliveryError as error:
        if error.retriable:
            raise
        pipeline.set_error(None, None, error)
        await pipeline.healthy()
        raise
    except Exception as error:  # a defect of the part: the pipeline halts until somebody clears the error
        pipeline.set_error(None, None, error)
        await pipeline.healthy()
        raise DeliveryError(f"{part.locate_address()} failed to flush", detail=repr(error)) from error


def in_order(pipelines: list[Pipeline]) -> list[Pipeline]:
    """Return pipelines so that each comes after those that feed it; a cycle is entered at its first member."""
    ordered: list[Pipeline] = []
    visiting: set[Pipeline] = set()

    def visit(pipeline: Pipeline) -> None:
        if pipeline in visiting:
            return
        visiting.add(pipeline)
        for feeder in sorted(pipeline.upstream, key=lambda p: p.Id):
            visit(feeder)
        ordered.append(pipeline)

    for pipeline in pipelines:
        visit(pipeline)
    return [pipeline for pipeline in ordered if pipeline in pipelines]

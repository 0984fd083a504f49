"""The pumps that are killed, stopped and starved, as definitions for `pump run`; paths are relative to their folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Tree = dict[str, Any]

BATCH = 50
MOST_IN_FLIGHT = 500


def part(module: str, name: str, **config: Any) -> Tree:
    """Return the definition of one part; its id is its class."""
    return {"id": name, "module": module, "class": name, "config": config}


def own(name: str, **config: Any) -> Tree:
    """Return the definition of a part from `tests/faults/parts.py`."""
    return part("tests.faults.parts", name, **config)


PARSE = part("bspump.common", "JSONParserProcessor")
DUMP = part("bspump.common", "JSONDumperProcessor")
INTERNAL = part("bspump.common", "InternalSource")


def lines_source(path: str = "in.ndjson", **config: Any) -> Tree:
    """Return a source of lines in small batches."""
    return part("bspump.file", "FileLineSource", path=path, **{"batch_size": BATCH, **config})


def lines_sink(path: str = "out.ndjson", **config: Any) -> Tree:
    """Return a sink of lines that is durable when it says so."""
    return part("bspump.file", "FileLineSink", path=path, **config)


def pipeline(id: str, source: Tree, processors: Sequence[Tree], sink: Tree, **config: Any) -> Tree:
    """Return one pipeline, with barriers that are short and often so that a kill finds some of everything."""
    config = {"commit_interval": 0.005, "max_in_flight": MOST_IN_FLIGHT, **config}
    return {"id": id, "config": config, "sources": [source], "processors": list(processors), "sink": sink}


def pump(*pipelines: Tree) -> Tree:
    """Return a definition."""
    return {"pipelines": list(pipelines)}


def file_to_file(path: str = "out.ndjson", *, source: Mapping[str, Any] | None = None, **sink: Any) -> Tree:
    """Lines, parsed, worked on, dumped, appended to a file."""
    return pump(
        pipeline("P", lines_source(**(source or {})), [PARSE, own("Square"), DUMP], lines_sink(path, **sink)),
    )


def ordered() -> Tree:
    """The same with an asynchronous processor that keeps the order."""
    return pump(pipeline("P", lines_source(), [PARSE, own("Ordered", concurrency=50), DUMP], lines_sink()))


def linked() -> Tree:
    """A generator in tasks, and two linked pipelines before the file; a tee copies all of it into a fourth."""
    return pump(
        pipeline("P", lines_source(), [PARSE, own("Halves")], part("bspump.common", "InternalSink", target="Middle")),
        pipeline(
            "Middle", INTERNAL, [own("Square"), part("bspump.common", "TeeProcessor", targets=["Copy"])],
            part("bspump.common", "InternalSink", target="Last"),
        ),
        pipeline("Last", INTERNAL, [DUMP], lines_sink("out.ndjson")),
        pipeline("Copy", INTERNAL, [DUMP], lines_sink("copy.ndjson")),
    )  # fmt: skip


def branched() -> Tree:
    """Branches written in place: a copy of all of it, and two kinds that are worked on and come back."""
    case = [
        {"when": "id % 2 == 0", "branch": {"processors": [own("Square")]}},
        {"when": "id % 3 == 0", "id": "Slow", "branch": {"processors": [own("Ordered", concurrency=50)]}},
    ]
    steps = [PARSE, {"fork": {"processors": [DUMP], "sink": lines_sink("copy.ndjson")}}, {"case": case}, DUMP]
    return pump(pipeline("P", lines_source(), steps, lines_sink()))


def circling() -> Tree:
    """A circle: an event goes round up to twelve times, over two pipelines and an asynchronous processor, before it leaves."""
    again = part("bspump.common", "DeriveProcessor", fields={"round": "coalesce(round, 0) + 1"})
    return pump(
        pipeline("P", lines_source(), [PARSE], part("bspump.common", "InternalSink", target="Round")),
        pipeline("Round", INTERNAL, [again, {"when": "round < id % 13", "to": "Back"}, own("Square"), DUMP], lines_sink()),
        pipeline("Back", INTERNAL, [own("Ordered", concurrency=50)], part("bspump.common", "InternalSink", target="Round")),
    )


FIGURES = {
    "events": "count", "sum": {"sum": "id"}, "least": {"min": "id"}, "most": {"max": "id"}, "mean": {"mean": "id"},
}  # fmt: skip


def grouped(*, behind_generator: bool) -> Tree:
    """Figures by group, in memory until the input ends; also behind a generator and a link, where snapshots are harder."""
    group = part("bspump.common", "GroupByAggregator", by=["group"], figures=FIGURES)
    sink = lines_sink("out.ndjson", mode="overwrite")
    if not behind_generator:
        return pump(pipeline("P", lines_source(), [PARSE, group, DUMP], sink))
    return pump(
        pipeline("P", lines_source(), [PARSE, own("Halves")], part("bspump.common", "InternalSink", target="Last")),
        pipeline("Last", INTERNAL, [group, DUMP], sink),
    )


def rows(*, key: Sequence[str]) -> Tree:
    """Rows of an SQLite table."""
    sink = part("bspump.sqlite", "SQLiteSink", path="out.db", table="events", columns=["id", "group"], key=list(key))
    return pump(pipeline("P", lines_source(), [PARSE], sink))

"""File to file: the project's sources and sinks against a loop over lines written by hand, which ends with an fsync, too."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from typing import Any

from bspump_like import Pipeline
from bspump_like.file import FileLineSink, FileLineSource

from .chain import Keep, by_hand, new_keep
from .measure import Row, Taken, Workload
from .pump import Clock, Derive, Dump, Enrich, Filter, Parse, part, run


class Lines(FileLineSource):
    """Reads the file and notes the times."""

    clock: Clock

    async def main(self, *args: Any, **kwargs: Any) -> None:
        """Note the beginning."""
        self.clock.start()
        await super().main(*args, **kwargs)

    async def commit(self, position: Mapping[str, Any]) -> None:
        """Note the time: the store has the position."""
        await super().commit(position)
        self.clock.lap()


def _input(workload: Workload) -> str:
    path = os.path.join(workload.folder, "input.json")
    if not os.path.exists(path):
        with open(path, "wb") as file:
            file.writelines(line + b"\n" for line in workload.lines)
    return path


def _last(path: str, keep: Keep) -> Keep:
    """Put the last lines of a result into `keep` and remove the file."""
    with open(path, "rb") as file:
        keep.extend(line.removesuffix(b"\n") for line in file)
    os.remove(path)
    return keep


def _by_hand(workload: Workload) -> Taken:
    source, target = _input(workload), os.path.join(workload.folder, "by-hand.json")
    began = time.process_time()
    with open(source, "rb") as lines, open(target, "wb") as output:
        write = output.write
        by_hand(lines, workload.users, lambda line: write(line + b"\n"))
        output.flush()
        os.fsync(output.fileno())
    return Taken(time.process_time() - began, _last(target, new_keep()))


def _pump(workload: Workload) -> Taken:
    source, target = _input(workload), os.path.join(workload.folder, "by-pump.json")

    def build(app: Any, workload: Workload, keep: Keep, clock: Clock) -> Sequence[Pipeline]:
        pipeline = Pipeline(app, "Files")
        pipeline.build(
            part(Lines, app, pipeline, None, {"path": source, "post": "noop"}, clock=clock),
            Parse(app, pipeline),
            Filter(app, pipeline),
            part(Enrich, app, pipeline, users=workload.users),
            Derive(app, pipeline),
            Dump(app, pipeline),
            FileLineSink(app, pipeline, config={"path": target}),
        )
        return [pipeline]

    taken = run(build, workload)
    return Taken(taken.seconds, _last(target, new_keep()))


def rows() -> list[Row]:
    """Return the loop over a file, and the pump that does the same."""
    return [
        Row("file-hand", "hand-written loop, file to file", _by_hand, base="hand"),
        Row("file", "  this project, FileLineSource to FileLineSink (ratio to the loop over files)", _pump, base="file-hand",
            plain="file-hand"),
    ]  # fmt: skip

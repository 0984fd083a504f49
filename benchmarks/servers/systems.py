"""The systems that are compared: what is started for each."""

from __future__ import annotations

import dataclasses
import pathlib
import sys
from collections.abc import Callable

from . import pump
from .work import Job

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
PATHS = ("null", "cpu", "kafka", "elasticsearch")
TO_NULL = ("null", "cpu")


@dataclasses.dataclass(frozen=True)
class System:
    """One system.

    Attributes:
        key: Name on the command line.
        title: What a reader sees.
        command: Returns the command line for a job, after it has written what that needs.
        paths: What it can do.
        workers: Processes.
        commits: It commits offsets to the group when events are through.
        counter: Tells how many events are through to null, where that cannot be seen at the servers.
        missing: Tells why it cannot run here, empty when it can.
        base: Key of the system that it is compared with.
        peer: It is none of ours; fewer rounds will do, the differences are large.
        timed: Latency and idling are measured.
        python_path: Folders before this project's own, where Python looks for modules.
    """

    key: str
    title: str
    command: Callable[[Job], list[str]]
    paths: tuple[str, ...] = ("null", "kafka", "elasticsearch")
    workers: int = 1
    commits: bool = True
    counter: Callable[[Job], int] | None = None
    missing: Callable[[], str] = lambda: ""
    base: str = "hand"
    peer: bool = False
    timed: bool = True
    python_path: tuple[str, ...] = ()


def by_module(name: str, python: str = sys.executable) -> Callable[[Job], list[str]]:
    """Return what makes the command line of a module of this package that takes the file of the job."""
    return lambda job: [python, "-m", f"benchmarks.servers.{name}", str(job.write())]


HAND = System("hand", "loop written by hand, same clients, same guarantees", by_module("hand"), paths=PATHS)
PUMP = System("pump", "this project, `pump run`", pump.command, paths=PATHS)
PUMP2 = System("pump-2", "- with `--workers 2`", pump.command, paths=("null", "cpu", "kafka"), workers=2, timed=False)


HAND_IDS = System(
    "hand-ids", "- loop with ids from offsets: nothing is stored twice", lambda job: [*HAND.command(job), "--once"],
    paths=("elasticsearch",), timed=False,
)  # fmt: skip
PUMP_IDS = System(
    "pump-ids", "- `pump run` with `document_id: position`", lambda job: pump.command(job, {"document_id": "position"}),
    paths=("elasticsearch",), base="hand-ids", timed=False,
)  # fmt: skip


def systems(tree: str = "") -> list[System]:
    """Return all, in the order of the table.

    Args:
        tree: Folder with another version of `bspump_like`, to measure in place of this one.
    """
    pumps = [dataclasses.replace(one, python_path=(tree,) if tree else ()) for one in (PUMP, PUMP2, PUMP_IDS)]
    from .peers import peers

    return [HAND, *pumps[:2], HAND_IDS, pumps[2], *(dataclasses.replace(one, peer=True) for one in peers())]

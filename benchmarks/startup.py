"""Start-up: how long until the package is imported, and until a pump without input has run from start to end."""

from __future__ import annotations

import json
import pathlib
import resource
import statistics
import subprocess
import sys
import tempfile
import time

from .measure import Unavailable

EMPTY = {
    "pipelines": [
        {
            "id": "Empty",
            "sources": [
                {"module": "bspump.file", "class": "FileLineSource", "config": {"path": "empty", "post": "noop"}}
            ],
            "sink": {"module": "bspump.common", "class": "NullSink"},
        }
    ]
}


def measure_startup(repeat: int) -> list[tuple[str, float, float]]:
    """Return what was started, wall seconds and CPU seconds, medians.

    Raises:
        Unavailable: One of them failed.
    """
    with tempfile.TemporaryDirectory() as folder:
        (pathlib.Path(folder) / "empty").touch()
        (pathlib.Path(folder) / "empty.json").write_text(json.dumps(EMPTY), encoding="utf-8")
        commands = {
            "python, nothing imported": ["-c", "pass"],
            "import bspump_like (names are imported on first use)": ["-c", "import bspump_like"],
            "import of the core: application and pipeline": [
                "-c",
                "from bspump_like import BSPumpApplication, Pipeline",
            ],
            "pump run of an empty pump, start to end": [
                "-m",
                "bspump_like.cli",
                "run",
                "empty.json",
                "--store",
                ":memory:",
            ],
        }
        taken: dict[str, list[tuple[float, float]]] = {name: [] for name in commands}
        for _ in range(repeat):
            for name, arguments in commands.items():
                taken[name].append(_once(arguments, folder))
    return [
        (name, statistics.median(wall for wall, _ in times), statistics.median(cpu for _, cpu in times))
        for name, times in taken.items()
    ]


def _once(arguments: list[str], folder: str) -> tuple[float, float]:
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run([sys.executable, *arguments], cwd=folder, capture_output=True, text=True)
    wall, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise Unavailable((done.stderr.strip().splitlines() or ["it said nothing"])[-1])
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

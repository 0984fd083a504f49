"""One table, loaded in a process of its own: `python -m benchmarks.lookup_memory KIND KEYS FOLDER` prints a row of the report."""

from __future__ import annotations

import gc
import hashlib
import logging
import pathlib
import random
import sys
import time
from typing import Any

from bspump_like.lookup import CompactLookup, FileLookup
from bspump_like.testing import fresh_application

PROBES = 200_000


def key(number: int) -> str:
    """Return the key of a row: nothing in it can be compressed."""
    return hashlib.md5(b"%d" % number).hexdigest()[:16]


def make(path: pathlib.Path, keys: int) -> None:
    """Write the file."""
    with path.open("w") as stream:
        stream.write("key,tenant,country,name\n")
        for number in range(keys):
            country = ("cz", "de", "fr", "us")[number % 4]
            stream.write(f"{key(number)},tenant-{number % 97:02},{country},{key(-number)[:10]}\n")


def memory() -> tuple[int, int]:
    """Return bytes that this process has written to, and all that it has in memory."""
    lines = (line.split() for line in pathlib.Path("/proc/self/smaps_rollup").read_text().splitlines()[1:])
    sizes = {name: int(size) * 1024 for name, size, *_ in lines}
    return sizes["Private_Dirty:"], sizes["Rss:"]


def measure(cls: Any, path: pathlib.Path, keys: int, title: str) -> str:
    """Load the table and ask it; return the row."""
    chance = random.Random(7)
    probes = [key(chance.randrange(keys)) for _ in range(PROBES)]
    config = {"path": str(path), "key": "key", **({"table_dir": str(path.parent)} if cls is CompactLookup else {})}
    with fresh_application() as app:
        lookup = cls(app, "Table", config)
        gc.collect()
        before, began = memory(), time.process_time()
        app.Loop.run_until_complete(lookup.load())
        loaded = time.process_time() - began
        best = min(_ask(lookup, probes) for _ in range(3))
        after = memory()
    own, mapped = ((now - then) / keys for now, then in zip(after, before, strict=True))
    return f"| {title} | {loaded:.1f} | {own:.0f} | {mapped:.0f} | {best / PROBES * 1e9:,.0f} |"


def _ask(lookup: Any, probes: list[str]) -> float:
    get, began = lookup.get, time.process_time()
    for probe in probes:
        get(probe)
    return time.process_time() - began


def main(kind: str, keys: str, folder: str) -> None:
    """Make the file, or measure."""
    logging.disable(logging.WARNING)
    path = pathlib.Path(folder, "table.csv")
    if kind == "made":
        make(path, int(keys))
    else:
        print(measure(FileLookup if kind == "FileLookup" else CompactLookup, path, int(keys), kind))


if __name__ == "__main__":
    main(*sys.argv[1:])

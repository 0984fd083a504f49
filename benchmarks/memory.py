"""Memory over millions of events: a pump in a process of its own, its resident set looked at after each million.

python -m benchmarks.memory --events 10000000    prints one line of JSON: {"events": ..., "megabytes": [one per step]}
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence

from .measure import Unavailable, Workload

STEPS = 10
_BLOCK = 20_000
_GROWTH = 5.0
"""Megabytes between the second look and the highest later one that still count as flat."""


def resident() -> float:
    """Return the resident set of this process in megabytes.

    Raises:
        OSError: This system has no /proc.
    """
    with open("/proc/self/statm", "rb") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def look(events: int) -> list[float]:
    """Run so many events through the usual pipeline; return the megabytes after each tenth of them."""
    from .pump import BATCH, Batches, run, usual_chain
    from .workload import make_events, make_users

    seen: list[float] = []

    class Round(Batches):
        async def main(self) -> None:
            self.clock.start()
            batches = [self.lines[at : at + BATCH] for at in range(0, len(self.lines), BATCH)]
            done = 0
            while done < events:
                for batch in batches:
                    done += len(batch)
                    await self.deliver(batch, {"lines": done})
                    if done % (events // STEPS) == 0:
                        seen.append(resident())

    with tempfile.TemporaryDirectory() as folder:
        run(usual_chain(Round), Workload(make_events(_BLOCK), make_users(), folder), count=events, timeout=3600)
    return seen


def measure_memory(events: int) -> list[float]:
    """Run `look` in a process of its own.

    Raises:
        Unavailable: It failed; the message is the last it said.
    """
    command = [sys.executable, "-m", "benchmarks.memory", "--events", str(events)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise Unavailable((done.stderr.strip().splitlines() or ["it said nothing"])[-1])
    seen: list[float] = json.loads(done.stdout.splitlines()[-1])["megabytes"]
    return seen


def describe(seen: Sequence[float], events: int) -> str:
    """Return one sentence about the looks."""
    growth = max(seen[1:]) - seen[1]
    verdict = "flat" if growth <= _GROWTH else f"NOT flat: {growth:.1f} MB more than at the second"
    looks = ", ".join(f"{megabytes:.0f}" for megabytes in seen)
    return f"{events:,} events, resident MB after each tenth: {looks} ({verdict})"


def main() -> int:
    """Print the figures of this process."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.memory")
    parser.add_argument("--events", type=int, default=10_000_000, help="a multiple of 200000 (10000000)")
    events: int = parser.parse_args().events
    logging.disable(logging.WARNING)
    print(json.dumps({"events": events, "megabytes": look(events)}))
    return 0


if __name__ == "__main__":
    sys.exit(main())

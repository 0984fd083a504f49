"""What every peer's module does around its own code: read `--events`, take the CPU time, print one line of JSON."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from typing import Any

from .chain import Keep, by_hand, new_keep
from .workload import make_events, make_users

Prepare = Callable[[list[bytes], dict[str, dict[str, Any]], Keep, int], Callable[[], object]]
"""Builds the chain from events, users, the end and the size of batches; returns what runs it. Only the latter is timed."""


def report(prepare: Prepare) -> None:
    """Build a peer's chain, run it, check its results, print its figures.

    Raises:
        SystemExit: Its results are not those of the loop written by hand.
    """
    parser = argparse.ArgumentParser()
    parser.add_argument("--events", type=int, default=200_000)
    parser.add_argument("--batch", type=int, default=1000)
    arguments = parser.parse_args()
    events: int = arguments.events
    lines, users, keep, expected = make_events(events), make_users(), new_keep(), new_keep()
    by_hand(lines, users, expected.append)
    run = prepare(lines, users, keep, arguments.batch)
    began = time.process_time()
    run()
    seconds = time.process_time() - began
    if keep != expected:
        raise SystemExit("its results differ from those of the loop written by hand")
    print(json.dumps({"seconds": seconds, "events": events}))

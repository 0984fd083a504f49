"""One million events counted into BSPump's NamedMatrix, its way: look up the row, add it if missing, write the cell.

Its last release, with the calls that newer Pythons have removed; see `peer_bspump.py`. Prints one line of JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
import warnings

from .matrix_workload import make_batches
from .peer_bspump import accept_old_calls


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--events", type=int, default=1_000_000)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    accept_old_calls()
    asyncio.set_event_loop(asyncio.new_event_loop())
    import bspump
    import bspump.matrix

    app = bspump.BSPumpApplication(args=[])
    matrix = bspump.matrix.NamedMatrix(app, dtype=[("count", "i8"), ("sum", "f8")])
    batches = make_batches(arguments.events, 1000)
    began = time.process_time()
    for names, values in batches:
        for name, value in zip(names, values, strict=True):
            row = matrix.get_row_index(name)
            if row is None:
                row = matrix.add_row(name)
            cell = matrix.Array[row]
            cell["count"] += 1
            cell["sum"] += value
    seconds = time.process_time() - began
    total = int(matrix.Array["count"].sum())
    if total != arguments.events:
        raise SystemExit(f"counted {total} of {arguments.events} events")
    print(json.dumps({"seconds": seconds, "events": arguments.events}))


if __name__ == "__main__":
    main()

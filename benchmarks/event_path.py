"""Measure the event path: `python benchmarks/event_path.py --help`."""

import pathlib
import sys

sys.path[0] = str(pathlib.Path(__file__).resolve().parent.parent)  # started as a file: the package lies one folder up

from benchmarks.command import main  # noqa: E402

if __name__ == "__main__":
    sys.exit(main())

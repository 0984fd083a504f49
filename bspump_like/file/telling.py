"""What a file source says of the names of files, for those who meet `post: move` the first time."""

from __future__ import annotations

from .scan import FAILED, PROCESSED, Scan


def of_renaming(destination: str) -> str:
    """Say what becomes of delivered files, when nobody has decided on it."""
    moved = f"moved to {destination!r}" if destination else f"renamed to NAME{PROCESSED}"
    return f"files that have been delivered are {moved}; 'post: noop' leaves them as they are, 'post: move' says it is meant so"


def of_nothing(path: str, scan: Scan) -> str:
    """Say that no file matches, and what has become of those that did."""
    said = f"no file matches the path {path!r}; nothing to read"
    if scan.processed:
        said += f"; {scan.processed} that did have been delivered and end in {PROCESSED} now ('post: noop' leaves names alone)"
    if scan.failed:
        said += f"; {scan.failed} that did have failed and end in {FAILED} now"
    return said

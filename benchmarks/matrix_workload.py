"""Events for the matrix: names of rows and values, in batches. Used by peers too, so it imports nothing of ours."""

from __future__ import annotations

import random

KEYS = 10_000


def make_batches(events: int, size: int) -> list[tuple[list[str], list[float]]]:
    """Return batches of names, of 10,000 different ones, and values; the same for everybody."""
    random_ = random.Random(5)
    names = [f"key-{number:05d}" for number in range(KEYS)]
    pairs = [(random_.choice(names), random_.random()) for _ in range(events)]
    cuts = range(0, events, size)
    return [([n for n, _ in pairs[at : at + size]], [v for _, v in pairs[at : at + size]]) for at in cuts]
